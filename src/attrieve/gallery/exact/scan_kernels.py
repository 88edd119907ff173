"""Compiled loops over compact columns: summaries of blocks, rows within a limit, distances of blocks.

For each block a scan keeps three numbers: the largest attribute distance, the largest embedding distance
and the smallest mix of both; nothing is kept per row. All are approximate by the errors of the codes.
"""

from typing import no_type_check

import numba
import numpy as np

from attrieve.gallery.exact.compiling import ALLOCATING, BLOCK, FAST, IN_PLACE, NO_ROW, STRETCH
from attrieve.gallery.exact.distance_kernels import (
    attribute_distances,
    embedding_distances,
    expect_block,
    expect_look,
    look,
)
from attrieve.gallery.exact.float_lanes import (
    add,
    larger,
    largest,
    load_floats,
    multiply,
    repeat_float,
    smaller,
    smallest,
)


@numba.njit(**ALLOCATING, fastmath=FAST)
@no_type_check
def scan(
    start, stop, ids, use_ids, embedding_codes, scale, words, outside, wanted, bias, factor, base,
    probability_codes, begins, weight, offset, step, set_start, set_attribute, set_weight, set_offset,
    mix_attribute, mix_embedding, most_attribute, most_embedding, least_mix,
):  # fmt: skip
    """Fill the three summaries of the blocks of places ``start`` to ``stop``; both count in rows.

    The largest embedding distance is one that no row exceeds, the mix is of those no row falls below.
    """
    whole_room, room = np.zeros(8, dtype=np.int32), np.zeros(8, dtype=np.float32)
    stretch = BLOCK if use_ids else STRETCH
    attribute = np.zeros(stretch, dtype=np.float32)
    near = np.zeros(stretch, dtype=np.float32)
    far = np.zeros(stretch, dtype=np.float32) if words.shape[0] else near
    for first in range(start, stop, stretch):
        if use_ids:
            expect_look(first + BLOCK, stop, ids, use_ids, embedding_codes, scale, words, probability_codes)
        look(
            first, stop, ids, use_ids, embedding_codes, scale, words, outside, wanted, bias, factor, base,
            probability_codes, begins, weight, offset, step, set_start, set_attribute, set_weight, set_offset,
            whole_room, room, attribute, near, far,
        )  # fmt: skip
        for at in range(0, min(stretch, stop - first), BLOCK):
            if stop - first - at < BLOCK:  # what lies past the end must not count
                _repeat_last(attribute, at, stop - first)
                _repeat_last(near, at, stop - first)
                _repeat_last(far, at, stop - first)
            most_a, most_e, least = _reduce(attribute, near, far, at, mix_attribute, mix_embedding)
            block = (first + at) // BLOCK
            most_attribute[block], most_embedding[block], least_mix[block] = most_a, most_e, least


@numba.njit(**IN_PLACE, inline="always")
@no_type_check
def _repeat_last(distances, at, count):
    for i in range(count, at + BLOCK):
        distances[i] = distances[count - 1]


@numba.njit(**IN_PLACE)
@no_type_check
def _reduce(attribute, near, far, at, mix_attribute, mix_embedding):
    """Return the largest attribute and embedding distance and the smallest mix of a block."""
    by_attribute, by_embedding = repeat_float(mix_attribute), repeat_float(mix_embedding)
    most_a, most_e = repeat_float(np.float32(0)), repeat_float(np.float32(0))
    least = repeat_float(np.float32(NO_ROW))
    for i in range(at, at + BLOCK, 8):
        a = load_floats(attribute, i)
        most_a, most_e = larger(most_a, a), larger(most_e, load_floats(far, i))
        mixed = add(multiply(by_attribute, a), multiply(by_embedding, load_floats(near, i)))
        least = smaller(least, mixed)
    return largest(most_a), largest(most_e), smallest(least)


