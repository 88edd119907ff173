"""Where described images go: any store that knows its keys, takes rows and commits them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from attrieve.gallery.quality import Quality
from attrieve.gallery.rows import Row
from attrieve.gallery.sources.item import Metadata
from attrieve.gallery.store import Columns, GalleryWriter
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

    def append(self, rows: Sequence[IndexedImage], columns: Columns) -> None:
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
        self._columns: list[Columns] = []
        self._keys: set[str] = set()
        self._waiting: list[tuple[Sequence[IndexedImage], Columns]] = []

    @property
    def columns(self) -> Columns | None:
        """Vectors of the committed rows, or None if there are none."""
        return join_columns(self._columns) if self._columns else None

    def known(self, key: str) -> bool:
        """Say whether a key is committed."""
        return key in self._keys

    def append(self, rows: Sequence[IndexedImage], columns: Columns) -> None:
        """Keep rows for the next commit."""
        self._waiting.append((rows, columns))

    def commit(self) -> None:
        """Move the waiting rows to the committed ones."""
        self.commits.append(sum(len(rows) for rows, _ in self._waiting))
        for rows, columns in self._waiting:
            self.rows.extend(rows)
            self._columns.append(columns)
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


class GalleryRowWriter:
    """Writes to a gallery folder, one part for each commit; of the metadata it keeps camera and time.

    Args:
        writer: from :func:`~attrieve.gallery.store.open_writer`.
    """

    def __init__(self, writer: GalleryWriter) -> None:
        self._writer = writer
        self._rows: list[Row] = []
        self._columns: list[Columns] = []

    def known(self, key: str) -> bool:
        """Say whether the gallery has the image."""
        return key in self._writer.keys

    def append(self, rows: Sequence[IndexedImage], columns: Columns) -> None:
        """Keep rows for the next commit."""
        self._rows.extend(Row(row.key, row.source, row.metadata.camera, row.metadata.time) for row in rows)
        self._columns.append(columns)

    def commit(self) -> None:
        """Write the waiting rows as one part.

        Raises:
            StorageError: if the disk refuses; the gallery stays as it was.
        """
        if self._rows:
            self._writer.append(self._rows, join_columns(self._columns))
            self._rows, self._columns = [], []


def join_columns(tables: Sequence[Columns]) -> Columns:
    """Return the rows of all tables, one after the other; at least one table."""
    return Columns(
        _join([table.probability for table in tables]), _join([table.embedding for table in tables])
    )


def _join(parts: Sequence[Tensor | None]) -> Tensor | None:
    present = [part for part in parts if part is not None]
    return torch.cat(present) if present else None
