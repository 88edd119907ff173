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
    multiply,
    no_sums,
    repeat_float,
    repeat_whole,
    root,
    smaller,
    smallest,
    spread,
    store_floats,
    totals_of_eight,
    weigh,
)

BLOCK = 64
LANES = 16
CACHE_LINE = 64

STRETCH = 1024
"""Rows computed at a time, so that calls do not count."""

NO_ROW = 2.0**100
"""Stands where a block has no more rows: more than any distance, and harmless when multiplied by 0."""

_FAST = {"reassoc", "contract", "nsz"}  # NaN and infinity keep their meaning; there are none


@numba.njit(nogil=True, cache=True, inline="always")
@no_type_check
def row_at(place, stop, ids, use_ids):
    """Return the row at a place; past the end the last one, whose numbers nobody reads there."""
    place = min(place, stop - 1)
    return ids[place] if use_ids else place


@numba.njit(nogil=True, cache=True, inline="always")
@no_type_check
def _rest(codes, row, wanted, whole):
    """Return the products of the entries that do not fill sixteen lanes."""
    found = np.int32(0)
    for j in range(whole, wanted.shape[0]):
        found = np.int32(found + np.int32(np.int32(codes[row, j]) * np.int32(wanted[j])))
    return found


@numba.njit(nogil=True, cache=True, inline="always")
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


@numba.njit(nogil=True, cache=True)
@no_type_check
def _embedding_distances(
    first, stop, ids, use_ids, codes, scale, wanted, bias, factor, base, whole_room, room, distances
):  # fmt: skip
    """Fill ``base - factor * scale * sum_j wanted_j (code_j - 128)`` of places; eight at a time."""
    dim = np.int64(wanted.shape[0])
    whole = dim // LANES * LANES
    slope, start, less = repeat_float(-factor), repeat_float(base), repeat_whole(np.int32(-bias))
    nothing, two = repeat_float(np.float32(0)), repeat_float(np.float32(2))
    for i in range(0, min(distances.shape[0], stop - first), 8):
        p0, p1, p2, p3, p4, p5, p6, p7 = _positions(first + i, stop, ids, use_ids, dim)
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
        totals = add_whole(less, totals_of_eight(a, b, c, d, e, f, g, h))
        if whole < dim:
            for n in range(8):
                row = row_at(first + i + n, stop, ids, use_ids)
                whole_room[n] = _rest(codes, row, wanted, whole)
            totals = add_whole(totals, load_sums(whole_room, 0))
        if use_ids or first + i + 8 > stop:
            for n in range(8):
                room[n] = scale[row_at(first + i + n, stop, ids, use_ids)]
            scales = load_floats(room, 0)
        else:
            scales = load_floats(scale, first + i)
        away = multiply(multiply(slope, scales), as_floats(totals))
        store_floats(smaller(larger(add(start, away), nothing), two), distances, i)


@numba.njit(nogil=True, cache=True, inline="always")
@no_type_check
def _add_squares(sums, codes, position, offset, weight):
    shown = weigh(spread(load_bytes(codes, position), offset), weight)
    return add_products(sums, shown, shown)


@numba.njit(nogil=True, cache=True)
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


@numba.njit(nogil=True, cache=True, fastmath=_FAST)
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


@numba.njit(nogil=True, cache=True)
@no_type_check
def _expect_rows(first, stop, ids, embedding_codes, scale, probability_codes):
    """Ask for the rows of a block of listed rows, which no processor can foresee."""
    dim, attributes = np.int64(embedding_codes.shape[1]), np.int64(probability_codes.shape[1])
    for place in range(first, min(first + BLOCK, stop)):
        row = ids[place]
        if dim:
            expect(scale, row)
            for j in range(row * dim, row * dim + dim, CACHE_LINE):
                expect(embedding_codes, j)
            expect(embedding_codes, row * dim + dim - 1)
        if attributes:
            for j in range(row * attributes, row * attributes + attributes, CACHE_LINE):
                expect(probability_codes, j)
            expect(probability_codes, row * attributes + attributes - 1)


@numba.njit(nogil=True, cache=True, fastmath=_FAST)
@no_type_check
def _distances(
    first, stop, ids, use_ids, embedding_codes, scale, wanted, bias, factor, base,
    probability_codes, begins, weight, offset, step, set_start, set_attribute, set_weight, set_offset,
    whole_room, room, attribute, embedding,
):  # fmt: skip
    """Fill both distances of places from ``first``; eight numbers each are room to work in."""
    count = min(attribute.shape[0], stop - first)
    if use_ids:
        _expect_rows(first + BLOCK, stop, ids, embedding_codes, scale, probability_codes)
    if wanted.shape[0]:
        _embedding_distances(
            first, stop, ids, use_ids, embedding_codes, scale, wanted, bias, factor, base,
            whole_room, room, embedding,
        )  # fmt: skip
    else:
        embedding[:count] = np.float32(0)
    if weight.shape[0]:
        _attribute_squares(
            first, stop, ids, use_ids, probability_codes, begins, weight, offset, step, attribute
        )
        if set_weight.shape[0]:
            _add_sets(
                first, stop, ids, use_ids, probability_codes,
                set_start, set_attribute, set_weight, set_offset, attribute,
            )  # fmt: skip
        for i in range(0, count, 8):
            store_floats(root(load_floats(attribute, i)), attribute, i)
    else:
        attribute[:count] = np.float32(0)