@numba.njit(**ALLOCATING)
@no_type_check
def rows_within(
    blocks, ids, use_ids, rows, embedding_codes, scale, words, outside, wanted, bias, factor, base,
    probability_codes, begins, weight, offset, step, set_start, set_attribute, set_weight, set_offset,
    by_attribute, by_embedding, limit, places,
):  # fmt: skip
    """Fill the places of some blocks' rows that may lie within a limit; return how many.

    A row may if ``by_attribute * attribute + by_embedding * embedding <= limit`` (of its block) for one of
    the distances it can have by the numbers a :func:`scan` reads; factors may be negative.
    """
    whole_room, room = np.zeros(8, dtype=np.int32), np.zeros(8, dtype=np.float32)
    attribute, near = np.zeros(BLOCK, dtype=np.float32), np.zeros(BLOCK, dtype=np.float32)
    far = np.zeros(BLOCK, dtype=np.float32) if words.shape[0] else near
    return _rows_within(
        blocks, ids, use_ids, rows, embedding_codes, scale, words, outside, wanted, bias, factor, base,
        probability_codes, begins, weight, offset, step, set_start, set_attribute, set_weight, set_offset,
        by_attribute, by_embedding, limit, places, whole_room, room, attribute, near, far,
    )  # fmt: skip


@numba.njit(**IN_PLACE)
@no_type_check
def _rows_within(
    blocks, ids, use_ids, rows, embedding_codes, scale, words, outside, wanted, bias, factor, base,
    probability_codes, begins, weight, offset, step, set_start, set_attribute, set_weight, set_offset,
    by_attribute, by_embedding, limit, places, whole_room, room, attribute, near, far,
):  # fmt: skip
    found = 0
    for b in range(blocks.shape[0]):
        first = blocks[b] * BLOCK
        if b + 1 < blocks.shape[0]:
            after = blocks[b + 1] * BLOCK
            expect_look(after, rows, ids, use_ids, embedding_codes, scale, words, probability_codes)
        look(
            first, rows, ids, use_ids, embedding_codes, scale, words, outside, wanted, bias, factor, base,
            probability_codes, begins, weight, offset, step, set_start, set_attribute, set_weight, set_offset,
            whole_room, room, attribute, near, far,
        )  # fmt: skip
        count = min(BLOCK, rows - first)
        e = far if by_embedding < 0 else near
        left = _count_within(attribute, e, count, by_attribute, by_embedding, limit[b])
        for i in range(count):
            if left == 0:
                break
            if by_attribute * np.float64(attribute[i]) + by_embedding * np.float64(e[i]) <= limit[b]:
                places[found] = first + i
                found += 1
                left -= 1
    return found


@numba.njit(**IN_PLACE, inline="always")
@no_type_check
def _count_within(attribute, embedding, count, by_attribute, by_embedding, limit):
    """Return how many rows are within; without a branch, so that several are compared at a time."""
    found = 0
    for i in range(count):
        distance = by_attribute * np.float64(attribute[i]) + by_embedding * np.float64(embedding[i])
        found += np.int64(distance <= limit)
    return found


@numba.njit(**IN_PLACE, fastmath=FAST)
@no_type_check
def distances_of_blocks(
    blocks, ids, use_ids, rows, embedding_codes, scale, wanted, bias, factor, base,
    probability_codes, begins, weight, offset, step, set_start, set_attribute, set_weight, set_offset,
    attribute, embedding, whole_room, room,
):  # fmt: skip
    """Fill both distances (block, 64) of all rows of some blocks; places past the end get NO_ROW.

    Eight int32 and eight float32 are room to work in.
    """
    for b in range(blocks.shape[0]):
        first = blocks[b] * BLOCK
        if b + 1 < blocks.shape[0]:
            after = blocks[b + 1] * BLOCK
            expect_block(after, rows, ids, use_ids, embedding_codes, scale, probability_codes)
        if wanted.shape[0]:
            embedding_distances(
                first, rows, ids, use_ids, embedding_codes, scale, wanted, bias, factor, base,
                whole_room, room, embedding[b],
            )  # fmt: skip
        else:
            embedding[b] = np.float32(0)
        attribute_distances(
            first, rows, ids, use_ids, probability_codes, begins, weight, offset, step,
            set_start, set_attribute, set_weight, set_offset, attribute[b],
        )  # fmt: skip
        for i in range(rows - first, BLOCK):
            attribute[b, i] = embedding[b, i] = np.float32(NO_ROW)
