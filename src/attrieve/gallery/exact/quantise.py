"""One byte per number, and how far that can be from the number it stands for."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, UInt8
from numpy import ndarray

from attrieve.errors import InputError

BLOCK_ROWS = 64
"""Rows that share one error bound, and one entry in the summary of a scan."""

CHUNK_ROWS = 1024 * BLOCK_ROWS
"""Rows quantised at a time, whole blocks, which keeps temporary arrays small."""

CENTRE = 128
"""The code of an embedding entry of 0."""

UNIT_TOLERANCE = 1e-3
"""How far from 1 the length of an embedding may be."""

_LEAST_SCALE = 1e-30  # below, float32 would lose digits
_UP = 1 + 2.0**-20  # more than the rounding of a few float32 operations


@dataclass(frozen=True)
class EmbeddingCodes:
    """Unit vectors in one byte an entry: ``x = scale * (code - 128)`` up to an error.

    Args:
        codes: unsigned bytes.
        scale: of each row.
        error: for each block of rows, an upper bound of the Euclidean length of the error of any of them.
    """

    codes: UInt8[ndarray, "row dim"]
    scale: Float32[ndarray, " row"]
    error: Float32[ndarray, " block"]


@dataclass(frozen=True)
class ProbabilityCodes:
    """Probabilities in one byte each: ``p = code / 255`` up to an error.

    Args:
        codes: unsigned bytes.
        largest_error: for each block of rows, an upper bound of the error of any entry.
        error: for each block, an upper bound of the Euclidean length of the error of any row.
    """

    codes: UInt8[ndarray, "row attribute"]
    largest_error: Float32[ndarray, " block"]
    error: Float32[ndarray, " block"]


def quantise_embedding(embedding: Float32[ndarray, "row dim"]) -> EmbeddingCodes:
    """Return codes of unit vectors; the error of each row is measured, not estimated.

    Raises:
        InputError: for a NaN or infinity, or a vector whose length is not 1 within 0.001.

    >>> codes = quantise_embedding(np.array([[0.6, -0.8]], dtype=np.float32))
    >>> codes.codes.tolist(), round(float(codes.scale[0]) * 127, 3)
    ([[223, 1]], 0.8)
    """
    rows, dim = embedding.shape
    codes = np.empty((rows, dim), dtype=np.uint8)
    scale = np.empty(rows, dtype=np.float32)
    error = np.zeros(blocks_of(rows), dtype=np.float32)
    for start in range(0, rows, CHUNK_ROWS):
        part = slice(start, min(start + CHUNK_ROWS, rows))
        vectors = np.asarray(embedding[part], dtype=np.float64)
        _require_unit(vectors, start)
        scale[part] = least_scales(vectors)
        codes[part], length = quantise_vectors(vectors, scale[part])
        error[blocks_of(start) : blocks_of(part.stop)] = largest_by_block(length)
    return EmbeddingCodes(codes, scale, error)


def least_scales(vectors: Float64[ndarray, "row dim"]) -> Float32[ndarray, " row"]:
    """Return the smallest scale of each row whose codes reach its largest entry."""
    scale = np.maximum(np.abs(vectors).max(axis=1) / 127 * _UP, _LEAST_SCALE)
    return np.asarray(scale, dtype=np.float32)


def quantise_vectors(
    vectors: Float64[ndarray, "row dim"], scale: Float32[ndarray, " row"]
) -> tuple[UInt8[ndarray, "row dim"], Float64[ndarray, " row"]]:
    """Return codes and the length of each row's error, for vectors of any length up to 1."""
    step = scale.astype(np.float64)[:, None]
    whole = np.rint(vectors / step)
    length = np.linalg.norm(vectors - whole * step, axis=1)
    return (whole + CENTRE).astype(np.uint8), length


def quantise_probability(probability: Float32[ndarray, "row attribute"]) -> ProbabilityCodes:
    """Return codes of probabilities, and the measured errors.

    Raises:
        InputError: for a value outside [0, 1], or NaN.

    >>> quantise_probability(np.array([[0.0, 0.5, 1.0]], dtype=np.float32)).codes.tolist()
    [[0, 128, 255]]
    """
    rows, attributes = probability.shape
    codes = np.empty((rows, attributes), dtype=np.uint8)
    largest = np.zeros(blocks_of(rows), dtype=np.float32)
    error = np.zeros(blocks_of(rows), dtype=np.float32)
    for start in range(0, rows, CHUNK_ROWS):
        part = slice(start, min(start + CHUNK_ROWS, rows))
        values = np.asarray(probability[part], dtype=np.float64)
        _require_probability(values, start)
        whole = np.rint(values * 255)
        codes[part] = whole.astype(np.uint8)
        missed = np.abs(values - whole / 255)
        blocks = slice(blocks_of(start), blocks_of(part.stop))
        largest[blocks] = largest_by_block(missed.max(axis=1, initial=0.0))
        error[blocks] = largest_by_block(np.linalg.norm(missed, axis=1))
    return ProbabilityCodes(codes, largest, error)


def blocks_of(rows: int) -> int:
    """Return how many blocks rows fill."""
    return -(-rows // BLOCK_ROWS)


def largest_by_block(value: Float64[ndarray, " row"]) -> Float32[ndarray, " block"]:
    """Return the largest value of each block of rows, rounded up."""
    largest = np.maximum.reduceat(value, np.arange(0, len(value), BLOCK_ROWS))
    return (largest * _UP).astype(np.float32)


def _require_unit(vectors: Float64[ndarray, "row dim"], start: int) -> None:
    with np.errstate(invalid="ignore", over="ignore"):
        length = np.linalg.norm(vectors, axis=1)
    wrong = np.flatnonzero(~(np.abs(length - 1) <= UNIT_TOLERANCE))
    if len(wrong):
        raise InputError(
            f"embeddings must be finite and of length 1; row {start + int(wrong[0])} has length "
            f"{length[wrong[0]]:.6g}: divide each by its length, leave out those that are all 0"
        )


def _require_probability(values: Float64[ndarray, "row attribute"], start: int) -> None:
    wrong = np.argwhere(~((values >= 0) & (values <= 1)))
    if len(wrong):
        row, attribute = (int(index) for index in wrong[0])
        raise InputError(
            f"probabilities must lie in [0, 1]; row {start + row}, attribute {attribute} is "
            f"{values[row, attribute]:.6g}: hand in probabilities, not logits, and mend NaN"
        )
