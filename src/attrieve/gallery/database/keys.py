"""Row keys: 16 hexadecimal digits as text on disk, as 64-bit numbers in memory."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

import numpy as np
import pyarrow as pa
from jaxtyping import UInt64

from attrieve.errors import InputError

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


def nearest_of(key: str, candidates: Sequence[str]) -> list[str]:
    """Return the three keys most like one that is not there, for a message.

    >>> nearest_of("00000000000000fe", ["1111111111111111", "00000000000000ff"])
    ['00000000000000ff', '1111111111111111']
    """
    return get_close_matches(key, candidates, n=3, cutoff=0.0)
