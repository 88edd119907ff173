"""Compact columns in a folder: one folder of .npy files per segment, and a list that commits them.

::

    columns.json                     the segments in row order, with their rows
    <segment>/embedding_codes.npy    and the other arrays of the segment
"""

import json
import os
import shutil
from pathlib import Path

import numpy as np
from numpy import ndarray

from attrieve.data.files import write_atomically
from attrieve.errors import InputError, StorageError
from attrieve.gallery.exact.segment import Segment

LIST_NAME = "columns.json"
FORMAT = 3


def save_segments(folder: Path, segments: tuple[Segment, ...]) -> None:
    """Write segments the folder lacks, then the list; see :meth:`CompactColumns.save`."""
    for segment in segments:
        if not (folder / segment.name).is_dir():
            _save_segment(folder, segment)
    entries = [
        {
            "name": segment.name,
            "rows": segment.rows,
            "arrays": {
                name: {"shape": list(array.shape), "dtype": str(array.dtype)}
                for name, array in _arrays(segment).items()
            },
        }
        for segment in segments
    ]
    document = {"format": FORMAT, "segments": entries}
    write_atomically(folder / LIST_NAME, json.dumps(document, indent=2).encode())


def open_segments(folder: Path) -> tuple[Segment, ...]:
    """Map the segments the list names; see :meth:`CompactColumns.open`."""
    path = folder / LIST_NAME
    if not path.is_file():
        raise InputError(f"{folder} holds no compact columns: {LIST_NAME} is missing; save them first")
    try:
        document = json.loads(path.read_text("utf-8"))
        if document["format"] != FORMAT:
            raise StorageError(
                f"{path} is of format {document['format']}, this version reads {FORMAT}; write it again"
            )
        return tuple(
            Segment.from_arrays(
                int(entry["rows"]),
                str(entry["name"]),
                {
                    name: _open_array(folder / entry["name"] / f"{name}.npy", expected)
                    for name, expected in entry["arrays"].items()
                },
            )
            for entry in document["segments"]
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StorageError(f"{path} is damaged ({error!r}); write the columns again") from error


def _arrays(segment: Segment) -> dict[str, ndarray]:
    return {**segment.compact_arrays(), **segment.exact_arrays()}


def _save_segment(folder: Path, segment: Segment) -> None:
    """Write into a neighbour first: a folder of the segment's name is a whole segment."""
    unfinished = folder / f".{segment.name}.{os.getpid()}.part"
    try:
        unfinished.mkdir(parents=True)
        for name, array in _arrays(segment).items():
            with (unfinished / f"{name}.npy").open("wb") as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
                file.flush()
                os.fsync(file.fileno())
        unfinished.rename(folder / segment.name)
    except OSError as error:
        raise StorageError(
            f"cannot write columns to {folder}: {error.strerror or error}; what stood there before is "
            "unharmed. Free some space or choose another folder"
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _open_array(path: Path, expected: dict[str, object]) -> ndarray:
    try:
        # Copy on write: nothing is ever written, and the kernels are compiled for writable arrays.
        array = np.load(path, mmap_mode="c", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise StorageError(
            f"cannot read {path}: {error}; restore the file or write the columns again"
        ) from error
    found = {"shape": list(array.shape), "dtype": str(array.dtype)}
    if found != expected:
        raise StorageError(f"{path} holds {found}, expected {expected}; write the columns again")
    return np.asarray(array)
