"""Row keys: 16 hexadecimal digits as text on disk, as 64-bit numbers in memory."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import pyarrow as pa
from jaxtyping import UInt64

from attrieve.errors import InputError, UnknownNameError

_DIGITS = 16
_VALUE = np.full(256, 255, dtype=np.uint8)
_VALUE[np.frombuffer(b"0123456789abcdef", dtype=np.uint8)] = np.arange(16, dtype=np.uint8)


def key_numbers(keys: pa.Array | Iterable[str]) -> UInt64[np.ndarray, " row"]:
    """Return keys as numbers; their order is the order of the texts.

    Raises:
        InputError: for a key that is not 16 lower-case hexadecimal digits.

    >>> key_numbers(["00000000000000ff"]).tolist()
    [255]
    """
    column = keys if isinstance(keys, pa.Array) else pa.array(list(keys), pa.string())
    if len(column) == 0:
        return np.zeros(0, dtype=np.uint64)
    texts = _digits(column)
    values = _VALUE[texts]
    if values.max() > 15:
        wrong = int((values > 15).any(axis=1).argmax())
        raise InputError(f"key {column[wrong].as_py()!r} is not {_DIGITS} lower-case hexadecimal digits")
    packed = (values[:, 0::2] << 4) | values[:, 1::2]
    numbers: UInt64[np.ndarray, " row"] = packed.view(">u8").reshape(-1).astype(np.uint64)
    return numbers


def _digits(column: pa.Array) -> np.ndarray:
    """Return the characters of all keys, (row, digit); the store's text column is taken as it lies."""
    if column.null_count:
        raise InputError("a row has no key; every row needs one")
    offsets = np.frombuffer(column.buffers()[1], dtype=np.int32)[
        column.offset : column.offset + len(column) + 1
    ]
    wrong = np.flatnonzero(np.diff(offsets) != _DIGITS)
    if len(wrong):
        came = column[int(wrong[0])].as_py()
        raise InputError(f"key {came!r} is not {_DIGITS} lower-case hexadecimal digits")
    data = np.frombuffer(column.buffers()[2], dtype=np.uint8)[offsets[0] : offsets[-1]]
    return data.reshape(len(column), _DIGITS)


def key_text(number: int | np.uint64) -> str:
    """Return the key of a number.

    >>> key_text(255)
    '00000000000000ff'
    """
    return f"{int(number):0{_DIGITS}x}"


_LOOKED_AT = 1000
"""Keys compared with a mistyped one: some tenths of a second."""


@dataclass(frozen=True)
class KeysLike:
    """Keys that may have been meant by one that is not there, from one part of a gallery or from all of it.

    Args:
        alike: the smallest of those that share its beginning or its end; a slip of the hand leaves most
            digits alone.
        smallest: the smallest of all, of parts that hold none that is alike.
    """

    alike: tuple[str, ...]
    smallest: tuple[str, ...]

    @classmethod
    def of(cls, key: str, numbers: UInt64[np.ndarray, " row"]) -> "KeysLike":
        """Look for them.

        Raises:
            InputError: for what is no key.
        """
        value = int(key_numbers([key])[0])
        head, tail = np.uint64(value >> 48), np.uint64(value & 0xFFFF)
        alike = numbers[(numbers >> np.uint64(48) == head) | (numbers & np.uint64(0xFFFF) == tail)]
        return cls(_smallest(alike), () if len(alike) else _smallest(numbers))

    @classmethod
    def together(cls, parts: Iterable["KeysLike"]) -> "KeysLike":
        """Return what one look at all parts would have found."""
        given = list(parts)
        alike = sorted(key for part in given for key in part.alike)
        smallest = sorted(key for part in given for key in part.smallest)
        return cls(tuple(alike[:_LOOKED_AT]), tuple(smallest[:_LOOKED_AT]))

    def unknown_row(self, key: str) -> UnknownNameError:
        """Return the error that tells of a key that is not there, with the three most like it.

        >>> numbers = np.array([0x1111111111111111, 0xFF], dtype=np.uint64)
        >>> print(KeysLike.of("00000000000000fe", numbers).unknown_row("00000000000000fe"))
        unknown row '00000000000000fe'; did you mean '00000000000000ff'?
        """
        nearest = get_close_matches(key, self.alike or self.smallest, n=3, cutoff=0.0)
        return UnknownNameError("row", key, nearest)


def _smallest(numbers: UInt64[np.ndarray, " row"]) -> tuple[str, ...]:
    if len(numbers) > _LOOKED_AT:
        numbers = np.partition(numbers, _LOOKED_AT)[:_LOOKED_AT]
    return tuple(key_text(number) for number in np.sort(numbers))
