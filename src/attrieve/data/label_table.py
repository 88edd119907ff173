"""Labels of images in a table anyone can write: CSV or Parquet, a line an image, a column an attribute."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from io import StringIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from attrieve.data.files import write_atomically
from attrieve.errors import DatasetError
from attrieve.schema.attributes import AttributeSchema
from attrieve.schema.person import ImageSource, Person, PersonSet, Value

FACTS = ("path", "key", "identity", "camera", "time")
"""Columns beside the attributes; only ``path`` must be there."""

ENDINGS = (".csv", ".parquet")

_VALUES = {"1": 1, "yes": 1, "true": 1, "0": 0, "no": 0, "false": 0, "": -1, "-1": -1, "unknown": -1}


def read_label_table(path: Path | str, schema: AttributeSchema) -> PersonSet:
    """Read images with what is known of them; what is not said is unknown, never "no".

    * ``path``: the image, relative to the table; ``archive.zip!member`` names a member of an archive.
    * ``key``, ``identity``, ``camera``, ``time`` (ISO 8601): may be missing; the key is the path then.
    * every other column is an attribute, by name, label or alias: 1, yes, true; 0, no, false; empty, -1 or
      unknown. An attribute without a column is unknown of all images.

    Args:
        path: a ``.csv`` file with a header, in UTF-8, or a ``.parquet`` file.
        schema: the vocabulary to read in.

    Raises:
        DatasetError: if the table cannot be read, lacks ``path``, holds no line, or a line cannot be
            understood; names the line.
        UnknownNameError: for a column that is no attribute, with the nearest.
        InputError: if two lines share a key.
    """
    path = Path(path)
    lines = _lines(path)
    try:
        columns = next(lines)
    except StopIteration:
        raise DatasetError(f"{path} is empty; write a header with the column 'path' and attributes") from None
    if "path" not in columns:
        raise DatasetError(f"expected a column 'path' in {path}, got {', '.join(columns[:12])}")
    if len(set(columns)) < len(columns):
        twice = next(name for name in columns if columns.count(name) > 1)
        raise DatasetError(f"column {twice!r} is in {path} twice; name each once")
    position = {name: schema.index_of(name) for name in columns if name not in FACTS}
    _refuse_same_attribute(position, path)
    persons = [
        _person(dict(zip(columns, cells, strict=True)), position, schema, path, number)
        for number, cells in enumerate(_checked(lines, columns, path), start=2)
    ]
    if not persons:
        raise DatasetError(f"{path} has a header and no line; add images")
    return PersonSet(path.stem, schema, tuple(persons))


def write_label_table(path: Path | str, persons: PersonSet) -> None:
    """Write images with what is known of them; :func:`read_label_table` gives the same back.

    Columns nobody has a value in are left out. Paths are absolute.

    Raises:
        DatasetError: for another ending than ``.csv`` and ``.parquet``.
        StorageError: if the disk refuses.
    """
    path = Path(path)
    _require_ending(path)
    known = [i for i in range(len(persons.schema)) if len(persons) and (persons.values[:, i] >= 0).any()]
    facts = [f for f in FACTS if f in ("path", "key") or any(getattr(p, f) for p in persons.persons)]
    header = [*facts, *(persons.schema.names[index] for index in known)]
    rows = [
        [*(_fact(person, name) for name in facts), *(_written(person.values[index]) for index in known)]
        for person in persons.persons
    ]
    write_table(path, header, rows)


def write_table(
    path: Path, header: Sequence[str], rows: Sequence[Sequence[str | int | float | None]]
) -> None:
    """Write rows as CSV or Parquet, by the ending; None is an empty cell, or null.

    Raises:
        DatasetError: for another ending.
        StorageError: if the disk refuses.
    """
    _require_ending(path)
    if path.suffix.lower() == ".csv":
        text = StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(["" if cell is None else cell for cell in row] for row in rows)
        write_atomically(path, text.getvalue().encode("utf-8", "surrogateescape"))
        return
    columns = {name: [row[place] for row in rows] for place, name in enumerate(header)}
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({name: _column(cells) for name, cells in columns.items()}), sink)
    write_atomically(path, memoryview(sink.getvalue()))


def _column(cells: list[str | int | float | None]) -> pa.Array:
    return pa.array(cells, pa.string() if all(cell is None for cell in cells) else None)


def _require_ending(path: Path) -> None:
    if path.suffix.lower() not in ENDINGS:
        raise DatasetError(f"expected a table that ends in {' or '.join(ENDINGS)}, got {path.name!r}")


def _lines(path: Path) -> Iterator[list[str]]:
    """Yield the header, then the cells of every line, as text."""
    _require_ending(path)
    try:
        if path.suffix.lower() == ".csv":
            with path.open(encoding="utf-8-sig", newline="") as file:
                yield from (cells for cells in csv.reader(file, strict=True) if cells)
            return
        table = pq.read_table(path)
    except (OSError, UnicodeDecodeError, csv.Error, pa.ArrowException) as error:
        raise DatasetError(f"cannot read labels from {path}: {error}") from error
    yield list(table.column_names)
    for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
        yield ["" if cell is None else str(cell) for cell in row]


def _checked(lines: Iterator[list[str]], columns: list[str], path: Path) -> Iterator[list[str]]:
    for number, cells in enumerate(lines, start=2):
        if len(cells) != len(columns):
            raise DatasetError(f"{path}, line {number}: expected {len(columns)} cells, got {len(cells)}")
        yield cells


def _refuse_same_attribute(position: Mapping[str, int], path: Path) -> None:
    by_index: dict[int, str] = {}
    for name, index in position.items():
        if index in by_index:
            raise DatasetError(f"columns {by_index[index]!r} and {name!r} of {path} are the same attribute")
        by_index[index] = name


def _person(
    cells: Mapping[str, str], position: Mapping[str, int], schema: AttributeSchema, path: Path, line: int
) -> Person:
    where = f"{path}, line {line}"
    if not cells["path"]:
        raise DatasetError(f"{where}: 'path' is empty; name an image")
    values = [int(Value.UNKNOWN)] * len(schema)
    for name, index in position.items():
        said = cells[name].strip().lower()
        if said not in _VALUES:
            raise DatasetError(f"{where}: {name!r} is 1, 0 or empty for unknown, got {cells[name]!r}")
        values[index] = _VALUES[said]
    try:
        time = datetime.fromisoformat(cells["time"]) if cells.get("time") else None
    except ValueError:
        raise DatasetError(f"{where}: 'time' is ISO 8601, got {cells['time']!r}") from None
    return Person(
        key=cells.get("key") or cells["path"],
        image=_source(cells["path"], path.parent),
        values=tuple(values),
        identity=cells.get("identity") or None,
        camera=cells.get("camera") or None,
        time=time,
    )


def _source(text: str, folder: Path) -> ImageSource:
    archive, mark, member = text.partition(".zip!")
    if mark:
        return ImageSource(folder / f"{archive}.zip", member)
    return ImageSource(folder / text)


def _fact(person: Person, name: str) -> str | None:
    if name == "path":
        return str(ImageSource(person.image.path.absolute(), person.image.member))
    value = getattr(person, name)
    return value.isoformat() if isinstance(value, datetime) else value


def _written(value: int) -> int | None:
    return None if value < 0 else value
