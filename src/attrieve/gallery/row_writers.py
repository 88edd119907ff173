"""Where described images go: any store that knows its keys, takes rows and commits them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable

import numpy as np
import pyarrow as pa

from attrieve.gallery.database.layout import KEY_DIGITS, MOMENT, TEXT, user_fields
from attrieve.gallery.database.rows import Box, GalleryRow, Measures
from attrieve.gallery.database.vectors import Vectors
from attrieve.gallery.database.writing import DatabaseWriter
from attrieve.gallery.quality import Quality
from attrieve.gallery.sources.item import Metadata
from attrieve.schema import ImageSource


@dataclass(frozen=True)
class IndexedImage:
    """One image that was described, without its vectors.

    Args:
        key: see :func:`~attrieve.gallery.rows.content_key`.
        source: where it lay.
        metadata: what its source knew of it.
        quality: measured on the decoded image, before it was resized for the model.
        thumbnail: an encoded small picture, or None if none was asked for.
    """

    key: str
    source: ImageSource
    metadata: Metadata
    quality: Quality
    thumbnail: bytes | None = field(default=None, repr=False)


@runtime_checkable
class RowWriter(Protocol):
    """What indexing asks of a store."""

    def known(self, key: str) -> bool:
        """Say whether an image is there already; called from several threads, also during the others."""

    def append(self, rows: Sequence[IndexedImage], vectors: Vectors) -> None:
        """Take rows with their vectors, in the order of the sources; no key comes twice."""

    def commit(self) -> None:
        """Make what was taken since the last commit permanent, all of it or nothing."""


@runtime_checkable
class RefusalList(Protocol):
    """What indexing asks of a list of bad images; :class:`~attrieve.gallery.quarantine.Quarantine` is one."""

    def refuse(self, source: ImageSource, reason: str) -> None:
        """Put an image on the list."""

    def release(self, source: ImageSource) -> None:
        """Take an image off the list, if it is there."""

    def save(self) -> None:
        """Make the list permanent."""


class MemoryWriter:
    """Rows in memory, committed and not yet committed.

    Attributes:
        rows: committed ones, in order.
        commits: how many rows each commit brought.
    """

    def __init__(self) -> None:
        self.rows: list[IndexedImage] = []
        self.commits: list[int] = []
        self._vectors: list[Vectors] = []
        self._keys: set[str] = set()
        self._waiting: list[tuple[Sequence[IndexedImage], Vectors]] = []

    @property
    def vectors(self) -> Vectors | None:
        """Vectors of the committed rows, or None if there are none."""
        return join_vectors(self._vectors) if self._vectors else None

    def known(self, key: str) -> bool:
        """Say whether a key is committed."""
        return key in self._keys

    def append(self, rows: Sequence[IndexedImage], vectors: Vectors) -> None:
        """Keep rows for the next commit."""
        self._waiting.append((rows, vectors))

    def commit(self) -> None:
        """Move the waiting rows to the committed ones."""
        self.commits.append(sum(len(rows) for rows, _ in self._waiting))
        for rows, vectors in self._waiting:
            self.rows.extend(rows)
            self._vectors.append(vectors)
            self._keys.update(row.key for row in rows)
        self._waiting = []


class MemoryRefusals:
    """Bad images and their reasons, in memory, in the order they were met."""

    def __init__(self) -> None:
        self.reasons: dict[ImageSource, str] = {}

    def refuse(self, source: ImageSource, reason: str) -> None:
        """Put an image on the list."""
        self.reasons[source] = reason

    def release(self, source: ImageSource) -> None:
        """Take an image off the list, if it is there."""
        self.reasons.pop(source, None)

    def save(self) -> None:
        """Do nothing: memory is all there is."""


class DatabaseRowWriter:
    """Writes to a gallery's database, each commit whole or not at all.

    Columns of the user's own are made when the first value for them comes, of the type of that value.

    Args:
        writer: from :func:`~attrieve.gallery.database.writing.open_database_writer`.
    """

    def __init__(self, writer: DatabaseWriter) -> None:
        self._writer = writer
        self._columns = {entry.name for entry in user_fields(writer.arrow_schema)}
        self._rows: list[GalleryRow] = []
        self._vectors: list[Vectors] = []
        writer.known("0" * KEY_DIGITS)  # reads the keys now, before several threads ask for them

    def known(self, key: str) -> bool:
        """Say whether the gallery has the image."""
        return self._writer.known(key)

    def append(self, rows: Sequence[IndexedImage], vectors: Vectors) -> None:
        """Keep rows for the next commit."""
        self._rows.extend(self._row(row) for row in rows)
        self._vectors.append(vectors)

    def commit(self) -> None:
        """Write the waiting rows.

        Raises:
            InputError: for a value that does not fit its column.
            StorageError: if the disk refuses; the gallery stays as it was.
        """
        if not self._rows:
            return
        new = self._new_columns()
        if new:
            self._writer.add_user_columns(new)
            self._columns.update(entry.name for entry in new)
        self._writer.add(self._rows, join_vectors(self._vectors))
        self._rows, self._vectors = [], []

    def _row(self, image: IndexedImage) -> GalleryRow:
        known, seen = image.metadata, image.quality
        return GalleryRow(
            image.key,
            image.source,
            camera=known.camera,
            time=known.time,
            track=known.track,
            box=None if known.box is None else Box(*known.box),
            measures=Measures(seen.width_px, seen.height_px, seen.blur, seen.brightness, seen.contrast),
            thumbnail=image.thumbnail,
            user=known.columns,
        )

    def _new_columns(self) -> list[pa.Field]:
        types: dict[str, pa.DataType] = {}
        for row in self._rows:
            for name, value in row.user.items():
                if value is not None and name not in self._columns:
                    types.setdefault(name, arrow_type(value))
        return [pa.field(name, kind) for name, kind in types.items()]


def arrow_type(value: str | bool | int | float | datetime) -> pa.DataType:
    """Return the type of the column that a user's value is kept in.

    >>> str(arrow_type(True)), str(arrow_type(3)), str(arrow_type("by the door"))
    ('bool', 'int64', 'string')
    """
    kinds = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), datetime: MOMENT, str: TEXT}
    return kinds[type(value)]


def join_vectors(tables: Sequence[Vectors]) -> Vectors:
    """Return the rows of all tables, one after the other; at least one table."""
    names = tables[0].named()
    return Vectors(**{name: np.concatenate([table.named()[name] for table in tables]) for name in names})