@numba.njit(nogil=True, cache=True, fastmath=_FAST)
@no_type_check
def scan(
    start, stop, ids, use_ids, embedding_codes, scale, wanted, bias, factor, base,
    probability_codes, begins, weight, offset, step, set_start, set_attribute, set_weight, set_offset,
    mix_attribute, mix_embedding, most_attribute, most_embedding, least_mix,
):  # fmt: skip
    """Fill the three summaries of the blocks of places ``start`` to ``stop``; both count in rows."""
    whole_room, room = np.zeros(8, dtype=np.int32), np.zeros(8, dtype=np.float32)
    stretch = BLOCK if use_ids else STRETCH
    attribute, embedding = np.zeros(stretch, dtype=np.float32), np.zeros(stretch, dtype=np.float32)
    for first in range(start, stop, stretch):
        _distances(
            first, stop, ids, use_ids, embedding_codes, scale, wanted, bias, factor, base,
            probability_codes, begins, weight, offset, step, set_start, set_attribute, set_weight, set_offset,
            whole_room, room, attribute, embedding,
        )  # fmt: skip
        for at in range(0, min(stretch, stop - first), BLOCK):
            if stop - first - at < BLOCK:  # what lies past the end must not count
                _repeat_last(attribute, at, stop - first)
                _repeat_last(embedding, at, stop - first)
            most_a, most_e, least = _reduce(attribute, embedding, at, mix_attribute, mix_embedding)
            block = (first + at) // BLOCK
            most_attribute[block], most_embedding[block], least_mix[block] = most_a, most_e, least


@numba.njit(nogil=True, cache=True, inline="always")
@no_type_check
def _repeat_last(distances, at, count):
    for i in range(count, at + BLOCK):
        distances[i] = distances[count - 1]


@numba.njit(nogil=True, cache=True)
@no_type_check
def _reduce(attribute, embedding, at, mix_attribute, mix_embedding):
    """Return the largest attribute and embedding distance and the smallest mix."""
    by_attribute, by_embedding = repeat_float(mix_attribute), repeat_float(mix_embedding)
    most_a, most_e = repeat_float(np.float32(0)), repeat_float(np.float32(0))
    least = repeat_float(np.float32(NO_ROW))
    for i in range(at, at + BLOCK, 8):
        a, e = load_floats(attribute, i), load_floats(embedding, i)
        most_a, most_e = larger(most_a, a), larger(most_e, e)
        least = smaller(least, add(multiply(by_attribute, a), multiply(by_embedding, e)))
    return largest(most_a), largest(most_e), smallest(least)


@numba.njit(nogil=True, cache=True, fastmath=_FAST)
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
        _distances(
            first, rows, ids, use_ids, embedding_codes, scale, wanted, bias, factor, base,
            probability_codes, begins, weight, offset, step, set_start, set_attribute, set_weight, set_offset,
            whole_room, room, attribute[b], embedding[b],
        )  # fmt: skip
        for i in range(rows - first, BLOCK):
            attribute[b, i] = embedding[b, i] = np.float32(NO_ROW)


@numba.njit(nogil=True, cache=True)
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


@numba.njit(nogil=True, cache=True)
@no_type_check
def gather_errors(error, ids, found):
    """Fill for each virtual block of listed rows the largest error of the blocks they come from."""
    for first in range(0, ids.shape[0], BLOCK):
        largest = np.float32(0)
        for place in range(first, min(first + BLOCK, ids.shape[0])):
            largest = max(largest, error[ids[place] // BLOCK])
        found[first // BLOCK] = largest


@numba.njit(nogil=True, cache=True)
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


@numba.njit(nogil=True, cache=True)
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


@numba.njit(nogil=True, cache=True)
@no_type_check
def upper_bound_of_blocks(least_mix, error, most_ratio, heap):
    """Offer an upper bound of the best row of each block; the root then bounds the k-th best row."""
    for block in range(least_mix.shape[0]):
        offer(heap, least_mix[block] * most_ratio + error[block])


@numba.njit(nogil=True, cache=True)
@no_type_check
def upper_bound_of_rows(attribute, embedding, error, by_attribute, by_embedding, heap):
    """Offer an upper bound of the distance of each row; the root then bounds the k-th best row."""
    for b in range(attribute.shape[0]):
        for i in range(attribute.shape[1]):
            if attribute[b, i] < NO_ROW:
                offer(heap, by_attribute * attribute[b, i] + by_embedding * embedding[b, i] + error[b])
