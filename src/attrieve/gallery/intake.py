"""The end of the line: described images are counted, written and committed, in order."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32
from torch import Tensor

from attrieve.errors import InputError
from attrieve.gallery.database.vectors import Vectors
from attrieve.gallery.index_progress import ProgressMeter
from attrieve.gallery.reading import ReadImage
from attrieve.gallery.row_writers import IndexedImage, RefusalList, RowWriter
from attrieve.models.retriever import ImageDescription

NOT_FINITE = "the model gave numbers that are not finite for it"


@dataclass(frozen=True)
class Described:
    """Some images in order, and what the model says of those with a quality (the new ones).

    Args:
        images: new, known and bad ones as they came.
        description: one row for each new one, or None without any.
    """

    images: Sequence[ReadImage]
    description: ImageDescription | None


class Intake:
    """Decides the fate of every image and keeps the counts.

    Attributes:
        added: images that became rows.
        already_there: images the store had, or that equal an earlier one of this run.
        quarantined: images that were refused.
    """

    def __init__(
        self,
        writer: RowWriter,
        refusals: RefusalList,
        meter: ProgressMeter | None,
        *,
        rows_per_commit: int,
        seconds_per_commit: float,
    ) -> None:
        self.added = self.already_there = self.quarantined = 0
        self._writer = writer
        self._refusals = refusals
        self._meter = meter
        self._rows_per_commit = rows_per_commit
        self._seconds_per_commit = seconds_per_commit
        self._not_finite: set[str] = set()
        self._uncommitted = 0
        self._committed_at = time.monotonic()

    def take(self, described: Described) -> None:
        """Write what is sound, refuse the rest, commit when it is time.

        Raises:
            InputError: if there are not as many vectors as new images.
        """
        new = [image for image in described.images if _is_new(image)]
        vectors = None if described.description is None else _vectors(described.description, len(new))
        finite = [] if vectors is None else _finite_rows(vectors).tolist()
        for image, sound in zip(new, finite, strict=True):
            if not sound and image.key is not None:
                self._not_finite.add(image.key)
        for image in described.images:
            self._decide(image)
        if vectors is not None:
            self._append([_indexed(image) for image in new], vectors, finite)
        overdue = time.monotonic() - self._committed_at >= self._seconds_per_commit
        if self._uncommitted >= self._rows_per_commit or overdue:
            self._commit()
        self._report(last=False)

    def finish(self, *, complete: bool) -> None:
        """Commit what is left.

        Args:
            complete: whether every image of the source was seen.
        """
        self._commit()
        self._report(last=True, complete=complete)

    def _decide(self, image: ReadImage) -> None:
        problem = image.problem
        if problem is None and image.key in self._not_finite:
            problem = f"{image.source}: {NOT_FINITE}"
        if problem is not None:
            self.quarantined += 1
            self._refusals.refuse(image.source, problem)
            return
        self._refusals.release(image.source)
        if _is_new(image):
            self.added += 1
        else:
            self.already_there += 1

    def _append(self, rows: list[IndexedImage], vectors: Vectors, finite: list[bool]) -> None:
        sound = [index for index, good in enumerate(finite) if good]
        if not sound:
            return
        if len(sound) < len(rows):
            rows, vectors = [rows[index] for index in sound], vectors.select(np.array(sound))
        self._writer.append(rows, vectors)
        self._uncommitted += len(rows)

    def _commit(self) -> None:
        if self._uncommitted:
            self._writer.commit()
        self._refusals.save()
        self._uncommitted = 0
        self._committed_at = time.monotonic()

    def _report(self, *, last: bool, complete: bool = False) -> None:
        if self._meter is not None:
            counts = (self.added, self.already_there, self.quarantined)
            self._meter.update(*counts, last=last, complete=complete)


def _is_new(image: ReadImage) -> bool:
    return image.quality is not None


def _indexed(image: ReadImage) -> IndexedImage:
    if image.key is None or image.quality is None:
        raise AssertionError("a new image has a key and a quality")
    return IndexedImage(image.key, image.source, image.metadata, image.quality, image.thumbnail)


def _vectors(description: ImageDescription, count: int) -> Vectors:
    """Return the vectors in main memory, which waits for the accelerator."""
    vectors = Vectors(_to_memory(description.embedding), _to_memory(description.probability))
    if len(vectors) != count:
        raise InputError(f"expected {count} vectors from the model, got {len(vectors)}")
    return vectors


def _to_memory(column: Tensor | None) -> Float32[np.ndarray, "batch width"] | None:
    return None if column is None else column.detach().float().cpu().numpy()


def _finite_rows(vectors: Vectors) -> Bool[np.ndarray, " batch"]:
    rows = [np.isfinite(column).all(axis=1) for column in vectors.named().values()]
    return np.asarray(np.logical_and.reduce(rows))
