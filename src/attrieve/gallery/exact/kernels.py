"""Compiled loops over compact columns. Serial, without the interpreter lock: threads call them on parts.

Rows come either as a range or as a list of row numbers, in virtual blocks of 64. For each block a scan
keeps three numbers: the largest attribute distance, the largest embedding distance and the smallest mix of
both; nothing is kept per row. All of them are approximate by the errors of the codes.
"""

from typing import no_type_check

import numba
import numpy as np

from attrieve.gallery.exact.lanes import (
    add,
    add_products,
    add_whole,
    as_floats,
    expect,
    larger,
    largest,
    load_bytes,
    load_floats,
    load_pairs,
    load_sums,
    lower_halves,
    multiply,
    no_sums,
    repeat_float,
    repeat_whole,
    root,
    smaller,
    smallest,
    spread,
    store_floats,
    subtract,
    totals_of_eight,
    upper_halves,
    weigh,
)

BLOCK = 64
LANES = 16
CACHE_LINE = 64

STRETCH = 1024
"""Rows computed at a time, so that calls do not count."""

NO_ROW = 2.0**100
"""Stands where a block has no more rows: more than any distance, and harmless when multiplied by 0."""

ALLOCATING = {"nogil": True, "cache": True}
"""How loops are compiled that make arrays of their own."""

IN_PLACE = {**ALLOCATING, "_nrt": False}
"""How all others are: counting references to arrays would cost more than the arithmetic does."""

