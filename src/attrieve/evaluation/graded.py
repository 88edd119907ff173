"""Graded relevance: credit for persons that agree in most of what was asked.

Test queries often differ from their neighbours by one attribute, and binary relevance then punishes
near-perfect answers. The UPAR challenge ranks by the mean of the value computed here (mADM).
"""

import numpy as np
from jaxtyping import Float32, Float64, Int8, Int64
from numpy import ndarray

from attrieve.evaluation.counting import add_up_weights

EQUAL = 1e-6
"""If the best agreement is this close to the mean, all are the same and there is nothing to grade."""


def attribute_agreement(
    query_values: Int8[ndarray, "query attribute"], person_values: Int8[ndarray, "person attribute"]
) -> Float32[ndarray, "query person"]:
    """Return the share of equal attributes in [0, 1], over those known on both sides; 0 if none is.

    >>> asked = np.array([[1, 0, 1, -1]], dtype=np.int8)
    >>> attribute_agreement(asked, np.array([[1, 0, 1, 1], [1, 1, 0, 0]], dtype=np.int8))
    array([[1.        , 0.33333334]], dtype=float32)
    """
    equal: Float32[ndarray, "query person"] = _by_value(query_values) @ _by_value(person_values).T
    if (query_values >= 0).all() and (person_values >= 0).all():
        equal /= np.float32(max(query_values.shape[1], 1))
        return equal
    known = (query_values >= 0).astype(np.float32) @ (person_values >= 0).astype(np.float32).T
    np.maximum(known, 1, out=known)
    equal /= known
    return equal


def _by_value(values: Int8[ndarray, "row attribute"]) -> Float32[ndarray, "row case"]:
    return np.asarray(np.concatenate([values == 1, values == 0], axis=1), dtype=np.float32)


def normalised_agreement(
    agreement: Float32[ndarray, "query person"],
    relevant: Int64[ndarray, "query most_relevant"],
    removed: Int64[ndarray, " query"] | None = None,
) -> Float32[ndarray, "query person"]:
    """Return ``max(0, (dom - mean) / (max - mean))`` per query over its gallery, in [0, 1].

    Where all persons agree alike there is nothing to grade: relevant persons get 1, all others 0.

    Args:
        agreement: dom, see :func:`attribute_agreement`; overwritten with the result to save memory.
        relevant: ascending person positions, -1 behind the last.
        removed: one person outside the gallery per query, gets 0; -1 for nobody.
    """
    rows = np.arange(len(agreement))
    gone = np.full(len(agreement), -1) if removed is None else removed
    has_gone = gone >= 0
    agreement[rows[has_gone], gone[has_gone]] = 0
    persons = np.maximum(agreement.shape[1] - has_gone, 1)
    mean = (agreement.sum(axis=1, dtype=np.float64) / persons).astype(np.float32)
    # Both in float32, as below: the best agreement then divides to exactly 1.
    spread = agreement.max(axis=1) - mean
    graded = spread > EQUAL
    agreement -= mean[:, None]
    agreement /= np.where(graded, spread, np.float32(1))[:, None]
    np.clip(agreement, 0, 1, out=agreement)
    for row in rows[~graded]:
        agreement[row] = 0
        agreement[row, relevant[row][relevant[row] >= 0]] = 1
    agreement[rows[has_gone], gone[has_gone]] = 0
    return agreement


def average_degree_of_match(
    distance: Float32[ndarray, "query person"],
    degree: Float32[ndarray, "query person"],
    relevant: Int64[ndarray, "query most_relevant"],
    ranks: Int64[ndarray, "query most_relevant"],
) -> Float64[ndarray, " query"]:
    """Return ``ADM = mean_k (sum of ndom in the top r_k) / r_k`` in [0, 1] over the exact matches.

    It is 1 if the exact matches lead, and the standard average precision if all others have degree 0.

    Args:
        distance: smaller is nearer; ties resolve by person position.
        degree: ndom, see :func:`normalised_agreement`.
        relevant: the exact matches: ascending person positions, -1 behind the last.
        ranks: of the exact matches, from 1, ascending, 0 behind the last.

    Source: UPAR challenge, Track 2, as rebuilt from two independent public readings.
    """
    gains = np.zeros(relevant.shape, dtype=np.float64)
    add_up_weights(
        np.ascontiguousarray(distance), np.ascontiguousarray(degree), np.ascontiguousarray(relevant), gains
    )
    # Degrees are at least 0, so gains grow with rank and both sort alike.
    ordered = np.sort(np.where(relevant >= 0, gains, np.inf), axis=1)
    shares = np.where(ranks > 0, ordered, 0.0) / np.maximum(ranks, 1)
    return np.asarray(shares.sum(axis=1) / np.maximum((ranks > 0).sum(axis=1), 1), dtype=np.float64)
