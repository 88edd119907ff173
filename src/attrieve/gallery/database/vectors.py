"""Vectors of rows as arrays: checks, checksums, and the way to Arrow and back."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float, Float32, UInt64

from attrieve.errors import InputError

UNIT_TOLERANCE = 1e-3
"""How far the length of an embedding may be from one."""

_BLOCK = 8192
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Vectors:
    """Vectors of some rows, in row order; at least one column is there.

    Args:
        embedding: unit vectors, float32, or None if the model does not embed.
        probability: that each attribute holds, float32 in [0, 1], or None if the model does not recognise.

    Raises:
        InputError: if both are missing, or they tell of different numbers of rows.
    """

    embedding: Float32[np.ndarray, "row dim"] | None = None
    probability: Float32[np.ndarray, "row attribute"] | None = None

    def __post_init__(self) -> None:
        lengths = {name: len(column) for name, column in self.named().items()}
        if not lengths:
            raise InputError("a gallery row needs a probability or an embedding, neither was given")
        if len(set(lengths.values())) > 1:
            raise InputError(f"embedding and probability must tell of the same rows, got {lengths}")

    def __len__(self) -> int:
        return len(next(iter(self.named().values())))

    def named(self) -> dict[str, Float32[np.ndarray, "row width"]]:
        """Return the columns that are there, by name."""
        both = {"embedding": self.embedding, "probability": self.probability}
        return {name: column for name, column in both.items() if column is not None}

    def select(self, chosen: np.ndarray) -> "Vectors":
        """Return some rows, by index or mask."""
        return Vectors(**{name: column[chosen] for name, column in self.named().items()})

    def require_sound(self, *, embedding_dim: int | None, attributes: int | None) -> None:
        """Refuse vectors that cannot be searched.

        Raises:
            InputError: naming the first bad row: a wrong width, a number that is not finite, an
                embedding that is not of unit length, a probability outside [0, 1].
        """
        self._require_width("embedding", self.embedding, embedding_dim)
        self._require_width("probability", self.probability, attributes)
        for index, problem in self.problems():
            raise InputError(f"row {index}: {problem}")

    @staticmethod
    def _require_width(name: str, column: np.ndarray | None, width: int | None) -> None:
        came = None if column is None else column.shape[1]
        if came != width:
            expected = f"no {name}" if width is None else f"{name} of width {width}"
            got = "none" if came is None else f"width {came}"
            raise InputError(f"the gallery holds {expected}, got {got}; use the model that filled it")

    def problems(self) -> list[tuple[int, str]]:
        """Return the first unsound row of each kind with what is wrong, in row order."""
        found: list[tuple[int, str]] = []
        for name, column in self.named().items():
            finite = np.isfinite(column).all(axis=1)
            found += _first(~finite, f"its {name} holds numbers that are not finite")
            if name == "embedding":
                length = lengths(column)
                bad = finite & (np.abs(length - 1) > UNIT_TOLERANCE)
                shown = length[bad][0] if bad.any() else 1.0
                found += _first(bad, f"its embedding has length {shown:.4g}, expected 1")
            else:
                bad = finite & ((column < 0) | (column > 1)).any(axis=1)
                found += _first(bad, "a probability lies outside [0, 1]")
        return sorted(found)


def _first(bad: Bool[np.ndarray, " row"], problem: str) -> list[tuple[int, str]]:
    return [(int(bad.argmax()), problem)] if bad.any() else []


def lengths(column: Float[np.ndarray, "row dim"]) -> Float[np.ndarray, " row"]:
    """Return the Euclidean length of every row."""
    length: Float[np.ndarray, " row"] = np.sqrt(np.einsum("rd,rd->r", column, column, dtype=np.float64))
    return length


def checksums(vectors: Vectors) -> UInt64[np.ndarray, " row"]:
    """Return one number per row that changes when any bit of its vectors does.

    It is sum_i w_i * bits_i modulo 2^64, where bits_i are the 32 bits of number i and w_i odd weights: as
    an odd number has an inverse, a change of a single number is always seen, any other with probability
    near 1.

    >>> one = Vectors(np.array([[1.0, 0.0]], np.float32))
    >>> two = Vectors(np.array([[1.0, 1e-45]], np.float32))
    >>> bool(checksums(one)[0] == checksums(two)[0])
    False
    """
    total = np.zeros(len(vectors), dtype=np.uint64)
    start = 0
    for column in vectors.named().values():
        width = column.shape[1]
        weights = _weights(start, width)
        bits = np.ascontiguousarray(column).view(np.uint32)
        for first in range(0, len(bits), _BLOCK):
            block = bits[first : first + _BLOCK].astype(np.uint64)
            total[first : first + _BLOCK] += block @ weights
        start += width
    return total


def _weights(start: int, count: int) -> UInt64[np.ndarray, " number"]:
    """Return odd 64-bit weights, well mixed."""
    with np.errstate(over="ignore"):
        mixed = (np.arange(start, start + count, dtype=np.uint64) + np.uint64(1)) * _GOLDEN
        mixed ^= mixed >> np.uint64(31)
        return mixed | np.uint64(1)


def to_arrow(column: Float32[np.ndarray, "row width"], field: pa.Field) -> pa.Array:
    """Return a matrix as an Arrow column of fixed-size lists."""
    flat = pa.array(np.ascontiguousarray(column).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, type=field.type)


def from_arrow(column: pa.Array) -> Float32[np.ndarray, "row width"]:
    """Return an Arrow column of fixed-size lists as a matrix; no copy is made."""
    width = column.type.list_size
    flat = column.flatten().to_numpy(zero_copy_only=True)
    matrix: Float32[np.ndarray, "row width"] = flat.reshape(len(column), width)
    return matrix
