"""Fewer numbers a row: embeddings along the few directions in which they differ most.

A trained model's embeddings lie close to a few dozen directions. A first pass that reads those alone, and
knows how much of a row lies outside them, passes over most rows; see ``docs/methods/exact_search.md``.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int32, UInt8, UInt32
from numpy import ndarray

from attrieve.gallery.exact.quantise import (
    CHUNK_ROWS,
    blocks_of,
    largest_by_block,
    least_scales,
    quantise_vectors,
)

LEAST_COARSE_ROWS = 2**15
"""Fewer rows are scanned as quickly in full."""

SHARES = ((0.25, 0.95), (0.375, 0.75), (0.5, 0.8))
"""This share of the directions is enough where it holds so much of the squared length of all rows."""

_SAMPLED_ROWS = 2**14
_UP = 1 + 2.0**-22  # more than rounding to float32 takes away
_SLACK = 1e-7  # more than the roundings of float64 in the length of what is left
LANES = 16
"""The number of directions is a multiple; the kernels take so many entries at a time."""


@dataclass(frozen=True, eq=False)
class CoarseCodes:
    """Unit vectors along a few directions, in one byte each: ``scale * (code - 128)`` up to an error.

    Args:
        directions: orthonormal, as columns.
        codes: of what lies along them, unsigned bytes.
        words: two numbers for each row, the upper halves of float32: in the lower 16 bits its scale, in the
            upper an upper bound of the length of what lies outside the directions.
        error: for each block of rows, an upper bound of the length of the error of any code.
        left: for each block, an upper bound of what lies outside of any row.
    """

    directions: Float64[ndarray, "dim direction"]
    codes: UInt8[ndarray, "row direction"]
    words: Int32[ndarray, " row"]
    error: Float32[ndarray, " block"]
    left: Float32[ndarray, " block"]

    @property
    def scale(self) -> Float32[ndarray, " row"]:
        """The scale of each row."""
        return (self.words.view(np.uint32) << 16).view(np.float32)

    @property
    def row_left(self) -> Float32[ndarray, " row"]:
        """For each row an upper bound of the length of what lies outside the directions."""
        return (self.words.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)


def coarse_codes(embedding: Float32[ndarray, "row dim"]) -> CoarseCodes | None:
    """Return coarse codes of unit vectors, or None where they would not spare much.

    The directions are those of the largest second moments of a sample, their number the smallest of
    :data:`SHARES`; what is left out is measured for every row.
    """
    if len(embedding) <= LEAST_COARSE_ROWS:
        return None
    directions = _directions(embedding)
    if directions is None:
        return None
    rows, count = len(embedding), directions.shape[1]
    codes, words = np.empty((rows, count), dtype=np.uint8), np.empty(rows, dtype=np.int32)
    error, left = np.empty((2, blocks_of(rows)), dtype=np.float32)
    for start in range(0, rows, CHUNK_ROWS):
        part = slice(start, min(start + CHUNK_ROWS, rows))
        blocks = slice(blocks_of(start), blocks_of(part.stop))
        vectors = np.asarray(embedding[part], dtype=np.float64)
        along = vectors @ directions
        outside = np.einsum("rd,rd->r", vectors, vectors) - np.einsum("rd,rd->r", along, along)
        away, scale = _rounded_up(np.sqrt(np.maximum(outside, 0)) + _SLACK), _rounded_up(least_scales(along))
        words[part] = (away << 16 | scale).view(np.int32)
        codes[part], length = quantise_vectors(along, (scale << 16).view(np.float32))
        error[blocks] = largest_by_block(length)
        left[blocks] = largest_by_block((away << 16).view(np.float32).astype(np.float64))
    return CoarseCodes(directions, codes, words, error, left)


def _rounded_up(value: Float32[ndarray, " row"] | Float64[ndarray, " row"]) -> UInt32[ndarray, " row"]:
    """Return the upper 16 bits of positive numbers as float32, none of them smaller than it was."""
    bits = (value * _UP).astype(np.float32).view(np.uint32)
    return (bits + np.uint32(0xFFFF)) >> np.uint32(16)


def _directions(embedding: Float32[ndarray, "row dim"]) -> Float64[ndarray, "dim direction"] | None:
    sample = np.asarray(embedding[:: max(1, len(embedding) // _SAMPLED_ROWS)], dtype=np.float64)
    moments, directions = np.linalg.eigh(sample.T @ sample)  # ascending
    share = np.cumsum(moments[::-1]) / moments.sum()
    dim = len(moments)
    for portion, enough in SHARES:
        count = int(dim * portion) // LANES * LANES
        if count and share[count - 1] >= enough:
            return np.ascontiguousarray(directions[:, ::-1][:, :count])
    return None
