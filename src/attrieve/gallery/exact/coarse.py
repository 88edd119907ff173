"""Fewer numbers a row: embeddings along the few directions in which they differ most.

A trained model's embeddings lie close to a few dozen directions. A first pass that reads those alone, and
knows how much of a row lies outside them, passes over most rows; see ``docs/methods/exact_search.md``.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64
from numpy import ndarray

from attrieve.gallery.exact.quantise import (
    CHUNK_ROWS,
    EmbeddingCodes,
    blocks_of,
    largest_by_block,
    quantise_vectors,
)

LEAST_COARSE_ROWS = 2**15
"""Fewer rows are scanned as quickly in full."""

SHARES = ((0.375, 0.75), (0.5, 0.8))
"""This share of the directions is enough where it holds so much of the squared length of all rows."""

_SAMPLED_ROWS = 2**14
_SLACK = 1e-7  # more than the roundings of float64 in the length of what is left
LANES = 16
"""The number of directions is a multiple; the kernels take so many entries at a time."""


@dataclass(frozen=True, eq=False)
class CoarseCodes:
    """Unit vectors along a few directions, in one byte each.

    Args:
        directions: orthonormal, as columns.
        codes: of what lies along them.
        left: for each block of rows, an upper bound of the length of what lies outside them.
    """

    directions: Float64[ndarray, "dim direction"]
    codes: EmbeddingCodes
    left: Float32[ndarray, " block"]


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
    codes = EmbeddingCodes(
        np.empty((rows, count), np.uint8), np.empty(rows, np.float32), np.empty(blocks_of(rows), np.float32)
    )
    left = np.empty(blocks_of(rows), dtype=np.float32)
    for start in range(0, rows, CHUNK_ROWS):
        part = slice(start, min(start + CHUNK_ROWS, rows))
        blocks = slice(blocks_of(start), blocks_of(part.stop))
        vectors = np.asarray(embedding[part], dtype=np.float64)
        along = vectors @ directions
        outside = np.einsum("rd,rd->r", vectors, vectors) - np.einsum("rd,rd->r", along, along)
        left[blocks] = largest_by_block(np.sqrt(np.maximum(outside, 0)) + _SLACK)
        codes.codes[part], codes.scale[part], length = quantise_vectors(along)
        codes.error[blocks] = largest_by_block(length)
    return CoarseCodes(directions, codes, left)


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
