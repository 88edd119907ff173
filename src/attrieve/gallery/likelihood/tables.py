"""Logarithms and curves looked up instead of computed: what a probability costs, for all rows of a gallery.

A table holds a function at probabilities that are at most 1/128 of their distance to 0 or 1 apart, near both
ends as dense as stored float32 numbers; between them it is a straight line. The function rises or falls, so
what is looked up is never further from the truth than the two neighbouring entries are from each other.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, no_type_check

import numba
import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic
from numpy import ndarray
from scipy.special import expit

from attrieve.gallery.likelihood.asked import EventArrays
from attrieve.gallery.likelihood.kernels import KEPT, LARGEST_LOGIT
from attrieve.models.calibration import Curve

OCTAVES, STEPS = 23, 128
"""From 2^-24 to 1/2, so many entries in each octave."""

ENTRIES = OCTAVES * STEPS + 2
"""The last entry stands behind 1/2, where nothing is looked up."""

_BASE = (127 - 24) << 23  # the bits of float32 2^-24
_SHIFT = 23 - 7
_MASK = (1 << _SHIFT) - 1
_PART = np.float32(2.0**-_SHIFT)
_LEAST = np.float32(2.0**-24)
_HALF, _ONE = np.float32(0.5), np.float32(1.0)

FLOAT32_SLACK = 1e-5
"""More than float32 loses in the inner product of two unit vectors of a few hundred entries."""


@intrinsic
@no_type_check
def _bits(typing_context: Any, number: Any) -> Any:  # noqa: ARG001 - numba's signature
    """Return the bits of a float32 as a whole number."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        return builder.bitcast(arguments[0], ir.IntType(32))

    return types.int32(types.float32), generate


@numba.njit(nogil=True, cache=KEPT, inline="always")
@no_type_check
def _look_up(probability, table):
    """Return what a table says of a probability; the first half counts from 0, the second from 1."""
    upper = 1 if probability >= _HALF else 0
    near = _ONE - probability if upper else probability
    place = _bits(max(near, _LEAST)) - np.int32(_BASE)
    entry = place >> _SHIFT
    share = np.float32(place & _MASK) * _PART
    low = table[upper, entry]
    return low + share * (table[upper, entry + 1] - low)


@numba.njit(nogil=True, cache=KEPT, fastmath={"reassoc", "contract", "nsz"})
@no_type_check
def _inner(embedding, row, vector):
    total = np.float32(0)
    for entry in range(vector.shape[0]):
        total += vector[entry] * embedding[row, entry]
    return total


@numba.njit(nogil=True, cache=KEPT)
@no_type_check
def look_up_distances(
    first, last, rows, listed, probability, single_column, single, column, odds,
    start, members, rival_start, rivals, wanted, certainty, embedding, vector, nats, out,
):  # fmt: skip
    """Write approximate distances."""
    own = np.empty(column.shape[0])
    for place in range(first, last):
        row = rows[place] if listed else place
        total = 0.0
        for event in range(single_column.shape[0]):
            total += _look_up(probability[row, single_column[event]], single[event])
        for number in range(column.shape[0]):
            own[number] = _look_up(probability[row, column[number]], odds[number])
        for event in range(certainty.shape[0]):
            if rival_start[event] == rival_start[event + 1]:
                none = 1.0
                for member in range(start[event], start[event + 1]):
                    none *= 1.0 + own[members[member]]
                share = (none - 1.0) / none
            else:
                everything, chosen = 1.0, 0.0
                for rival in range(rival_start[event], rival_start[event + 1]):
                    everything += own[rivals[rival]]
                for member in range(start[event], start[event + 1]):
                    chosen += own[members[member]]
                share = (chosen if wanted[event] else max(everything - chosen, 1.0)) / everything
            total -= certainty[event] * max(np.log(max(share, 1e-300)), -LARGEST_LOGIT)
        if vector.shape[0]:
            total += nats * min(max(1.0 - float(_inner(embedding, row, vector)), 0.0), 2.0)
        out[place] = total


@numba.njit(nogil=True, cache=KEPT)
@no_type_check
def look_up_matches(
    first, last, rows, listed, probability, single_column, single, column, single_share,
    start, members, rival_start, rivals, wanted, certainty,
    embedding, vector, intercept, slope, of_cosine,
):  # fmt: skip
    """Return the sum of P(match)."""
    own = np.empty(column.shape[0])
    found = 0.0
    for place in range(first, last):
        row = rows[place] if listed else place
        product = 1.0
        for event in range(single_column.shape[0]):
            product *= _look_up(probability[row, single_column[event]], single[event])
        for number in range(column.shape[0]):
            own[number] = _look_up(probability[row, column[number]], single_share[number])
        for event in range(certainty.shape[0]):
            if rival_start[event] == rival_start[event + 1]:
                none = 1.0
                for member in range(start[event], start[event + 1]):
                    none *= 1.0 - own[members[member]]
                share = 1.0 - none
            else:
                whole, share = 0.0, 0.0
                for rival in range(rival_start[event], rival_start[event + 1]):
                    whole += own[rivals[rival]]
                for member in range(start[event], start[event + 1]):
                    share += own[members[member]]
                share /= max(whole, 1.0)
                share = share if wanted[event] else 1.0 - share
            product *= 1.0 - certainty[event] * (1.0 - min(max(share, 1e-12), 1.0))
        product = min(max(product, 9.4e-14), 1.0 - 1e-13)
        odds = intercept + slope * (np.log(product) - np.log1p(-product))
        if vector.shape[0]:
            odds += of_cosine * min(max(float(_inner(embedding, row, vector)), -1.0), 1.0)
        found += 1.0 / (1.0 + np.exp(-odds)) if odds > -700.0 else 0.0
    return found


