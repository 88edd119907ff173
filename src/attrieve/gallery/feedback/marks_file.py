"""Marks on disk: one JSON document that people can read, and programs can write."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from attrieve.data.files import write_atomically
from attrieve.errors import InputError, SchemaMismatchError
from attrieve.gallery.database.rows import in_utc
from attrieve.gallery.feedback.marks import Mark, Marks
from attrieve.schema import AttributeSchema

FORMAT = 1
"""Number of the form of the document."""

_VERDICTS = {"right": True, "wrong": False}


def marks_to_json(marks: Marks, schema: AttributeSchema) -> dict[str, Any]:
    """Return marks as plain JSON values; :func:`marks_from_json` reads them back."""
    return {
        "attrieve_marks": FORMAT,
        "vocabulary": {"name": schema.name, "fingerprint": schema.fingerprint},
        "marks": [
            {
                "key": mark.key,
                "verdict": mark.verdict,
                "query": mark.query,
                "time": None if mark.time is None else in_utc(mark.time).isoformat(),
                "by": mark.by,
            }
            for mark in marks.marks
        ],
    }


def marks_from_json(document: object, schema: AttributeSchema) -> Marks:
    """Read marks written by :func:`marks_to_json`.

    Args:
        document: of it only ``marks`` must be there, and in each mark ``key`` and ``verdict``.
        schema: in which their descriptions are written.

    Raises:
        InputError: saying which mark lacks what, or is there twice.
        SchemaMismatchError: for marks of another vocabulary.
    """
    if not isinstance(document, dict) or not isinstance(document.get("marks"), list):
        raise InputError("marks are a table with a list 'marks', as `attrieve search --marks` writes it")
    if document.get("attrieve_marks", FORMAT) != FORMAT:
        raise InputError(
            f"these marks are of form {document['attrieve_marks']!r}, known is {FORMAT}; use a newer attrieve"
        )
    _require_same(document.get("vocabulary"), schema)
    return Marks(tuple(_mark(entry, place) for place, entry in enumerate(document["marks"], start=1)))


def read_marks(path: Path, schema: AttributeSchema) -> Marks:
    """Read a file of marks.

    Raises:
        InputError: if it cannot be read, names the file; see :func:`marks_from_json`.
    """
    try:
        document = json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"cannot read marks from {path}: {error}; it must be JSON in UTF-8") from error
    try:
        return marks_from_json(document, schema)
    except InputError as error:
        kind = SchemaMismatchError if isinstance(error, SchemaMismatchError) else InputError
        raise kind(f"{path}: {error}") from error


def write_marks(path: Path, marks: Marks, schema: AttributeSchema) -> None:
    """Write a file of marks; an old one is replaced whole, or not at all.

    Raises:
        StorageError: if the disk refuses.
    """
    text = json.dumps(marks_to_json(marks, schema), indent=1, ensure_ascii=False)
    write_atomically(path, (text + "\n").encode())


def _require_same(vocabulary: object, schema: AttributeSchema) -> None:
    if not isinstance(vocabulary, dict):
        return
    if vocabulary.get("fingerprint", schema.fingerprint) != schema.fingerprint:
        raise SchemaMismatchError(
            f"the marks speak vocabulary {vocabulary.get('name')!r} ({vocabulary['fingerprint']}), the "
            f"gallery {schema.name!r} ({schema.fingerprint}); use marks of this vocabulary"
        )


def _mark(entry: object, place: int) -> Mark:
    if not isinstance(entry, dict):
        raise InputError(f"mark {place} must be a table, got {type(entry).__name__}")
    key, verdict = entry.get("key"), entry.get("verdict")
    if not isinstance(key, str):
        raise InputError(f"mark {place} must name the key of a row as text, got {key!r}")
    if not isinstance(verdict, str) or verdict not in _VERDICTS:
        raise InputError(f"the verdict of mark {place} is 'right' or 'wrong', got {verdict!r}")
    query, by = entry.get("query") or "", entry.get("by")
    if not isinstance(query, str) or not isinstance(by, str | None):
        raise InputError(f"'query' and 'by' of mark {place} are text, got {query!r} and {by!r}")
    try:
        return Mark(key, _VERDICTS[verdict], query, _time(entry.get("time"), place), by)
    except InputError as error:
        raise InputError(f"mark {place}: {error}") from error


def _time(value: object, place: int) -> datetime | None:
    if value is None:
        return None
    try:
        if isinstance(value, str):
            return in_utc(datetime.fromisoformat(value))
    except ValueError:
        pass
    raise InputError(f"the time of mark {place} is ISO 8601 such as 2024-05-06T07:08:09Z, got {value!r}")
