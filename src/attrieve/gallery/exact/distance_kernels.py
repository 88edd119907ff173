"""Compiled loops that compute the distances of rows from their codes, eight rows at a time.

Rows come either as a range or as a list of row numbers, in virtual blocks of 64: places count along them.
"""

from typing import no_type_check

import numba
import numpy as np

from attrieve.gallery.exact.compiling import BLOCK, CACHE_LINE, FAST, IN_PLACE, LANES
from attrieve.gallery.exact.float_lanes import (
    add,
    as_floats,
    larger,
    load_floats,
    lower_halves,
    multiply,
    repeat_float,
    root,
    smaller,
    store_floats,
    subtract,
    upper_halves,
)
from attrieve.gallery.exact.lanes import (
    add_products,
    add_whole,
    expect,
    load_bytes,
    load_pairs,
    load_sums,
    no_sums,
    repeat_whole,
    spread,
    totals_of_eight,
    weigh,
)


@numba.njit(**IN_PLACE, inline="always")
@no_type_check
def row_at(place, stop, ids, use_ids):
    """Return the row at a place; past the end the last one, whose numbers nobody reads there."""
    place = min(place, stop - 1)
    return ids[place] if use_ids else place


@numba.njit(**IN_PLACE, inline="always")
@no_type_check
def _rest(codes, row, wanted, whole):
    """Return the products of the entries that do not fill sixteen lanes."""
    found = np.int32(0)
    for j in range(whole, wanted.shape[0]):
        found = np.int32(found + np.int32(np.int32(codes[row, j]) * np.int32(wanted[j])))
    return found


@numba.njit(**IN_PLACE, inline="always")
@no_type_check
def _positions(place, stop, ids, use_ids, width):
    """Return where the rows at eight places start."""
    if not use_ids and place + 8 <= stop:
        at = place * width
        return (
            at, at + width, at + 2 * width, at + 3 * width,
            at + 4 * width, at + 5 * width, at + 6 * width, at + 7 * width,
        )  # fmt: skip
    return (
        row_at(place, stop, ids, use_ids) * width,
        row_at(place + 1, stop, ids, use_ids) * width,
        row_at(place + 2, stop, ids, use_ids) * width,
        row_at(place + 3, stop, ids, use_ids) * width,
        row_at(place + 4, stop, ids, use_ids) * width,
        row_at(place + 5, stop, ids, use_ids) * width,
        row_at(place + 6, stop, ids, use_ids) * width,
        row_at(place + 7, stop, ids, use_ids) * width,
    )


@numba.njit(**IN_PLACE, inline="always")
@no_type_check
def _products(first, stop, ids, use_ids, codes, wanted, whole_room):
    """Return ``sum_j wanted_j code_j`` of eight places."""
    dim = np.int64(wanted.shape[0])
    whole = dim // LANES * LANES
    p0, p1, p2, p3, p4, p5, p6, p7 = _positions(first, stop, ids, use_ids, dim)
    a, b, c, d = no_sums(), no_sums(), no_sums(), no_sums()
    e, f, g, h = no_sums(), no_sums(), no_sums(), no_sums()
    for j in range(0, whole, LANES):
        pairs = load_pairs(wanted, j)
        a = add_products(a, load_bytes(codes, p0 + j), pairs)
        b = add_products(b, load_bytes(codes, p1 + j), pairs)
        c = add_products(c, load_bytes(codes, p2 + j), pairs)
        d = add_products(d, load_bytes(codes, p3 + j), pairs)
        e = add_products(e, load_bytes(codes, p4 + j), pairs)
        f = add_products(f, load_bytes(codes, p5 + j), pairs)
        g = add_products(g, load_bytes(codes, p6 + j), pairs)
        h = add_products(h, load_bytes(codes, p7 + j), pairs)
    totals = totals_of_eight(a, b, c, d, e, f, g, h)
    if whole < dim:
        for n in range(8):
            row = row_at(first + n, stop, ids, use_ids)
            whole_room[n] = _rest(codes, row, wanted, whole)
        totals = add_whole(totals, load_sums(whole_room, 0))
    return totals


