"""Compiled loops that compute the distances of many queries while a block of rows is in the nearest cache.

Sixteen queries form a group; what is asked of them lies side by side, so that a pair of codes meets all of
them at once. Both sides are products of whole numbers, the attributes' through
``sum c (t - p)^2 = sum c t^2 - sum 2 c t p + sum c p^2``. Serial and without the interpreter lock, as all.
"""

from typing import no_type_check

import numba
import numpy as np

from attrieve.gallery.exact.compiling import ALLOCATING, BLOCK, FAST, IN_PLACE, LANES, NO_ROW
from attrieve.gallery.exact.distance_kernels import row_at
from attrieve.gallery.exact.float_lanes import (
    add,
    as_floats,
    larger,
    load_floats,
    load_short,
    load_wide_floats,
    lower_halves,
    multiply,
    repeat_float,
    repeat_wide_float,
    root,
    smaller,
    store_floats,
    subtract,
    total_float,
    upper_halves,
)
from attrieve.gallery.exact.lanes import (
    add_products,
    lessen,
    load_bytes,
    load_wide_pairs,
    load_wide_sums,
    no_wide_sums,
    repeat_wide_pair,
    repeat_wide_whole,
    store_pairs,
    store_sums,
)
from attrieve.gallery.exact.quantise import CENTRE

GROUP = 16
"""Queries computed side by side."""

KEPT_BACK = 16
"""Blocks whose numbers are written together: as many as fill a line of the cache."""


@numba.njit(**IN_PLACE)
@no_type_check
def _products(entries, count, pairs, group, products):
    """Fill (row, query of the group) with whole products; ``count`` is rounded up to eight rows."""
    width = np.int64(entries.shape[1])
    asked = group * width * GROUP
    for row in range(0, count, 8):
        at, place = row * width, row * GROUP
        a, b, c, d = no_wide_sums(), no_wide_sums(), no_wide_sums(), no_wide_sums()
        e, f, g, h = no_wide_sums(), no_wide_sums(), no_wide_sums(), no_wide_sums()
        for j in range(0, width, 2):
            wanted = load_wide_pairs(pairs, asked + j * GROUP)
            a = add_products(a, repeat_wide_pair(entries, at + j), wanted)
            b = add_products(b, repeat_wide_pair(entries, at + width + j), wanted)
            c = add_products(c, repeat_wide_pair(entries, at + 2 * width + j), wanted)
            d = add_products(d, repeat_wide_pair(entries, at + 3 * width + j), wanted)
            e = add_products(e, repeat_wide_pair(entries, at + 4 * width + j), wanted)
            f = add_products(f, repeat_wide_pair(entries, at + 5 * width + j), wanted)
            g = add_products(g, repeat_wide_pair(entries, at + 6 * width + j), wanted)
            h = add_products(h, repeat_wide_pair(entries, at + 7 * width + j), wanted)
        store_sums(a, products, place)
        store_sums(b, products, place + GROUP)
        store_sums(c, products, place + 2 * GROUP)
        store_sums(d, products, place + 3 * GROUP)
        store_sums(e, products, place + 4 * GROUP)
        store_sums(f, products, place + 5 * GROUP)
        store_sums(g, products, place + 6 * GROUP)
        store_sums(h, products, place + 7 * GROUP)


@numba.njit(**IN_PLACE, inline="always")
@no_type_check
def _widen(codes, row, centre, entries, place):
    """Copy a row of codes, less ``centre``, as 16-bit numbers."""
    width = np.int64(codes.shape[1])
    start, at = row * width, place * np.int64(entries.shape[1])
    if width < LANES:
        for j in range(width):
            entries[place, j] = np.int16(codes[row, j]) - centre
        return
    for j in range(0, width - LANES, LANES):
        store_pairs(lessen(load_bytes(codes, start + j), centre), entries, at + j)
    last = width - LANES  # some are written twice, with what stands there already
    store_pairs(lessen(load_bytes(codes, start + last), centre), entries, at + last)


