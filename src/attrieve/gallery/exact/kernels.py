"""Compiled loops over compact columns. Serial, without the interpreter lock: threads call them on parts.

Rows come either as a range or as a list of row numbers, in virtual blocks of 64. For each block a scan
keeps three numbers: the largest attribute distance, the largest embedding distance and the smallest mix of
both; nothing is kept per row. All of them are approximate by the errors of the codes.
"""

from typing import no_type_check

import numba
import numpy as np

BLOCK = 64

NO_ROW = 2.0**100
"""Stands where a block has no more rows: more than any distance, and harmless when multiplied by 0."""

_FAST = {"reassoc", "contract", "nsz"}  # NaN and infinity keep their meaning; there are none


@numba.njit(nogil=True, cache=True, fastmath=_FAST, inline="always")
@no_type_check
def _attribute(codes, row, weight, offset, set_start, set_attribute, set_weight, set_offset):
    """Return the attribute distance of one row; ``(weight * code - offset)^2`` summed, and the root."""
    values = codes[row]
    total = np.float32(0)
    for j in range(weight.shape[0]):
        part = np.float32(values[j]) * weight[j] - offset[j]
        total += part * part
    for s in range(set_weight.shape[0]):
        largest = np.uint8(0)
        for position in range(set_start[s], set_start[s + 1]):
            largest = max(largest, values[set_attribute[position]])
        part = np.float32(largest) * set_weight[s] - set_offset[s]
        total += part * part
    return np.sqrt(total)


@numba.njit(nogil=True, cache=True, fastmath=_FAST, inline="always")
@no_type_check
def _embedding(codes, scale, row, wanted, bias, factor, base):
    """Return ``base - factor * scale * sum_j wanted_j (code_j - 128)``; the sum is one of integers."""
    values = codes[row]
    total = np.int32(0)
    for j in range(wanted.shape[0]):
        total += np.int32(np.int32(values[j]) * np.int32(wanted[j]))
    centred = np.float32(np.int32(total - bias))
    return min(max(base - factor * scale[row] * centred, np.float32(0)), np.float32(2))


@numba.njit(nogil=True, cache=True, fastmath=_FAST)
@no_type_check
def scan(
    start, stop, ids, use_ids, embedding_codes, scale, wanted, bias, factor, base,
    probability_codes, weight, offset, set_start, set_attribute, set_weight, set_offset,
    mix_attribute, mix_embedding, most_attribute, most_embedding, least_mix,
):  # fmt: skip
    """Fill the three summaries of the blocks of places ``start`` to ``stop``; both count in rows."""
    for first in range(start, stop, BLOCK):
        most_a, most_e, least = np.float32(0), np.float32(0), np.float32(np.inf)
        for place in range(first, min(first + BLOCK, stop)):
            row = ids[place] if use_ids else place
            e = _embedding(embedding_codes, scale, row, wanted, bias, factor, base)
            a = _attribute(
                probability_codes, row, weight, offset, set_start, set_attribute, set_weight, set_offset
            )
            most_a, most_e = max(most_a, a), max(most_e, e)
            least = min(least, mix_attribute * a + mix_embedding * e)
        block = first // BLOCK
        most_attribute[block], most_embedding[block], least_mix[block] = most_a, most_e, least


@numba.njit(nogil=True, cache=True, fastmath=_FAST)
@no_type_check
def distances_of_blocks(
    blocks, ids, use_ids, rows, embedding_codes, scale, wanted, bias, factor, base,
    probability_codes, weight, offset, set_start, set_attribute, set_weight, set_offset,
    attribute, embedding,
):  # fmt: skip
    """Fill both distances (block, 64) of all rows of some blocks; places past the end get NO_ROW."""
    for b in range(blocks.shape[0]):
        for i in range(BLOCK):
            place = blocks[b] * BLOCK + i
            if place >= rows:
                attribute[b, i] = embedding[b, i] = np.float32(NO_ROW)
                continue
            row = ids[place] if use_ids else place
            embedding[b, i] = _embedding(embedding_codes, scale, row, wanted, bias, factor, base)
            attribute[b, i] = _attribute(
                probability_codes, row, weight, offset, set_start, set_attribute, set_weight, set_offset
            )


@numba.njit(nogil=True, cache=True)
@no_type_check
def rescore(
    rows, embedding, asked_vector, probability, term_start, term_attribute, target, certainty,
    attribute_distance, embedding_distance,
):  # fmt: skip
    """Fill both distances of some rows in float64, summed in order; this arithmetic is the definition."""
    for i in range(rows.shape[0]):
        row = rows[i]
        total = 0.0
        for term in range(target.shape[0]):
            shown = 0.0
            for position in range(term_start[term], term_start[term + 1]):
                shown = max(shown, np.float64(probability[row, term_attribute[position]]))
            difference = target[term] - shown
            total += certainty[term] * (difference * difference)
        attribute_distance[i] = np.sqrt(total)
        product = 0.0
        for j in range(asked_vector.shape[0]):
            product += asked_vector[j] * np.float64(embedding[row, j])
        embedding_distance[i] = min(max(1.0 - product, 0.0), 2.0) if asked_vector.shape[0] else 0.0


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