@numba.njit(**IN_PLACE)
@no_type_check
def embedding_distances(
    first, stop, ids, use_ids, codes, scale, wanted, bias, factor, base, whole_room, room, distances
):  # fmt: skip
    """Fill ``base - factor * scale * sum_j wanted_j (code_j - 128)`` of places; eight at a time."""
    slope, start, less = repeat_float(-factor), repeat_float(base), repeat_whole(np.int32(-bias))
    nothing, two = repeat_float(np.float32(0)), repeat_float(np.float32(2))
    for i in range(0, min(distances.shape[0], stop - first), 8):
        totals = add_whole(less, _products(first + i, stop, ids, use_ids, codes, wanted, whole_room))
        if use_ids or first + i + 8 > stop:
            for n in range(8):
                room[n] = scale[row_at(first + i + n, stop, ids, use_ids)]
            scales = load_floats(room, 0)
        else:
            scales = load_floats(scale, first + i)
        away = multiply(multiply(slope, scales), as_floats(totals))
        store_floats(smaller(larger(add(start, away), nothing), two), distances, i)


@numba.njit(**IN_PLACE)
@no_type_check
def _embedding_bounds(
    first, stop, ids, use_ids, codes, words, wanted, bias, factor, base, outside, whole_room, near, far
):  # fmt: skip
    """Fill the distance of :func:`embedding_distances`, less and more ``outside`` times what rows leave."""
    slope, start, less = repeat_float(-factor), repeat_float(base), repeat_whole(np.int32(-bias))
    nothing, two = repeat_float(np.float32(0)), repeat_float(np.float32(2))
    most = repeat_float(outside)
    for i in range(0, min(near.shape[0], stop - first), 8):
        totals = add_whole(less, _products(first + i, stop, ids, use_ids, codes, wanted, whole_room))
        if use_ids or first + i + 8 > stop:
            for n in range(8):
                whole_room[n] = words[row_at(first + i + n, stop, ids, use_ids)]
            both = load_sums(whole_room, 0)
        else:
            both = load_sums(words, first + i)
        left = multiply(most, upper_halves(both))
        middle = add(start, multiply(multiply(slope, lower_halves(both)), as_floats(totals)))
        store_floats(smaller(larger(subtract(middle, left), nothing), two), near, i)
        store_floats(smaller(larger(add(middle, left), nothing), two), far, i)


@numba.njit(**IN_PLACE, inline="always")
@no_type_check
def _add_squares(sums, codes, position, offset, weight):
    shown = weigh(spread(load_bytes(codes, position), offset), weight)
    return add_products(sums, shown, shown)


@numba.njit(**IN_PLACE)
@no_type_check
def _attribute_squares(first, stop, ids, use_ids, codes, begins, weight, offset, step, squares):
    """Fill ``step * sum_j (weight_j (32 code_j - offset_j) / 65536)^2`` of places; eight at a time.

    Sixteen attributes fill the lanes; ``begins`` says at which the lanes start, and the last lanes may
    overlap those before, with weights of 0. Fewer than sixteen attributes are added one by one.
    """
    width = np.int64(codes.shape[1])
    scale = repeat_float(step)
    for i in range(0, min(squares.shape[0], stop - first), 8):
        if begins.shape[0]:
            p0, p1, p2, p3, p4, p5, p6, p7 = _positions(first + i, stop, ids, use_ids, width)
            a, b, c, d = no_sums(), no_sums(), no_sums(), no_sums()
            e, f, g, h = no_sums(), no_sums(), no_sums(), no_sums()
            for lanes in range(begins.shape[0]):
                j = begins[lanes]
                away, heavy = load_pairs(offset, lanes * LANES), load_pairs(weight, lanes * LANES)
                a = _add_squares(a, codes, p0 + j, away, heavy)
                b = _add_squares(b, codes, p1 + j, away, heavy)
                c = _add_squares(c, codes, p2 + j, away, heavy)
                d = _add_squares(d, codes, p3 + j, away, heavy)
                e = _add_squares(e, codes, p4 + j, away, heavy)
                f = _add_squares(f, codes, p5 + j, away, heavy)
                g = _add_squares(g, codes, p6 + j, away, heavy)
                h = _add_squares(h, codes, p7 + j, away, heavy)
            found = as_floats(totals_of_eight(a, b, c, d, e, f, g, h))
            store_floats(multiply(scale, found), squares, i)
        else:
            for n in range(8):
                row = row_at(first + i + n, stop, ids, use_ids)
                total = np.int32(0)
                for j in range(width):
                    away = np.int32(32) * np.int32(codes[row, j]) - np.int32(offset[j])
                    shown = (away * np.int32(weight[j])) >> 16
                    total = np.int32(total + shown * shown)
                squares[i + n] = step * np.float32(total)