_FAST = {"reassoc", "contract", "nsz"}  # NaN and infinity keep their meaning; there are none


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
def _embedding_distances(
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
    """Fill the distance of :func:`_embedding_distances`, less and more ``outside`` times what rows leave."""
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


@numba.njit(**IN_PLACE, fastmath=_FAST)
@no_type_check
def _add_sets(first, stop, ids, use_ids, codes, set_start, set_attribute, set_weight, set_offset, squares):
    """Add the terms that name several attributes; a maximum of codes is the code of the maximum."""
    for i in range(min(squares.shape[0], stop - first)):
        row = row_at(first + i, stop, ids, use_ids)
        for s in range(set_weight.shape[0]):
            largest = np.uint8(0)
            for position in range(set_start[s], set_start[s + 1]):
                largest = max(largest, codes[row, set_attribute[position]])
            part = np.float32(largest) * set_weight[s] - set_offset[s]
            squares[i] += part * part


@numba.njit(**IN_PLACE, fastmath=_FAST)
@no_type_check
def _attribute_distances(
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
def _expect(first, stop, ids, use_ids, embedding_codes, by_row, probability_codes):
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
def _expect_look(first, stop, ids, use_ids, embedding_codes, scale, words, probability_codes):
    if words.shape[0]:
        _expect(first, stop, ids, use_ids, embedding_codes, words, probability_codes)
    else:
        _expect(first, stop, ids, use_ids, embedding_codes, scale, probability_codes)


@numba.njit(**IN_PLACE)
@no_type_check
def _look(
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
        _embedding_distances(
            first, stop, ids, use_ids, embedding_codes, scale, wanted, bias, factor, base,
            whole_room, room, near,
        )  # fmt: skip
    _attribute_distances(
        first, stop, ids, use_ids, probability_codes, begins, weight, offset, step,
        set_start, set_attribute, set_weight, set_offset, attribute,
    )  # fmt: skip


@numba.njit(**ALLOCATING, fastmath=_FAST)
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
            _expect_look(first + BLOCK, stop, ids, use_ids, embedding_codes, scale, words, probability_codes)
        _look(
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
    found = 0
    for b in range(blocks.shape[0]):
        first = blocks[b] * BLOCK
        if b + 1 < blocks.shape[0]:
            after = blocks[b + 1] * BLOCK
            _expect_look(after, rows, ids, use_ids, embedding_codes, scale, words, probability_codes)
        _look(
            first, rows, ids, use_ids, embedding_codes, scale, words, outside, wanted, bias, factor, base,
            probability_codes, begins, weight, offset, step, set_start, set_attribute, set_weight, set_offset,
            whole_room, room, attribute, near, far,
        )  # fmt: skip
        for i in range(min(BLOCK, rows - first)):
            e = far[i] if by_embedding < 0 else near[i]
            if by_attribute * np.float64(attribute[i]) + by_embedding * np.float64(e) <= limit[b]:
                places[found] = first + i
                found += 1
    return found


@numba.njit(**ALLOCATING, fastmath=_FAST)
@no_type_check
def distances_of_blocks(
    blocks, ids, use_ids, rows, embedding_codes, scale, wanted, bias, factor, base,
    probability_codes, begins, weight, offset, step, set_start, set_attribute, set_weight, set_offset,
    attribute, embedding,
):  # fmt: skip
    """Fill both distances (block, 64) of all rows of some blocks; places past the end get NO_ROW."""
    whole_room, room = np.zeros(8, dtype=np.int32), np.zeros(8, dtype=np.float32)
    for b in range(blocks.shape[0]):
        first = blocks[b] * BLOCK
        if b + 1 < blocks.shape[0]:
            after = blocks[b + 1] * BLOCK
            _expect(after, rows, ids, use_ids, embedding_codes, scale, probability_codes)
        if wanted.shape[0]:
            _embedding_distances(
                first, rows, ids, use_ids, embedding_codes, scale, wanted, bias, factor, base,
                whole_room, room, embedding[b],
            )  # fmt: skip
        else:
            embedding[b] = np.float32(0)
        _attribute_distances(
            first, rows, ids, use_ids, probability_codes, begins, weight, offset, step,
            set_start, set_attribute, set_weight, set_offset, attribute[b],
        )  # fmt: skip
        for i in range(rows - first, BLOCK):
            attribute[b, i] = embedding[b, i] = np.float32(NO_ROW)


@numba.njit(**IN_PLACE)
@no_type_check
def rescore(
    embedding, asked_vector, probability, term_start, term_attribute, target, certainty,
    attribute_distance, embedding_distance,
):  # fmt: skip
    """Fill both distances of rows in float64, summed in order; this arithmetic is the definition."""
    for row in range(attribute_distance.shape[0]):
        total = 0.0
        for term in range(target.shape[0]):
            shown = 0.0
            for position in range(term_start[term], term_start[term + 1]):
                shown = max(shown, np.float64(probability[row, term_attribute[position]]))
            difference = target[term] - shown
            total += certainty[term] * (difference * difference)
        attribute_distance[row] = np.sqrt(total)
        product = 0.0
        for j in range(asked_vector.shape[0]):
            product += asked_vector[j] * np.float64(embedding[row, j])
        embedding_distance[row] = min(max(1.0 - product, 0.0), 2.0) if asked_vector.shape[0] else 0.0


@numba.njit(**IN_PLACE)
@no_type_check
def lesser_line(one, one_slope, other, other_slope, start, found):
    """Fill ``start + min(one_slope * one, other_slope * other)`` in float64."""
    for i in range(found.shape[0]):
        found[i] = start + min(one_slope * np.float64(one[i]), other_slope * np.float64(other[i]))


@numba.njit(**IN_PLACE)
@no_type_check
def gather_errors(error, ids, found):
    """Fill for each virtual block of listed rows the largest error of the blocks they come from."""
    for first in range(0, ids.shape[0], BLOCK):
        largest = np.float32(0)
        for place in range(first, min(first + BLOCK, ids.shape[0])):
            largest = max(largest, error[ids[place] // BLOCK])
        found[first // BLOCK] = largest


@numba.njit(**IN_PLACE)
@no_type_check
def kept_rows(words, mask, found):
    """Fill the rows a mask keeps, looking at eight at a time first; return how many."""
    count = 0
    for word in range(words.shape[0]):
        if words[word] != 0:
            for row in range(8 * word, 8 * word + 8):
                if mask[row]:
                    found[count] = row
                    count += 1
    for row in range(8 * words.shape[0], mask.shape[0]):
        if mask[row]:
            found[count] = row
            count += 1
    return count


@numba.njit(**IN_PLACE)
@no_type_check
def offer(heap, value):
    """Put ``value`` into a heap of the smallest so far, whose root is the largest of them."""
    if value >= heap[0]:
        return
    at, size = 0, heap.shape[0]
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        if child + 1 < size and heap[child + 1] > heap[child]:
            child += 1
        if heap[child] <= value:
            break
        heap[at] = heap[child]
        at = child
    heap[at] = value


@numba.njit(**IN_PLACE)
@no_type_check
def upper_bound_of_blocks(least_mix, error, most_ratio, heap):
    """Offer an upper bound of the best row of each block; the root then bounds the k-th best row."""
    for block in range(least_mix.shape[0]):
        offer(heap, least_mix[block] * most_ratio + error[block])


@numba.njit(**IN_PLACE)
@no_type_check
def upper_bound_of_rows(attribute, embedding, error, by_attribute, by_embedding, heap):
    """Offer an upper bound of the distance of each row; the root then bounds the k-th best row."""
    for b in range(attribute.shape[0]):
        for i in range(attribute.shape[1]):
            if attribute[b, i] < NO_ROW:
                offer(heap, by_attribute * attribute[b, i] + by_embedding * embedding[b, i] + error[b])
