"""Compiled loops that rate rows by likelihood in float64. Serial, without the interpreter lock."""

import math
from typing import no_type_check

import numba
import numpy as np

from attrieve.data.compiled_functions import can_be_kept

SMALLEST = 2.0**-24
LARGEST_LOGIT = 50.0
LEAST_SHARE = 1e-12
LEAST_LOG_ODDS = -30.0
TINY = 1e-13
NOTHING = np.empty(0, dtype=np.int64)
KEPT = can_be_kept()


@numba.njit(nogil=True, cache=KEPT, inline="always")
@no_type_check
def _softplus(x):
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


@numba.njit(nogil=True, cache=KEPT)
@no_type_check
def mended_logit(probability, column, curve_start, curve_logit, curve_mended, curve_slope):
    """Return the calibrated logit of a stored probability."""
    held = min(max(float(probability), SMALLEST), 1.0 - SMALLEST)
    z = math.log(held) - math.log1p(-held)
    first, last = curve_start[column], curve_start[column + 1] - 1
    if z <= curve_logit[first]:
        y = curve_mended[first] + curve_slope[column] * (z - curve_logit[first])
    elif z >= curve_logit[last]:
        y = curve_mended[last] + curve_slope[column] * (z - curve_logit[last])
    else:
        above = first + 1
        while curve_logit[above] <= z:
            above += 1
        share = (z - curve_logit[above - 1]) / (curve_logit[above] - curve_logit[above - 1])
        y = curve_mended[above - 1] + share * (curve_mended[above] - curve_mended[above - 1])
    return min(max(y, -LARGEST_LOGIT), LARGEST_LOGIT)


@numba.njit(nogil=True, cache=KEPT)
@no_type_check
def _log_probability(event, z, start, members, rival_start, rivals, wanted, shares):
    first, last = start[event], start[event + 1]
    if rival_start[event] == rival_start[event + 1]:
        if last - first == 1:
            return -_softplus(-z[members[first]] if wanted[event] else z[members[first]])
        none = 0.0
        for place in range(first, last):
            none -= _softplus(z[members[place]])
        return max(math.log(-math.expm1(none)), -LARGEST_LOGIT)
    if shares:
        whole = own = 0.0
        for place in range(rival_start[event], rival_start[event + 1]):
            whole += 1.0 / (1.0 + math.exp(-z[rivals[place]]))
        for place in range(first, last):
            own += 1.0 / (1.0 + math.exp(-z[members[place]]))
        share = own / max(whole, 1.0)
        return math.log(min(max(share if wanted[event] else 1.0 - share, LEAST_SHARE), 1.0))
    top = 0.0
    for place in range(rival_start[event], rival_start[event + 1]):
        top = max(top, z[rivals[place]])
    everything = math.exp(-top)
    refused = math.exp(-top)
    for place in range(rival_start[event], rival_start[event + 1]):
        odds = math.exp(z[rivals[place]] - top)
        everything += odds
        if not wanted[event]:
            named = False
            for other in range(first, last):
                named = named or members[other] == rivals[place]
            if not named:
                refused += odds
    if not wanted[event]:
        return min(math.log(refused) - math.log(everything), 0.0)
    most = -np.inf
    for place in range(first, last):
        most = max(most, z[members[place]])
    own = 0.0
    for place in range(first, last):
        own += math.exp(z[members[place]] - most)
    return min(most + math.log(own) - top - math.log(everything), 0.0)


@numba.njit(nogil=True, cache=KEPT, inline="always")
@no_type_check
def _cosine_distance(embedding, row, vector):
    total = 0.0
    for entry in range(vector.shape[0]):
        total += vector[entry] * float(embedding[row, entry])
    return min(max(1.0 - total, 0.0), 2.0)


@numba.njit(nogil=True, cache=KEPT)
@no_type_check
def rate(
    first, last, rows, listed, probability,
    needed, start, members, rival_start, rivals, wanted, certainty,
    curve_start, curve_logit, curve_mended, curve_slope,
    embedding, vector, attribute_out, embedding_out,
):  # fmt: skip
    """Write the likelihood distance and the cosine distance of each row."""
    z = np.empty(needed.shape[0])
    for place in range(first, last):
        row = rows[place] if listed else place
        for column in range(needed.shape[0]):
            z[column] = mended_logit(
                probability[row, needed[column]], column, curve_start, curve_logit, curve_mended, curve_slope
            )
        total = 0.0
        for event in range(certainty.shape[0]):
            total -= certainty[event] * _log_probability(
                event, z, start, members, rival_start, rivals, wanted, False
            )
        attribute_out[place] = total
        embedding_out[place] = _cosine_distance(embedding, row, vector) if vector.shape[0] else 0.0


@numba.njit(nogil=True, cache=KEPT)
@no_type_check
def match(
    first, last, rows, listed, probability,
    needed, start, members, rival_start, rivals, wanted, certainty,
    curve_start, curve_logit, curve_mended, curve_slope,
    embedding, vector, intercept, slope, of_cosine, out,
):  # fmt: skip
    """Write P(match) of each row, or, if ``out`` is empty, return only their sum."""
    z = np.empty(needed.shape[0])
    everything = 0.0
    for place in range(first, last):
        row = rows[place] if listed else place
        for column in range(needed.shape[0]):
            z[column] = mended_logit(
                probability[row, needed[column]], column, curve_start, curve_logit, curve_mended, curve_slope
            )
        total = 0.0
        for event in range(certainty.shape[0]):
            log = _log_probability(event, z, start, members, rival_start, rivals, wanted, True)
            lacking = min(max(1.0 - math.exp(log), 0.0), 1.0 - TINY)
            total += math.log1p(-certainty[event] * lacking)
        total = min(max(total, LEAST_LOG_ODDS), -TINY)
        odds = intercept + slope * (total - math.log(-math.expm1(total)))
        if vector.shape[0]:
            odds += of_cosine * (1.0 - _cosine_distance(embedding, row, vector))
        found = 1.0 / (1.0 + math.exp(-odds)) if odds > -700.0 else 0.0
        everything += found
        if out.shape[0]:
            out[place] = found
    return everything
