"""From a gallery to the same gallery under a new model: images are read again where they lie."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import torch

from attrieve.gallery.database.keys import key_numbers
from attrieve.gallery.database.known_keys import KnownKeys
from attrieve.gallery.database.lance import batches
from attrieve.gallery.database.manifest import GalleryModel
from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.gallery.database.reembedding import Reembedding
from attrieve.gallery.database.rows import rows_of
from attrieve.gallery.database.vectors import Vectors
from attrieve.gallery.database.writing import open_database_writer
from attrieve.gallery.index_progress import IndexProgress
from attrieve.gallery.pipeline import PipelineSettings, run_pipeline
from attrieve.gallery.reading import ReadingSettings
from attrieve.gallery.row_writers import IndexedImage, MemoryRefusals, join_vectors
from attrieve.gallery.sources.item import SourceItem
from attrieve.schema import ImageSource

if TYPE_CHECKING:
    from lancedb.table import Table

    from attrieve.models.retriever import Retriever

_OF_A_VIDEO = "a crop out of a video frame is not on disk as an image; index the video with the new model"
_CHANGED = "another picture lies there now"


@dataclass(frozen=True)
class ReembedSummary:
    """What was done.

    Args:
        described: rows the new model described in this run.
        before: rows it had described in earlier ones.
        deleted: rows deleted since their image cannot be described again.
        left: images that cannot be described again, with the reason; the old model is still searched then.
        seconds: it took.
    """

    described: int
    before: int
    deleted: int
    left: tuple[tuple[ImageSource, str], ...]
    seconds: float

    @property
    def finished(self) -> bool:
        """Whether the gallery is searched by the new model now."""
        return not self.left


def reembed_gallery(
    retriever: "Retriever",
    folder: Path | str,
    *,
    settings: PipelineSettings | None = None,
    device: torch.device | str = "cpu",
    delete_unreadable: bool = False,
    progress: Callable[[IndexProgress], object] | None = None,
) -> ReembedSummary:
    """Describe every image of a gallery by another model, then search by that one.

    Meanwhile the gallery is searched by the old model. Rows are committed as they are described; a run that
    was stopped is continued by running it again. The old vectors stay until their model is dropped.

    Args:
        retriever: the new model; moved to ``device`` and left there.
        folder: the gallery.
        settings: sizes of batches and commits, number of threads.
        device: where to compute.
        delete_unreadable: delete the rows whose image is gone, changed or unreadable; otherwise they keep
            the gallery from being switched.
        progress: called now and then, from another thread.

    Raises:
        InputError: if the folder is no gallery, or it is searched by this model already.
        StorageError: if the disk refuses, or another process is writing.
    """
    began = time.monotonic()
    retriever.to(device)
    with open_database_writer(folder) as writer:
        table = GallerySnapshot.open(folder).table
        work = Reembedding(writer, GalleryModel.of(retriever), retriever.query_side())
        missing = KnownKeys(key_numbers(work.missing()))
        before = len(writer) - len(missing)
        refusals = MemoryRefusals()
        run_pipeline(
            _Missing(table, missing),
            retriever.embed_images,
            _NewVectors(work, missing),
            ReadingSettings(retriever.input_size),
            settings,
            refusals=refusals,
            progress=progress,
        )
        left = work.missing()
        deleted = writer.delete(left) if delete_unreadable else 0
        reasons = () if deleted == len(left) else tuple(_reasons(table, left, refusals))
        if not reasons:
            work.finish()
    described = len(missing) - len(left)
    return ReembedSummary(described, before, deleted, reasons, time.monotonic() - began)


class _Missing:
    """The images of rows that the new model has not described, as a source of the pipeline."""

    def __init__(self, table: "Table", missing: KnownKeys) -> None:
        self._table = table
        self._missing = missing

    @property
    def name(self) -> str:
        """For messages."""
        return "the rows of the gallery"

    def __iter__(self) -> Iterator[SourceItem]:
        """Yield the images in the order of the store."""
        for batch in batches(self._table, ["key", "source", "member", "frame"]):
            wanted = self._missing.contains(key_numbers(batch.column("key")))
            for row in rows_of(pa.Table.from_batches([batch]).filter(pa.array(wanted))):
                problem = None if row.frame is None else _OF_A_VIDEO
                yield SourceItem(row.source, problem=problem, key=row.key)

    def count(self) -> int:
        """Return how many there are."""
        return len(self._missing)


class _NewVectors:
    """Takes vectors for the new model; images that are no row of the gallery are passed over."""

    def __init__(self, work: Reembedding, missing: KnownKeys) -> None:
        self._work = work
        self._missing = missing
        self._keys: list[str] = []
        self._vectors: list[Vectors] = []

    def known(self, key: str) -> bool:
        """Say whether an image need not be described."""
        return int(key, 16) not in self._missing

    def append(self, rows: Sequence[IndexedImage], vectors: Vectors) -> None:
        """Keep vectors for the next commit."""
        self._keys.extend(row.key for row in rows)
        self._vectors.append(vectors)

    def commit(self) -> None:
        """Write what was kept."""
        if self._keys:
            self._work.put(self._keys, join_vectors(self._vectors))
        self._keys, self._vectors = [], []


def _reasons(table: "Table", left: list[str], refusals: MemoryRefusals) -> Iterator[tuple[ImageSource, str]]:
    """Yield the image of each row that is left, and why it could not be described again."""
    wanted = KnownKeys(key_numbers(left))
    for batch in batches(table, ["key", "source", "member"]):
        chosen = wanted.contains(key_numbers(batch.column("key")))
        if np.any(chosen):
            for row in rows_of(pa.Table.from_batches([batch]).filter(pa.array(chosen))):
                yield row.source, refusals.reasons.get(row.source, f"{row.source}: {_CHANGED}")
