"""Some rows of a table of floats, read from its file where it is mapped from one.

A touch of a mapped file maps its neighbourhood as well, 64 KiB or more, and keeps it mapped: after some
hundred searches the floats would count as memory of the process. Reading rows leaves nothing behind.
"""

import os
from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Float32, Int64
from numpy import ndarray

from attrieve.errors import StorageError
from attrieve.gallery.exact.compiling import ALLOCATING

DENSE, MANY = 8, 256
"""Rows are read from the mapping where many are wanted, and at least one in so many between them."""


def read_rows(
    column: Float32[ndarray, "row width"] | None, rows: Int64[ndarray, " some"]
) -> Float32[ndarray, "some width"]:
    """Return rows (ascending) of a table, or an empty table without one.

    Raises:
        StorageError: if the file was cut short.
    """
    if column is None or not len(rows):
        return np.empty((len(rows), 0 if column is None else column.shape[1]), dtype=np.float32)
    mapped = _mapped(column)
    if mapped is None or (len(rows) > MANY and rows[-1] - rows[0] < DENSE * len(rows)):
        return np.asarray(column[rows])
    try:
        file = os.open(str(mapped.filename), os.O_RDONLY)
    except OSError:  # deleted since: the mapping still has it
        return np.asarray(column[rows])
    try:
        return _read(file, mapped, column, rows)
    finally:
        os.close(file)


def _mapped(column: ndarray) -> "np.memmap | None":
    """Return the mapping of a whole file that a table is a view of, or None."""
    base = column.base
    if not isinstance(base, np.memmap) or base.shape != column.shape or not hasattr(os, "pread"):
        return None
    return base if base.flags.c_contiguous and base.ctypes.data == column.ctypes.data else None


def _read(file: int, mapped: "np.memmap", column: ndarray, rows: ndarray) -> ndarray:
    size, found = column.shape[1] * column.itemsize, np.empty((len(rows), column.shape[1]), np.float32)
    done = 0
    while done < len(rows):
        done += _read_all(file, mapped.offset, rows[done:], found[done:])
        if done < len(rows):  # interrupted, or the system says why, or the file ends here
            row = int(rows[done])
            content = os.pread(file, size, mapped.offset + row * size)
            if len(content) != size:
                raise StorageError(
                    f"{mapped.filename} was cut short: row {row} is missing; write the columns again"
                )
            found[done] = np.frombuffer(content, dtype=np.float32)
            done += 1
    return found


_pread = numba.types.ExternalFunction(
    "pread",
    numba.types.int64(numba.types.int32, numba.types.voidptr, numba.types.uint64, numba.types.int64),
)


@numba.njit(**ALLOCATING)
@no_type_check
def _read_all(file, start, rows, found):
    """Fill rows from an open file whose table starts at a byte; return how many until one could not be."""
    size = found.shape[1] * found.itemsize
    for place in range(rows.shape[0]):
        if _pread(file, found[place].ctypes, size, start + rows[place] * size) != size:
            return place
    return rows.shape[0]
