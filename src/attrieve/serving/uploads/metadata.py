"""What a client says of its images: fields for all of them, and for each by its name."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from attrieve.errors import DatasetError, InputError
from attrieve.gallery.database.layout import check_user_fields
from attrieve.gallery.row_writers import arrow_type
from attrieve.gallery.sources.item import Metadata, Scalar
from attrieve.gallery.sources.metadata import read_metadata
from attrieve.serving.problems import Problem, ProblemError

FILE_NAME, SOURCE_NAME = "file_name", "source_name"
"""Columns of uploaded rows: the file's own name, and what the client calls its source."""

COMMON = ("camera", "time", "track", "source")
VALUE_MOST = 2000
FIELDS_MOST = 32


@dataclass(frozen=True)
class UploadFields:
    """What a client says.

    Args:
        common: of all images: camera, time, track, source.
        each: of single images, by the name of their file.
    """

    common: Mapping[str, object]
    each: Mapping[str, Mapping[str, object]]

    @classmethod
    def read(cls, fields: Mapping[str, str]) -> "UploadFields":
        """Read the fields of a form.

        Args:
            fields: ``camera``, ``time``, ``track``, ``source``, and ``metadata``: a JSON object from file
                name to an object of fields.

        Raises:
            ProblemError: for JSON that is none, or of another form.
        """
        common = {name: fields[name] for name in COMMON if fields.get(name)}
        text = fields.get("metadata", "").strip()
        try:
            each = json.loads(text) if text else {}
        except (ValueError, RecursionError) as error:
            raise _invalid(f"it is no JSON ({error})") from error
        if not isinstance(each, dict) or not all(isinstance(entry, dict) for entry in each.values()):
            raise _invalid("it is no object from file name to an object of fields")
        return cls(common, each)

    def of(self, name: str) -> dict[str, object]:
        """Return the fields of one file; what is said of it alone goes before what is said of all."""
        return {**self.common, **self.each.get(name, {})}


def _invalid(reason: str) -> ProblemError:
    told = f'the field metadata: {reason}; for example {{"a.jpg": {{"camera": "C1", "note": "by the door"}}}}'
    return ProblemError(Problem.INVALID_INPUT, told)


def checked_fields(fields: Mapping[str, object], name: str) -> dict[str, Any]:
    """Return the fields of a file as plain JSON, fit for a gallery; ``source`` becomes a column.

    Raises:
        InputError: naming what cannot be kept.

    >>> checked_fields({"camera": 3, "source": "lobby"}, "a.png")
    {'camera': '3', 'source_name': 'lobby', 'file_name': 'a.png'}
    """
    if len(fields) > FIELDS_MOST:
        raise InputError(f"{len(fields)} fields; at most {FIELDS_MOST} are kept")
    given = {SOURCE_NAME if key == "source" else key: value for key, value in fields.items()}
    read = read_metadata({key: value for key, value in given.items() if value is not None})
    plain: dict[str, Any] = {
        "camera": read.camera,
        "time": None if read.time is None else read.time.isoformat(),
        "track": read.track,
        "box": None if read.box is None else list(read.box),
        **{key: _plain(value) for key, value in read.columns.items()},
    }
    check_user_fields(pa.field(key, arrow_type(value)) for key, value in _known(read.columns).items())
    for key, value in plain.items():
        if isinstance(value, str) and len(value) > VALUE_MOST:
            raise InputError(f"{key} has {len(value):,} characters; at most {VALUE_MOST:,} are kept")
    kept = {key: value for key, value in plain.items() if value is not None}
    return kept | {FILE_NAME: name}


def _known(columns: Mapping[str, Scalar]) -> dict[str, str | bool | int | float | datetime]:
    return {key: value for key, value in columns.items() if value is not None}


def _plain(value: Scalar) -> Scalar:
    if isinstance(value, float) and value not in (value, float("inf"), float("-inf")):
        return None
    return value.isoformat() if isinstance(value, datetime) else value


def misfit(fields: Mapping[str, Any], columns: Mapping[str, pa.DataType]) -> str | None:
    """Return why fields do not fit the columns a gallery has, or None if they do; new ones always fit."""
    for key, value in read_metadata(fields).columns.items():
        if value is None or key not in columns:
            continue
        try:
            pa.array([value], columns[key])
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            return f"column {key!r} holds {columns[key]}, which {value!r} is not"
    return None


def metadata_of(fields: Mapping[str, Any]) -> Metadata:
    """Return checked fields as a source gives them.

    Raises:
        DatasetError: for fields that were not checked.
    """
    if FILE_NAME not in fields:
        raise DatasetError("the fields of an upload name its file")
    return read_metadata(fields)
