"""Compiled counting: where the relevant persons stand, without sorting the gallery.

For each relevant person one pass over the row counts who comes before it; the compiler turns the pass
into wide vector compares, which is much cheaper than ordering everybody. Rows with very many relevant
persons are counted by a binary search per person instead.
"""

from typing import no_type_check

import numba
import numpy as np

from attrieve.data.compiled_functions import can_be_kept

CHUNK = 4096
"""Distances looked at together; they stay in the first-level cache for all relevant persons."""

FEW = 256
"""Up to so many relevant persons, one pass each is the faster way."""

KEPT = can_be_kept()


@numba.njit(nogil=True, cache=KEPT)
@no_type_check
def count_ranks(distance, relevant, ranks):
    """Fill ``ranks`` (query, most_relevant) with the rank from 1 of each relevant person.

    ``relevant`` holds ascending person positions, padded with -1 behind. Ties resolve by position.
    Returns the first query with a NaN, or -1.
    """
    for query in range(distance.shape[0]):
        row = distance[query]
        count = _used(relevant[query])
        if count <= FEW:
            clean = _ranks_by_passes(row, relevant[query, :count], ranks[query])
        else:
            clean = _ranks_by_search(row, relevant[query, :count], ranks[query])
        if not clean:
            return query
    return -1


@numba.njit(nogil=True, cache=KEPT)
@no_type_check
def add_up_weights(distance, weight, relevant, gains):
    """Fill ``gains`` (query, most_relevant) with the weight of all persons up to each relevant one."""
    for query in range(distance.shape[0]):
        count = _used(relevant[query])
        if count <= FEW:
            _gains_by_passes(distance[query], weight[query], relevant[query, :count], gains[query])
        else:
            _gains_by_search(distance[query], weight[query], relevant[query, :count], gains[query])


@numba.njit(nogil=True, cache=KEPT)
@no_type_check
def _used(relevant):
    count = 0
    while count < relevant.shape[0] and relevant[count] >= 0:
        count += 1
    return count


@numba.njit(nogil=True, cache=KEPT)
@no_type_check
def _holds_nan(row):
    found = np.int32(0)
    for j in range(row.shape[0]):
        found = np.int32(found + np.int32(row[j] != row[j]))
    return found > 0


@numba.njit(nogil=True, cache=KEPT)
@no_type_check
def _below(chunk, bound):
    # Counting from 0 in 32 bits is what lets the compiler use whole vectors.
    count = np.int32(0)
    for j in range(chunk.shape[0]):
        count = np.int32(count + np.int32(chunk[j] < bound))
    return count


@numba.njit(nogil=True, cache=KEPT)
@no_type_check
def _up_to(chunk, bound):
    count = np.int32(0)
    for j in range(chunk.shape[0]):
        count = np.int32(count + np.int32(chunk[j] <= bound))
    return count


@numba.njit(nogil=True, cache=KEPT)
@no_type_check
def _ranks_by_passes(row, relevant, ranks):
    bounds = row[relevant]
    for k in range(relevant.shape[0]):
        ranks[k] = 1
    for start in range(0, row.shape[0], CHUNK):
        chunk = row[start : min(start + CHUNK, row.shape[0])]
        if _holds_nan(chunk):
            return False
        for k in range(relevant.shape[0]):
            # Persons that stand before the relevant one win a tie, those behind lose it.
            split = relevant[k] - start
            if split <= 0:
                ranks[k] += _below(chunk, bounds[k])
            elif split >= chunk.shape[0]:
                ranks[k] += _up_to(chunk, bounds[k])
            else:
                ranks[k] += _up_to(chunk[:split], bounds[k]) + _below(chunk[split:], bounds[k])
    return True


@numba.njit(nogil=True, cache=KEPT, fastmath={"reassoc", "nsz"})
@no_type_check
def _weight_below(chunk, weight, bound):
    total = 0.0
    for j in range(chunk.shape[0]):
        total += np.float64(weight[j]) if chunk[j] < bound else 0.0
    return total


@numba.njit(nogil=True, cache=KEPT, fastmath={"reassoc", "nsz"})
@no_type_check
def _weight_up_to(chunk, weight, bound):
    total = 0.0
    for j in range(chunk.shape[0]):
        total += np.float64(weight[j]) if chunk[j] <= bound else 0.0
    return total


@numba.njit(nogil=True, cache=KEPT)
@no_type_check
def _gains_by_passes(row, weight, relevant, gains):
    for k in range(relevant.shape[0]):
        gains[k] = weight[relevant[k]]
    for start in range(0, row.shape[0], CHUNK):
        stop = min(start + CHUNK, row.shape[0])
        chunk, part = row[start:stop], weight[start:stop]
        for k in range(relevant.shape[0]):
            bound = row[relevant[k]]
            split = min(max(relevant[k] - start, 0), chunk.shape[0])
            gains[k] += _weight_up_to(chunk[:split], part[:split], bound)
            gains[k] += _weight_below(chunk[split:], part[split:], bound)


@numba.njit(nogil=True, cache=KEPT)
@no_type_check
def _place(bounds, persons, distance, person):
    """Return how many of the sorted relevant persons come before ``person`` at ``distance``."""
    low, high = 0, bounds.shape[0]
    while low < high:
        middle = (low + high) // 2
        bound = bounds[middle]
        if bound < distance or (bound == distance and persons[middle] < person):
            low = middle + 1
        else:
            high = middle
    return low


@numba.njit(nogil=True, cache=KEPT)
@no_type_check
def _ranks_by_search(row, relevant, ranks):
    if _holds_nan(row):
        return False
    order = np.argsort(row[relevant], kind="mergesort")
    persons = relevant[order]
    bounds = row[persons]
    found = np.zeros(relevant.shape[0] + 1, dtype=np.int64)
    for j in range(row.shape[0]):
        found[_place(bounds, persons, row[j], j)] += 1
    running = 0
    for k in range(relevant.shape[0]):
        running += found[k]
        ranks[order[k]] = running
    return True


@numba.njit(nogil=True, cache=KEPT)
@no_type_check
def _gains_by_search(row, weight, relevant, gains):
    order = np.argsort(row[relevant], kind="mergesort")
    persons = relevant[order]
    bounds = row[persons]
    found = np.zeros(relevant.shape[0] + 1, dtype=np.float64)
    for j in range(row.shape[0]):
        found[_place(bounds, persons, row[j], j)] += weight[j]
    running = 0.0
    for k in range(relevant.shape[0]):
        running += found[k]
        gains[order[k]] = running
