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
    as_floats,
    expect,
    larger,
    load_bytes,
    load_floats,
    load_pairs,
    load_whole,
    multiply,
    no_sums,
    repeat_float,
    root,
    smaller,
    spread,
    store_floats,
    store_sums,
    totals_of_eight,
    weigh,
)

BLOCK = 64
LANES = 16
CACHE_LINE = 64

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
def _rows_at(place, stop, ids, use_ids):
    """Return the rows at eight places."""
    return (
        row_at(place, stop, ids, use_ids),
        row_at(place + 1, stop, ids, use_ids),
        row_at(place + 2, stop, ids, use_ids),
        row_at(place + 3, stop, ids, use_ids),
        row_at(place + 4, stop, ids, use_ids),
        row_at(place + 5, stop, ids, use_ids),
        row_at(place + 6, stop, ids, use_ids),
        row_at(place + 7, stop, ids, use_ids),
    )


@numba.njit(nogil=True, cache=True)
@no_type_check
def _embedding_totals(first, stop, ids, use_ids, codes, wanted, totals):
    """Fill for 64 places the whole number ``sum_j wanted_j code_j``; eight rows share what is wanted."""
    dim = np.int64(wanted.shape[0])
    whole = dim // LANES * LANES
    for i in range(0, min(BLOCK, stop - first), 8):
        r0, r1, r2, r3, r4, r5, r6, r7 = _rows_at(first + i, stop, ids, use_ids)
        a, b, c, d = no_sums(), no_sums(), no_sums(), no_sums()
        e, f, g, h = no_sums(), no_sums(), no_sums(), no_sums()
        for j in range(0, whole, LANES):
            pairs = load_pairs(wanted, j)
            a = add_products(a, load_bytes(codes, r0 * dim + j), pairs)
            b = add_products(b, load_bytes(codes, r1 * dim + j), pairs)
            c = add_products(c, load_bytes(codes, r2 * dim + j), pairs)
            d = add_products(d, load_bytes(codes, r3 * dim + j), pairs)
            e = add_products(e, load_bytes(codes, r4 * dim + j), pairs)
            f = add_products(f, load_bytes(codes, r5 * dim + j), pairs)
            g = add_products(g, load_bytes(codes, r6 * dim + j), pairs)
            h = add_products(h, load_bytes(codes, r7 * dim + j), pairs)
        store_sums(totals_of_eight(a, b, c, d, e, f, g, h), totals, i)
        if whole < dim:
            for n in range(8):
                row = row_at(first + i + n, stop, ids, use_ids)
                totals[i + n] = np.int32(totals[i + n] + _rest(codes, row, wanted, whole))


@numba.njit(nogil=True, cache=True, inline="always")
@no_type_check
def _add_squares(sums, codes, position, offset, weight):
    shown = weigh(spread(load_bytes(codes, position), offset), weight)
    return add_products(sums, shown, shown)


