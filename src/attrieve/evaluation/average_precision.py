"""Average precision and its relatives, one value per query, from ranks alone.

Nothing here sees a score, so its sign or scale cannot matter. A query without any relevant person has
no average precision; its entry is 0 and the caller leaves it out by ``count``.
"""

import numpy as np
from jaxtyping import Float64, Int64
from numpy import ndarray


def average_precision(
    ranks: Int64[ndarray, "query most_relevant"], count: Int64[ndarray, " query"]
) -> Float64[ndarray, " query"]:
    """Return ``mean_k k / rank_k`` in [0, 1]: the standard definition.

    Args:
        ranks: of the relevant persons, from 1, ascending, 0 behind the last.
        count: how many each query has.

    >>> average_precision(np.array([[2], [1]]), np.array([1, 1]))
    array([0.5, 1. ])
    """
    return _mean(_precision(ranks), ranks, count)


def trapezoid_average_precision(
    ranks: Int64[ndarray, "query most_relevant"], count: Int64[ndarray, " query"]
) -> Float64[ndarray, " query"]:
    """Return ``mean_k (old_k + k / rank_k) / 2`` with ``old_k = (k-1) / (rank_k - 1)``, 1 at rank 1.

    This is how the published code of ASMR (Jeong, Park, Kwak, ICCV 2021) scores; it lies below the
    standard definition, except for perfect rankings.

    >>> trapezoid_average_precision(np.array([[2], [1]]), np.array([1, 1]))
    array([0.25, 1.  ])
    """
    before = np.arange(ranks.shape[1]) / np.maximum(ranks - 1, 1)
    old = np.where(ranks == 1, 1.0, before)
    return _mean((old + _precision(ranks)) / 2, ranks, count)


def inverse_negative_penalty(
    ranks: Int64[ndarray, "query most_relevant"], count: Int64[ndarray, " query"]
) -> Float64[ndarray, " query"]:
    """Return ``count / last rank`` in [0, 1]: how soon the last relevant person is found (INP).

    Its mean is mINP (Ye et al., "Deep Learning for Person Re-identification", 2021).

    >>> inverse_negative_penalty(np.array([[1, 4]]), np.array([2]))
    array([0.5])
    """
    last = ranks.max(axis=1, initial=1)
    return np.asarray(count / last, dtype=np.float64)


def _precision(ranks: Int64[ndarray, "query most_relevant"]) -> Float64[ndarray, "query most_relevant"]:
    place = np.arange(1, ranks.shape[1] + 1)
    return np.asarray(place / np.maximum(ranks, 1), dtype=np.float64)


def _mean(
    value: Float64[ndarray, "query most_relevant"],
    ranks: Int64[ndarray, "query most_relevant"],
    count: Int64[ndarray, " query"],
) -> Float64[ndarray, " query"]:
    total = np.where(ranks > 0, value, 0.0).sum(axis=1)
    return np.asarray(total / np.maximum(count, 1), dtype=np.float64)