@numba.njit(**IN_PLACE, fastmath=FAST)
@no_type_check
def _load(
    first, stop, ids, use_ids, embedding_codes, scale, words, probability_codes, set_start, set_attribute,
    vectors, shown, scales, both,
):  # fmt: skip
    """Copy a block's codes as 16-bit numbers, and behind the attributes the largest codes of sets."""
    attributes = probability_codes.shape[1]
    for i in range(min(BLOCK, stop - first)):
        row = row_at(first + i, stop, ids, use_ids)
        if words.shape[0]:
            both[i] = words[row]
        elif embedding_codes.shape[1]:
            scales[i] = scale[row]
        _widen(embedding_codes, row, np.int16(CENTRE), vectors, i)
        _widen(probability_codes, row, np.int16(0), shown, i)
        for s in range(set_start.shape[0] - 1):
            largest = np.uint8(0)
            for position in range(set_start[s], set_start[s + 1]):
                largest = max(largest, probability_codes[row, set_attribute[position]])
            shown[i, attributes + s] = np.int16(largest)


@numba.njit(**IN_PLACE)
@no_type_check
def _square_once(count, shown, quadratic, squares):
    """Fill ``sum_j quadratic_j shown_j^2`` of each row, for all queries."""
    width = np.int64(shown.shape[1])
    for i in range(count):
        found = repeat_float(np.float32(0))
        for j in range(0, width, 8):
            entries = load_short(shown, i * width + j)
            found = add(found, multiply(multiply(entries, entries), load_floats(quadratic, j)))
        squares[i, 0] = total_float(found)


@numba.njit(**IN_PLACE)
@no_type_check
def _square_codes(count, shown, squared):
    """Fill the squares of a block's codes."""
    for at in range(0, count * np.int64(shown.shape[1]), 8):
        entries = load_short(shown, at)
        store_floats(multiply(entries, entries), squared, at)


@numba.njit(**IN_PLACE)
@no_type_check
def _square_each(count, squared, quadratic, group, squares):
    """Fill (row, query of the group) with ``sum_j quadratic_qj squared_j``; four rows at a time."""
    width, padded = np.int64(squared.shape[1]), np.int64(quadratic.shape[1])
    for row in range(0, count, 4):
        a, b = repeat_wide_float(np.float32(0)), repeat_wide_float(np.float32(0))
        c, d = repeat_wide_float(np.float32(0)), repeat_wide_float(np.float32(0))
        for j in range(width):
            asked = load_wide_floats(quadratic, j * padded + group * GROUP)
            a = add(a, multiply(repeat_wide_float(squared[row, j]), asked))
            b = add(b, multiply(repeat_wide_float(squared[row + 1, j]), asked))
            c = add(c, multiply(repeat_wide_float(squared[row + 2, j]), asked))
            d = add(d, multiply(repeat_wide_float(squared[row + 3, j]), asked))
        store_floats(a, squares, row * GROUP)
        store_floats(b, squares, (row + 1) * GROUP)
        store_floats(c, squares, (row + 2) * GROUP)
        store_floats(d, squares, (row + 3) * GROUP)


@numba.njit(**IN_PLACE)
@no_type_check
def _summarise(
    count, query, of_vectors, of_shown, scales, both, bounded, squares, asked,
    mix_attribute, mix_embedding, room,
):  # fmt: skip
    """Turn products of a group, from ``query`` on, into distances; keep four numbers of each.

    If they are ``bounded``, ``both`` holds the words of the rows, else ``scales`` their scales. Squares are
    those of each query, or shared if there is one for a row.
    """
    padded = np.int64(asked.shape[1])
    factor, base = load_wide_floats(asked, query), load_wide_floats(asked, padded + query)
    constant = load_wide_floats(asked, 2 * padded + query)
    linear = load_wide_floats(asked, 3 * padded + query)
    outside = load_wide_floats(asked, 4 * padded + query)
    by_attribute = load_wide_floats(mix_attribute, query)
    by_embedding = load_wide_floats(mix_embedding, query)
    nothing, two = repeat_wide_float(np.float32(0)), repeat_wide_float(np.float32(2))
    most_a, most_e = nothing, nothing
    least, least_a = repeat_wide_float(np.float32(NO_ROW)), repeat_wide_float(np.float32(NO_ROW))
    shared = squares.shape[1] == 1
    for i in range(count):
        found = as_floats(load_wide_sums(of_vectors, i * GROUP))
        if bounded:
            word = repeat_wide_whole(both[i])
            left = multiply(outside, upper_halves(word))
            middle = add(base, multiply(multiply(factor, lower_halves(word)), found))
            near, far = subtract(middle, left), add(middle, left)
        else:
            near = add(base, multiply(multiply(factor, repeat_wide_float(scales[i])), found))
            far = near
        near, far = smaller(larger(near, nothing), two), smaller(larger(far, nothing), two)
        square = repeat_wide_float(squares[i, 0]) if shared else load_wide_floats(squares, i * GROUP)
        square = add(square, constant)
        square = add(square, multiply(linear, as_floats(load_wide_sums(of_shown, i * GROUP))))
        a = root(larger(square, nothing))
        most_a, most_e = larger(most_a, a), larger(most_e, far)
        least_a = smaller(least_a, a)
        least = smaller(least, add(multiply(by_attribute, a), multiply(by_embedding, near)))
    store_floats(most_a, room, 0)
    store_floats(most_e, room, GROUP)
    store_floats(least, room, 2 * GROUP)
    store_floats(least_a, room, 3 * GROUP)


