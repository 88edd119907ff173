"""Cumulative matching characteristic: is a relevant person among the first few?"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64
from numpy import ndarray

from attrieve.errors import InputError


def cumulative_match(
    ranks: Int64[ndarray, "query most_relevant"], cutoffs: Sequence[int]
) -> Float64[ndarray, "query cutoff"]:
    """Return 1 where the first relevant person stands at or before the cutoff, else 0.

    The mean over queries is Rank-1, Rank-5 and so on (the CMC curve).

    Args:
        ranks: from 1, ascending, 0 behind the last; a query without any scores 0.
        cutoffs: at least 1 each.

    Raises:
        InputError: for a cutoff below 1.

    >>> cumulative_match(np.array([[2, 7], [6, 0]]), [1, 5, 10])
    array([[0., 1., 1.],
           [0., 0., 1.]])
    """
    if min(cutoffs, default=1) < 1:
        raise InputError(f"cutoffs count from 1, got {list(cutoffs)}")
    if ranks.shape[1] == 0:
        return np.zeros((len(ranks), len(cutoffs)))
    first = ranks[:, :1]
    return ((first > 0) & (first <= np.asarray(cutoffs)[None, :])).astype(np.float64)