@numba.njit(nogil=True, cache=True)
@no_type_check
def _attribute_squares(first, stop, ids, use_ids, codes, begins, weight, offset, step, squares):
    """Fill for 64 places ``step * sum_j (weight_j (32 code_j - offset_j) / 65536)^2``; eight at a time.

    Sixteen attributes fill the lanes; ``begins`` says at which the lanes start, and the last lanes may
    overlap those before, with weights of 0. Fewer than sixteen attributes are added one by one.
    """
    width = np.int64(codes.shape[1])
    scale = repeat_float(step)
    for i in range(0, min(BLOCK, stop - first), 8):
        if begins.shape[0]:
            r0, r1, r2, r3, r4, r5, r6, r7 = _rows_at(first + i, stop, ids, use_ids)
            a, b, c, d = no_sums(), no_sums(), no_sums(), no_sums()
            e, f, g, h = no_sums(), no_sums(), no_sums(), no_sums()
            for lanes in range(begins.shape[0]):
                j = begins[lanes]
                away, heavy = load_pairs(offset, lanes * LANES), load_pairs(weight, lanes * LANES)
                a = _add_squares(a, codes, r0 * width + j, away, heavy)
                b = _add_squares(b, codes, r1 * width + j, away, heavy)
                c = _add_squares(c, codes, r2 * width + j, away, heavy)
                d = _add_squares(d, codes, r3 * width + j, away, heavy)
                e = _add_squares(e, codes, r4 * width + j, away, heavy)
                f = _add_squares(f, codes, r5 * width + j, away, heavy)
                g = _add_squares(g, codes, r6 * width + j, away, heavy)
                h = _add_squares(h, codes, r7 * width + j, away, heavy)
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
    for i in range(min(BLOCK, stop - first)):
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
    totals, attribute, embedding,
):  # fmt: skip
    """Fill both distances of up to 64 places from ``first``; ``totals`` is room to work in.

    The embedding's is ``base - factor * scale * sum_j wanted_j (code_j - 128)``.
    """
    count = min(BLOCK, stop - first)
    if use_ids:
        _expect_rows(first + BLOCK, stop, ids, embedding_codes, scale, probability_codes)
    if wanted.shape[0]:
        _embedding_totals(first, stop, ids, use_ids, embedding_codes, wanted, totals)
        if use_ids:
            for i in range(count):
                embedding[i] = scale[ids[first + i]]
        else:
            for i in range(count):
                embedding[i] = scale[first + i]
        for i in range(BLOCK):
            totals[i] = np.int32(totals[i] - bias)
        nothing, two = repeat_float(np.float32(0)), repeat_float(np.float32(2))
        for i in range(0, BLOCK, 8):
            slope = multiply(repeat_float(-factor), load_floats(embedding, i))
            e = add(repeat_float(base), multiply(slope, load_whole(totals, i)))
            store_floats(smaller(larger(e, nothing), two), embedding, i)
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
        for i in range(0, BLOCK, 8):
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
    totals, room = np.zeros(BLOCK, dtype=np.int32), np.zeros(24, dtype=np.float32)
    attribute, embedding = np.zeros(BLOCK, dtype=np.float32), np.zeros(BLOCK, dtype=np.float32)
    for first in range(start, stop, BLOCK):
        _distances(
            first, stop, ids, use_ids, embedding_codes, scale, wanted, bias, factor, base,
            probability_codes, begins, weight, offset, step, set_start, set_attribute, set_weight, set_offset,
            totals, attribute, embedding,
        )  # fmt: skip
        if stop - first < BLOCK:  # what lies past the end must not count
            _repeat_last(attribute, stop - first)
            _repeat_last(embedding, stop - first)
        _reduce(attribute, embedding, mix_attribute, mix_embedding, room)
        block = first // BLOCK
        most_attribute[block], most_embedding[block], least_mix[block] = (
            room[:8].max(),
            room[8:16].max(),
            room[16:].min(),
        )


@numba.njit(nogil=True, cache=True, inline="always")
@no_type_check
def _repeat_last(distances, count):
    for i in range(count, BLOCK):
        distances[i] = distances[count - 1]


@numba.njit(nogil=True, cache=True)
@no_type_check
def _reduce(attribute, embedding, mix_attribute, mix_embedding, room):
    """Leave eight candidates each for the largest attribute and embedding distance and the smallest mix."""
    by_attribute, by_embedding = repeat_float(mix_attribute), repeat_float(mix_embedding)
    most_a, most_e = repeat_float(np.float32(0)), repeat_float(np.float32(0))
    least = repeat_float(np.float32(NO_ROW))
    for i in range(0, BLOCK, 8):
        a, e = load_floats(attribute, i), load_floats(embedding, i)
        most_a, most_e = larger(most_a, a), larger(most_e, e)
        least = smaller(least, add(multiply(by_attribute, a), multiply(by_embedding, e)))
    store_floats(most_a, room, 0)
    store_floats(most_e, room, 8)
    store_floats(least, room, 16)


@numba.njit(nogil=True, cache=True, fastmath=_FAST)
@no_type_check
def distances_of_blocks(
    blocks, ids, use_ids, rows, embedding_codes, scale, wanted, bias, factor, base,
    probability_codes, begins, weight, offset, step, set_start, set_attribute, set_weight, set_offset,
    attribute, embedding,
):  # fmt: skip
    """Fill both distances (block, 64) of all rows of some blocks; places past the end get NO_ROW."""
    totals = np.zeros(BLOCK, dtype=np.int32)
    for b in range(blocks.shape[0]):
        first = blocks[b] * BLOCK
        _distances(
            first, rows, ids, use_ids, embedding_codes, scale, wanted, bias, factor, base,
            probability_codes, begins, weight, offset, step, set_start, set_attribute, set_weight, set_offset,
            totals, attribute[b], embedding[b],
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
