"""Rows of a gallery as objects, and as Arrow tables."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from attrieve.errors import InputError, UnknownNameError
from attrieve.gallery.database.keys import key_numbers
from attrieve.gallery.database.layout import EMBEDDING, FIXED, PROBABILITY, THUMBNAIL, user_fields
from attrieve.gallery.database.text import escape_text, unescape_text
from attrieve.gallery.database.vectors import Vectors, checksums, to_arrow
from attrieve.schema import ImageSource

UserValue = str | bool | int | float | datetime | None


class Box(NamedTuple):
    """Where a person was in the frame: left, top, width and height in pixels."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Measures:
    """What was measured on the decoded crop.

    Args:
        width: of the crop, in pixels.
        height: of the crop, in pixels.
        blur: variance of the Laplacian of the luminance; small means blurred.
        brightness: mean luminance.
        contrast: standard deviation of the luminance.
    """

    width: int
    height: int
    blur: float
    brightness: float
    contrast: float


@dataclass(frozen=True)
class GalleryRow:
    """One person image of a gallery, without its vectors.

    Args:
        key: see :func:`attrieve.gallery.rows.content_key`.
        source: where the image lay when it was indexed: a file, a member of an archive, or a video.
        camera: name of the camera, or None.
        time: when the picture was taken, or None; taken as UTC if it names no zone.
        frame: number of the video frame, or None for a picture.
        track: name of the track the crop belongs to, or None.
        box: where in the frame the crop was, or None.
        measures: size, blur, brightness and contrast, or None if they were not measured.
        thumbnail: an encoded little picture, or None.
        indexed_at: when the row was added, or None for now.
        user: values of the user's own columns.
    """

    key: str
    source: ImageSource
    camera: str | None = None
    time: datetime | None = None
    frame: int | None = None
    track: str | None = None
    box: Box | None = None
    measures: Measures | None = None
    thumbnail: bytes | None = field(default=None, repr=False)
    indexed_at: datetime | None = None
    user: Mapping[str, UserValue] = field(default_factory=dict)


def in_utc(moment: datetime) -> datetime:
    """Return a moment in UTC; one that names no zone is taken as UTC.

    >>> in_utc(datetime(2024, 5, 1, 12)).isoformat()
    '2024-05-01T12:00:00+00:00'
    """
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def describe(rows: Sequence[GalleryRow], schema: pa.Schema) -> pa.Table:
    """Return everything but vectors, model and checksum as columns of a table.

    Raises:
        InputError: for a value that does not fit its column, or a thumbnail where none are kept.
        UnknownNameError: for a user value whose column the gallery lacks.
    """
    own = {entry.name: entry for entry in user_fields(schema)}
    for row in rows:
        for name in row.user:
            if name not in own:
                raise UnknownNameError("own column of the gallery", name, own)
        if row.thumbnail is not None and THUMBNAIL not in schema.names:
            raise InputError("the gallery keeps no thumbnails; leave them out, or make it with thumbnails")
    now = datetime.now(UTC)
    given = [_plain(row, now) for row in rows]
    names = [name for name in schema.names if name not in {EMBEDDING, PROBABILITY, "model", "checksum"}]
    columns = {name: _column(schema.field(name), [row.get(name) for row in given]) for name in names}
    return pa.table(columns, schema=pa.schema([schema.field(name) for name in names]))


def _plain(row: GalleryRow, now: datetime) -> dict[str, object]:
    box = row.box or (None, None, None, None)
    values: dict[str, object] = {
        "key": row.key,
        "source": str(row.source.path),
        "member": row.source.member or None,
        "frame": row.frame,
        "camera": row.camera,
        "time": row.time,
        "track": row.track,
        **dict(zip(("box_x", "box_y", "box_width", "box_height"), box, strict=True)),
        "indexed_at": row.indexed_at or now,
        THUMBNAIL: row.thumbnail,
    }
    if row.measures is not None:
        values |= vars(row.measures)
    return {name: _stored(value) for name, value in (values | dict(row.user)).items()}


def _stored(value: object) -> object:
    if isinstance(value, str):
        return escape_text(value)
    return in_utc(value) if isinstance(value, datetime) else value


def _column(entry: pa.Field, values: list[object]) -> pa.Array:
    try:
        return pa.array(values, entry.type)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"column {entry.name!r} holds {entry.type}: {error}") from error


def complete(described: pa.Table, vectors: Vectors, model: str, schema: pa.Schema) -> pa.Table:
    """Return whole rows: described ones with vectors, model and checksum; missing columns are null.

    Raises:
        InputError: for another number of vectors, or keys that are no keys.
    """
    if len(described) != len(vectors):
        raise InputError(f"{len(described)} rows came with {len(vectors)} vectors; give one each")
    key_numbers(described.column("key").combine_chunks())
    made: dict[str, pa.Array] = {
        "model": pa.array([model] * len(described), pa.string()),
        "checksum": pa.array(checksums(vectors)),
    }
    for name, column in vectors.named().items():
        made[name] = to_arrow(column, schema.field(name))
    columns = []
    for entry in schema:
        if entry.name in made:
            columns.append(made[entry.name])
        elif entry.name in described.column_names:
            columns.append(described.column(entry.name).cast(entry.type))
        else:
            columns.append(pa.nulls(len(described), entry.type))
    return pa.table(columns, schema=schema)


def rows_of(table: pa.Table) -> list[GalleryRow]:
    """Return the rows of an Arrow table as objects.

    Columns are read one after the other: the way from Arrow to Python costs more by the call than by value.
    """
    there = set(table.column_names)

    def column(name: str) -> list[Any]:
        return _values(table.column(name)) if name in there else [None] * len(table)

    def groups(names: Iterable[str]) -> Iterable[tuple[Any, ...]]:
        return zip(*(column(name) for name in names), strict=True)

    own = [entry.name for entry in user_fields(table.schema)]
    users = groups(own) if own else [()] * len(table)
    return list(
        map(
            GalleryRow,
            column("key"),
            [ImageSource(Path(path), member or "") for path, member in groups(("source", "member"))],
            *(column(name) for name in ("camera", "time", "frame", "track")),
            [None if None in box else Box(*box) for box in groups(f"box_{side}" for side in Box._fields)],
            [None if None in each else Measures(*each) for each in groups(Measures.__dataclass_fields__)],
            *(column(name) for name in (THUMBNAIL, "indexed_at")),
            [dict(zip(own, values, strict=True)) for values in users],
        )
    )


def _values(column: pa.ChunkedArray) -> list[Any]:
    values: list[Any] = column.to_pylist()
    if pa.types.is_string(column.type):
        return [None if value is None else unescape_text(value) for value in values]
    return values


def first_of_each(keys: np.ndarray) -> np.ndarray:
    """Return the place of the first occurrence of every key, in order of occurrence."""
    return np.sort(np.unique(keys, return_index=True)[1])


DESCRIBING = tuple(name for name in FIXED.names if name not in {"model", "checksum"})
