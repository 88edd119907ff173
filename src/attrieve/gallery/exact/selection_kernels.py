"""Compiled loops over blocks and rows that are left: bounds, filters, and the exact distances."""

from typing import no_type_check

import numba
import numpy as np

from attrieve.gallery.exact.compiling import BLOCK, IN_PLACE, NO_ROW
from attrieve.gallery.exact.lanes import trailing_zeros


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
def kept_rows(words, found):
    """Fill the rows whose bit is set, the lowest bit of a word first."""
    count = 0
    for word in range(words.shape[0]):
        left = words[word]
        while left != 0:
            found[count] = 64 * word + trailing_zeros(left)
            count += 1
            left &= left - 1


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
def upper_bound_of_blocks(
    least_mix, attribute, embedding, outside, by_attribute, by_embedding, least_ratio, most_ratio, heap, reach
):  # fmt: skip
    """Offer an upper bound of the best row of each block; the root then bounds the k-th best row.

    Fills lower bounds as well. Both are off by the errors of attribute and embedding distance, times their
    factors; the upper one also by what lies outside the directions.
    """
    for block in range(least_mix.shape[0]):
        error = by_attribute * attribute[block] + by_embedding * embedding[block]
        reach[block] = least_mix[block] * least_ratio - error
        offer(heap, least_mix[block] * most_ratio + error + by_embedding * outside[block])


@numba.njit(**IN_PLACE)
@no_type_check
def farthest_blocks(value, unit, error, outside, reach, blocks):
    """Fill the blocks that can reach farthest and how far, in no order; return a lower bound of the largest.

    Values can be off by an error, and too large by ``outside`` besides. Where the last place's reach is below
    the bound, all blocks that can hold the largest are there.
    """
    least, last = 0.0, 0
    for i in range(value.shape[0]):
        middle = unit * np.float64(value[i])
        least = max(least, middle - unit * (error[i] + outside[i]))
        most = middle + unit * error[i]
        if most > reach[last]:
            reach[last], blocks[last] = most, i
            for place in range(reach.shape[0]):
                if reach[place] < reach[last]:
                    last = place
    return least


@numba.njit(**IN_PLACE)
@no_type_check
def blocks_reaching(value, unit, error, most, found):
    """Fill the blocks whose value, which can be off by an error, can be ``most``; return how many."""
    count = 0
    for i in range(value.shape[0]):
        if unit * np.float64(value[i]) + unit * error[i] >= most:
            found[count] = i
            count += 1
    return count


@numba.njit(**IN_PLACE)
@no_type_check
def upper_bound_of_rows(attribute, embedding, error, by_attribute, by_embedding, heap):
    """Offer an upper bound of the distance of each row; the root then bounds the k-th best row."""
    for b in range(attribute.shape[0]):
        for i in range(attribute.shape[1]):
            if attribute[b, i] < NO_ROW:
                offer(heap, by_attribute * attribute[b, i] + by_embedding * embedding[b, i] + error[b])


@numba.njit(**IN_PLACE)
@no_type_check
def farthest_rows(
    attribute, embedding, attribute_error, embedding_error, by_attribute, by_embedding, places
):  # fmt: skip
    """Fill the places of the rows that can be the farthest by a distance that counts; return how many."""
    least_attribute = least_embedding = -np.inf
    for b in range(attribute.shape[0]):
        for i in range(attribute.shape[1]):
            if attribute[b, i] < NO_ROW:
                least_attribute = max(least_attribute, attribute[b, i] - attribute_error[b])
                least_embedding = max(least_embedding, embedding[b, i] - embedding_error[b])
    found = 0
    for b in range(attribute.shape[0]):
        reach_attribute = least_attribute - attribute_error[b] if by_attribute else np.inf
        reach_embedding = least_embedding - embedding_error[b] if by_embedding else np.inf
        for i in range(attribute.shape[1]):
            far = attribute[b, i] >= reach_attribute or embedding[b, i] >= reach_embedding
            if far and attribute[b, i] < NO_ROW:
                places[found] = b * attribute.shape[1] + i
                found += 1
    return found


@numba.njit(**IN_PLACE)
@no_type_check
def rows_up_to(attribute, embedding, error, by_attribute, by_embedding, limit, places):
    """Fill the places of the rows whose fused distance can be up to a limit; return how many."""
    found = 0
    for b in range(attribute.shape[0]):
        reach = limit + error[b]
        for i in range(attribute.shape[1]):
            near = by_attribute * attribute[b, i] + by_embedding * embedding[b, i] <= reach
            if near and attribute[b, i] < NO_ROW:
                places[found] = b * attribute.shape[1] + i
                found += 1
    return found
