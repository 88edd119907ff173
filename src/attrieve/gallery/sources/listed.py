"""Images named in a file: text, CSV or JSON lines."""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from attrieve.errors import DatasetError, UnknownNameError
from attrieve.gallery.sources.item import SourceItem
from attrieve.gallery.sources.metadata import read_metadata
from attrieve.schema import ImageSource

TEXT_ENDINGS = frozenset({".txt", ".lst"})
TABLE_ENDINGS = frozenset({".csv", ".tsv"})
JSON_ENDINGS = frozenset({".jsonl", ".ndjson"})
LIST_ENDINGS = TEXT_ENDINGS | TABLE_ENDINGS | JSON_ENDINGS
"""Endings, in lower case, of files that list images."""

_FIELD_LIMIT = 1_000_000


@dataclass(frozen=True)
class _Record:
    """One entry of a list: its fields, or why it cannot be read."""

    line: int
    fields: dict[str, object] | None = None
    problem: str | None = None


class ListSource:
    """The images a file names, in its order; missing ones go to quarantine when their turn comes.

    * ``.txt``, ``.lst``: one path a line; empty lines and lines that begin with ``#`` are skipped.
    * ``.csv``, ``.tsv``: a header with the column ``path``. Values are text, unless the header says
      otherwise: ``age:int``, ``score:float``, ``indoors:bool``.
    * ``.jsonl``, ``.ndjson``: one object a line with the key ``path``; numbers stay numbers.

    Paths are relative to the list; ``archive.zip!member`` names a member of a zip archive. For the other
    columns see :func:`~attrieve.gallery.sources.metadata.read_metadata`. Entries that cannot be read go
    to quarantine by their line.

    Args:
        path: the list, in UTF-8; made absolute. Names that are not Unicode are kept as they are.

    Raises:
        DatasetError: if it cannot be opened, has another ending or no column ``path``.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).absolute()
        self._records = _reader(self.path)
        with self._opened() as file:
            next(self._records(file), None)  # a header without a path is found out at once

    @property
    def name(self) -> str:
        """The list."""
        return str(self.path)

    def __iter__(self) -> Iterator[SourceItem]:
        """Yield what the list names."""
        with self._opened() as file:
            for record in self._records(file):
                yield self._item(record)

    def count(self) -> int:
        """Return how many entries there are; costs one pass over the list, no image is opened."""
        with self._opened() as file:
            return sum(1 for _ in self._records(file))

    def _opened(self) -> TextIO:
        try:
            # line ends inside quoted names are the table reader's business
            newline = "" if self.path.suffix.lower() in TABLE_ENDINGS else None
            return self.path.open(encoding="utf-8-sig", errors="surrogateescape", newline=newline)
        except OSError as error:
            raise DatasetError(
                f"expected a list of images at {self.path}: {error.strerror}; check the path"
            ) from error

    def _item(self, record: _Record) -> SourceItem:
        if record.fields is None:
            return self._refused(record, record.problem or "it cannot be read")
        fields = dict(record.fields)
        path = fields.pop("path", None)
        if not isinstance(path, str) or not path:
            return self._refused(record, f"expected 'path' to name an image, got {path!r}")
        try:
            return SourceItem(_listed_source(path, self.path.parent), read_metadata(fields))
        except DatasetError as error:
            return self._refused(record, str(error))

    def _refused(self, record: _Record, problem: str) -> SourceItem:
        place = ImageSource(self.path, f"line {record.line}")
        return SourceItem(place, problem=f"{self.path}, line {record.line}: {problem}")


def _listed_source(path: str, folder: Path) -> ImageSource:
    archive, mark, member = path.partition(".zip!")
    if mark:
        return ImageSource(folder / f"{archive}.zip", member)
    return ImageSource(folder / path)


def _reader(path: Path) -> Callable[[TextIO], Iterator[_Record]]:
    ending = path.suffix.lower()
    if ending in TEXT_ENDINGS:
        return _text_records
    if ending in JSON_ENDINGS:
        return _json_records
    if ending in TABLE_ENDINGS:
        return lambda file: _table_records(file, "\t" if ending == ".tsv" else ",", path)
    raise DatasetError(f"expected a list that ends in {', '.join(sorted(LIST_ENDINGS))}, got {path}")


def _text_records(file: TextIO) -> Iterator[_Record]:
    for number, line in enumerate(file, start=1):
        text = line.strip()
        if text and not text.startswith("#"):
            yield _Record(number, {"path": text})


def _json_records(file: TextIO) -> Iterator[_Record]:
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield _Record(number, problem=f"expected a JSON object: {error}")
            continue
        if isinstance(fields, dict):
            yield _Record(number, fields)
        else:
            yield _Record(number, problem=f"expected a JSON object, got {type(fields).__name__}")


def _table_records(file: TextIO, delimiter: str, path: Path) -> Iterator[_Record]:
    rows = csv.reader(file, delimiter=delimiter, strict=True)
    header = next(_rows(rows), _Row((), None)).values
    columns = _columns(header, path)
    for row in _rows(rows):
        if row.problem is not None:
            yield _Record(rows.line_num, problem=row.problem)
        elif row.values:
            yield _convert(row.values, columns, rows.line_num)


@dataclass(frozen=True)
class _Row:
    values: Sequence[str]
    problem: str | None


def _rows(rows: Iterator[list[str]]) -> Iterator[_Row]:
    while True:
        try:
            yield _Row(next(rows), None)
        except StopIteration:
            return
        except csv.Error as error:
            yield _Row((), f"expected comma-separated values: {error}")


def _columns(header: Sequence[str], path: Path) -> list[tuple[str, Callable[[str], object]]]:
    columns = []
    for cell in header:
        name, mark, kind = cell.strip().rpartition(":")
        columns.append((name, _KINDS[kind]) if mark and kind in _KINDS else (cell.strip(), str))
    names = [name for name, _ in columns]
    if "path" not in names:
        reason = UnknownNameError("column", "path", names) if names else "it is empty"
        raise DatasetError(f"expected a header with the column 'path' in {path}: {reason}")
    if len(set(names)) != len(names) or "" in names:
        raise DatasetError(f"expected every column of {path} to have its own name, got {', '.join(names)}")
    return columns


def _convert(
    values: Sequence[str], columns: Sequence[tuple[str, Callable[[str], object]]], line: int
) -> _Record:
    if len(values) != len(columns):
        return _Record(line, problem=f"expected {len(columns)} values, got {len(values)}")
    fields: dict[str, object] = {}
    for text, (name, kind) in zip(values, columns, strict=True):
        try:
            fields[name] = kind(text) if text or kind is str else None
        except ValueError:
            return _Record(line, problem=f"{text!r} does not fit column {name!r}")
    return _Record(line, fields)


def _truth(text: str) -> bool:
    known = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    try:
        return known[text.strip().lower()]
    except KeyError:
        raise ValueError(text) from None


_KINDS: dict[str, Callable[[str], object]] = {"int": int, "float": float, "bool": _truth, "text": str}