@dataclass(frozen=True, eq=False)
class EventTables:
    """A description as tables: single attributes apart from events of several.

    Args:
        single_column: position in the schema of each event of one attribute.
        single: its table: cost times certainty, or for P(match) the factor.
        column: positions of what the other events read.
        own: their tables: odds, or for P(match) probabilities.
        start, members, rival_start, rivals, wanted, certainty: the other events, over ``column``.
        error: how far the sum of costs may be off.
    """

    single_column: Int64[ndarray, " single"]
    single: Float32[ndarray, "single 2 entry"]
    column: Int64[ndarray, " column"]
    own: Float32[ndarray, "column 2 entry"]
    start: Int64[ndarray, " bound"]
    members: Int64[ndarray, " member"]
    rival_start: Int64[ndarray, " bound"]
    rivals: Int64[ndarray, " rival"]
    wanted: Bool[ndarray, " event"]
    certainty: Float64[ndarray, " event"]
    error: float

    def arrays(self) -> tuple[ndarray, ...]:
        """Return what the kernels take, in their order."""
        return tuple(value for name, value in vars(self).items() if name != "error")

    @classmethod
    def of(cls, events: EventArrays, *, matching: bool) -> "EventTables":
        """Make the tables of a description; those of a curve are kept for the next one."""
        curves = events.curves
        several = [
            number
            for number in range(len(events.certainty))
            if events.start[number + 1] - events.start[number] > 1 or len(events.rivals_of(number))
        ]
        single = [number for number in range(len(events.certainty)) if number not in several]
        read = sorted(
            {int(i) for number in several for i in (*events.members_of(number), *events.rivals_of(number))}
        )
        place = {index: number for number, index in enumerate(read)}
        tables, error = [], 0.0
        for number in single:
            own = int(events.members[events.start[number]])
            table, spread = _cost(curves[own], bool(events.wanted[number]))
            sure = float(events.certainty[number])
            tables.append(1 - sure * -np.expm1(-table) if matching else sure * table)
            error += sure * spread
        for number in several:
            needed = events.rivals_of(number) if len(events.rivals_of(number)) else events.members_of(number)
            steepness = 2 if len(events.rivals_of(number)) else 1  # by the largest change of any logit
            spread = max(_cost(curves[int(index)], True)[1] for index in needed)
            error += steepness * float(events.certainty[number]) * spread
        return cls(
            events.needed[[int(events.members[events.start[number]]) for number in single]],
            _stack(tables),
            events.needed[read],
            _stack([_own(curves[index], matching=matching) for index in read]),
            _bounds([len(events.members_of(number)) for number in several]),
            np.array(
                [place[int(i)] for number in several for i in events.members_of(number)], dtype=np.int64
            ),
            _bounds([len(events.rivals_of(number)) for number in several]),
            np.array([place[int(i)] for number in several for i in events.rivals_of(number)], dtype=np.int64),
            events.wanted[several],
            events.certainty[several],
            error,
        )


def _bounds(sizes: list[int]) -> Int64[ndarray, " bound"]:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _stack(tables: list[ndarray]) -> Float32[ndarray, "table 2 entry"]:
    if not tables:
        return np.empty((0, 2, ENTRIES), dtype=np.float32)
    return np.asarray(np.stack(tables), dtype=np.float32)


@lru_cache(maxsize=1024)
def _mended(curve: Curve) -> Float64[ndarray, "2 entry"]:
    """Return the calibrated logit at every entry, counted from 0 and from 1."""
    number = np.arange(ENTRIES, dtype=np.int64) << _SHIFT
    near = np.minimum((number + _BASE).astype(np.int32).view(np.float32).astype(np.float64), 0.5)
    z = np.stack([np.log(near) - np.log1p(-near), np.log1p(-near) - np.log(near)])
    x, y = np.array(curve.logit), np.array(curve.mended)
    outside = np.minimum(z - x[0], 0) + np.maximum(z - x[-1], 0)
    mended = np.interp(z, x, y) + curve.slope * outside
    return np.asarray(np.clip(mended, -LARGEST_LOGIT, LARGEST_LOGIT))


@lru_cache(maxsize=1024)
def _cost(curve: Curve, wanted: bool) -> tuple[Float64[ndarray, "2 entry"], float]:
    """Return ``-log P`` of one attribute, and how far any logit is from its neighbour."""
    z = _mended(curve)
    return np.logaddexp(0.0, -z if wanted else z), float(np.abs(np.diff(z, axis=1)).max())


def _own(curve: Curve, *, matching: bool) -> Float64[ndarray, "2 entry"]:
    z = _mended(curve)
    return np.asarray(expit(z) if matching else np.exp(z))