@numba.njit(**ALLOCATING)
@no_type_check
def scan_batch(
    start, stop, ids, use_ids, embedding_codes, scale, words, pairs,
    probability_codes, set_start, set_attribute, attribute_pairs, quadratic,
    asked, mix_attribute, mix_embedding, most_attribute, most_embedding, least_mix, least_attribute,
):  # fmt: skip
    """Fill four summaries (query, block) of the places ``start`` to ``stop``; both count in rows.

    ``asked`` holds for each query: minus the factor of its product, base, constant, linear factor, and what
    it has outside the directions. With ``words``, embeddings are bounded as in
    :func:`~attrieve.gallery.exact.scan_kernels.scan`.
    """
    padded = asked.shape[1]
    vectors = np.zeros((BLOCK, pairs.shape[0] // padded), dtype=np.int16)
    shown = np.zeros((BLOCK, attribute_pairs.shape[0] // padded), dtype=np.int16)
    of_vectors = np.zeros((BLOCK, GROUP), dtype=np.int32)
    of_shown = np.zeros((BLOCK, GROUP), dtype=np.int32)
    scales, both = np.zeros(BLOCK, dtype=np.float32), np.zeros(BLOCK, dtype=np.int32)
    bounded = words.shape[0] > 0
    shared = quadratic.shape[0] == 1
    squares = np.zeros((BLOCK, 1 if shared else GROUP), dtype=np.float32)
    squared = np.zeros(shown.shape, dtype=np.float32)
    room = np.zeros((4, GROUP), dtype=np.float32)
    waiting = np.zeros((KEPT_BACK, 4, padded), dtype=np.float32)
    for first in range(start, stop, BLOCK):
        count, block = min(BLOCK, stop - first), first // BLOCK
        _load(
            first, stop, ids, use_ids, embedding_codes, scale, words, probability_codes,
            set_start, set_attribute, vectors, shown, scales, both,
        )  # fmt: skip
        if shared:
            _square_once(count, shown, quadratic, squares)
        else:
            _square_codes(count, shown, squared)
        for group in range(padded // GROUP):
            _products(vectors, count, pairs, group, of_vectors)
            _products(shown, count, attribute_pairs, group, of_shown)
            if not shared:
                _square_each(count, squared, quadratic, group, squares)
            _summarise(
                count, group * GROUP, of_vectors, of_shown, scales, both, bounded, squares, asked,
                mix_attribute, mix_embedding, room,
            )  # fmt: skip
            waiting[block % KEPT_BACK, :, group * GROUP : group * GROUP + GROUP] = room
        if block % KEPT_BACK == KEPT_BACK - 1 or first + BLOCK >= stop:
            _put_down(
                waiting, block, start // BLOCK, most_attribute, most_embedding, least_mix, least_attribute
            )


@numba.njit(**IN_PLACE)
@no_type_check
def _put_down(waiting, last, start, most_attribute, most_embedding, least_mix, least_attribute):
    """Write what was found of the last blocks, query by query: each lies in memory of its own."""
    first = max(last // KEPT_BACK * KEPT_BACK, start)
    for query in range(most_attribute.shape[0]):
        for block in range(first, last + 1):
            found = waiting[block % KEPT_BACK]
            most_attribute[query, block], most_embedding[query, block] = found[0, query], found[1, query]
            least_mix[query, block], least_attribute[query, block] = found[2, query], found[3, query]