@numba.njit(**IN_PLACE, fastmath=FAST)
@no_type_check
def _add_sets(first, stop, ids, use_ids, codes, set_start, set_attribute, set_weight, set_offset, squares):
    """Add the terms that name several attributes; a maximum of codes is the code of the maximum."""
    count = min(squares.shape[0], stop - first)
    for s in range(set_weight.shape[0]):
        weight, offset, end = set_weight[s], set_offset[s], set_start[s + 1]
        # Most name two; those are kept out of the loop over what a term names.
        one, other = set_attribute[set_start[s]], set_attribute[min(set_start[s] + 1, end - 1)]
        for i in range(count):
            row = row_at(first + i, stop, ids, use_ids)
            largest = max(codes[row, one], codes[row, other])
            for position in range(set_start[s] + 2, end):
                largest = max(largest, codes[row, set_attribute[position]])
            part = np.float32(largest) * weight - offset
            squares[i] += part * part


@numba.njit(**IN_PLACE, fastmath=FAST)
@no_type_check
def attribute_distances(
    first, stop, ids, use_ids, codes, begins, weight, offset, step,
    set_start, set_attribute, set_weight, set_offset, distances,
):  # fmt: skip
    """Fill the attribute distances of places, 0 without attributes."""
    count = min(distances.shape[0], stop - first)
    if not weight.shape[0]:
        distances[:count] = np.float32(0)
        return
    _attribute_squares(first, stop, ids, use_ids, codes, begins, weight, offset, step, distances)
    if set_weight.shape[0]:
        _add_sets(
            first, stop, ids, use_ids, codes, set_start, set_attribute, set_weight, set_offset, distances
        )
    for i in range(0, count, 8):
        store_floats(root(load_floats(distances, i)), distances, i)


@numba.njit(**IN_PLACE)
@no_type_check
def expect_block(first, stop, ids, use_ids, embedding_codes, by_row, probability_codes):
    """Ask for the rows of a block that no processor can foresee: one of many, or of listed rows."""
    last = min(first + BLOCK, stop)
    if not use_ids:
        _expect_lines(embedding_codes, first * embedding_codes.shape[1], last * embedding_codes.shape[1])
        _expect_lines(by_row, first, last)
        _expect_lines(
            probability_codes, first * probability_codes.shape[1], last * probability_codes.shape[1]
        )
        return
    for place in range(first, last):
        row = ids[place]
        expect(by_row, row)
        _expect_lines(embedding_codes, row * embedding_codes.shape[1], (row + 1) * embedding_codes.shape[1])
        _expect_lines(
            probability_codes, row * probability_codes.shape[1], (row + 1) * probability_codes.shape[1]
        )


@numba.njit(**IN_PLACE)
@no_type_check
def _expect_lines(array, start, stop):
    """Ask for all lines of the cache between two entries."""
    if start < stop:
        for entry in range(start, stop, CACHE_LINE // array.itemsize):
            expect(array, entry)
        expect(array, stop - 1)


@numba.njit(**IN_PLACE)
@no_type_check
def expect_look(first, stop, ids, use_ids, embedding_codes, scale, words, probability_codes):
    """Ask for the rows of a block that :func:`look` will read."""
    if words.shape[0]:
        expect_block(first, stop, ids, use_ids, embedding_codes, words, probability_codes)
    else:
        expect_block(first, stop, ids, use_ids, embedding_codes, scale, probability_codes)


@numba.njit(**IN_PLACE)
@no_type_check
def look(
    first, stop, ids, use_ids, embedding_codes, scale, words, outside, wanted, bias, factor, base,
    probability_codes, begins, weight, offset, step, set_start, set_attribute, set_weight, set_offset,
    whole_room, room, attribute, near, far,
):  # fmt: skip
    """Fill the attribute distances of places, and between what their embedding distances lie.

    With ``words`` (see :class:`~attrieve.gallery.exact.coarse.CoarseCodes`) the codes are along a few
    directions: nearest is a row if all it has outside them were turned towards what is asked, farthest if
    it were turned away. Else ``near`` and ``far`` are one array. Eight numbers each are room to work in.
    """
    if words.shape[0]:
        _embedding_bounds(
            first, stop, ids, use_ids, embedding_codes, words, wanted, bias, factor, base, outside,
            whole_room, near, far,
        )  # fmt: skip
    elif wanted.shape[0]:
        embedding_distances(
            first, stop, ids, use_ids, embedding_codes, scale, wanted, bias, factor, base,
            whole_room, room, near,
        )  # fmt: skip
    attribute_distances(
        first, stop, ids, use_ids, probability_codes, begins, weight, offset, step,
        set_start, set_attribute, set_weight, set_offset, attribute,
    )  # fmt: skip
