"""From person images to gallery rows."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from jaxtyping import Bool
from torch import Tensor

from attrieve.data.archives import ArchiveHandles
from attrieve.errors import InputError
from attrieve.gallery.preparation import Prepared, prepare
from attrieve.gallery.quarantine import Quarantine
from attrieve.gallery.rows import Row
from attrieve.gallery.store import Columns, GalleryWriter, open_writer
from attrieve.models.retriever import ImageDescription, Retriever
from attrieve.schema import ImageSource, Person

ROWS_PER_COMMIT = 4096
SECONDS_PER_COMMIT = 60.0
"""At most this much work is lost when a run is killed."""


@dataclass(frozen=True)
class IndexSummary:
    """What became of the sources; the three counts add up to their number.

    Args:
        added: new rows.
        already_there: images the gallery had, from before or from another source of this run.
        quarantined: images that could not be indexed; ``quarantine.jsonl`` says why.
        seconds: wall-clock time.
    """

    added: int
    already_there: int
    quarantined: int
    seconds: float


def index_images(
    retriever: Retriever,
    gallery_folder: Path | str,
    sources: Sequence[ImageSource | Person],
    *,
    batch: int = 64,
    workers: int = 2,
    device: torch.device | str = "cpu",
    progress: Callable[[int], None] | None = None,
    rows_per_commit: int = ROWS_PER_COMMIT,
) -> IndexSummary:
    """Describe images and append them to a gallery, making the gallery if need be.

    Rows are keyed by content, so indexing the same image again does nothing and a killed run is
    continued by running it again: images that are there are only read, not decoded or described.

    Args:
        retriever: describes the images; moved to ``device`` and left there.
        gallery_folder: new, empty, or a gallery this very retriever filled.
        sources: images; persons bring their camera and time along.
        batch: images described at once.
        workers: threads that read, decode and resize.
        device: where to compute.
        progress: called with the number of sources done since its last call.
        rows_per_commit: new rows after which the gallery on disk is brought up to date; it is also
            after :data:`SECONDS_PER_COMMIT`.

    Raises:
        SchemaMismatchError: if the gallery was filled in another vocabulary or by another run.
        InputError: if the folder holds something else, or a number above is below 1.
        StorageError: if the disk refuses; what was committed stays readable.
    """
    if min(batch, workers, rows_per_commit) < 1:
        raise InputError(
            "batch, workers and rows_per_commit must be at least 1, "
            f"got {batch}, {workers} and {rows_per_commit}"
        )
    started = time.monotonic()
    retriever.to(device)
    with open_writer(
        Path(gallery_folder),
        run_name=retriever.name,
        run_fingerprint=retriever.fingerprint,
        query_side=retriever.query_side(),
    ) as writer:
        intake = _Intake(retriever, writer, batch, rows_per_commit)
        for prepared in _prepare_all(sources, retriever.input_size, writer, workers, ahead=2 * batch):
            intake.take(prepared)
            if progress is not None:
                progress(1)
        intake.finish()
    seconds = time.monotonic() - started
    return IndexSummary(intake.added, intake.already_there, intake.quarantined, seconds)


def _prepare_all(
    sources: Sequence[ImageSource | Person],
    input_size: tuple[int, int],
    writer: GalleryWriter,
    workers: int,
    *,
    ahead: int,
) -> Iterator[Prepared]:
    """Yield prepared sources in order, at most ``ahead`` of them waiting in memory."""
    waiting: deque[Future[Prepared]] = deque()
    remaining = iter(sources)
    with ArchiveHandles() as archives, ThreadPoolExecutor(workers) as pool:
        try:
            for source in islice(remaining, ahead):
                waiting.append(pool.submit(prepare, source, input_size, writer.keys, archives))
            while waiting:
                yield waiting.popleft().result()
                for source in islice(remaining, 1):
                    waiting.append(pool.submit(prepare, source, input_size, writer.keys, archives))
        finally:
            for future in waiting:
                future.cancel()


class _Intake:
    """Collects prepared images, describes them by batches and commits them by thousands."""

    def __init__(self, retriever: Retriever, writer: GalleryWriter, batch: int, rows_per_commit: int) -> None:
        self.added = self.already_there = self.quarantined = 0
        self._retriever = retriever
        self._writer = writer
        self._quarantine = Quarantine(writer.folder)
        self._batch = batch
        self._rows_per_commit = rows_per_commit
        self._keys: set[str] = set()
        self._waiting: list[tuple[Row, Tensor]] = []
        self._rows: list[Row] = []
        self._described: list[ImageDescription] = []
        self._last_commit = time.monotonic()

    def take(self, prepared: Prepared) -> None:
        """Take one source; describe and commit when enough have come together."""
        if prepared.row is None:
            self._refuse(prepared.source, prepared.problem or "it could not be read")
        elif prepared.pixels is None or prepared.row.key in self._keys:
            self.already_there += 1
            self._quarantine.release(prepared.source)
        else:
            self._keys.add(prepared.row.key)
            self._waiting.append((prepared.row, torch.from_numpy(prepared.pixels)))
        if len(self._waiting) >= self._batch:
            self._describe()
        overdue = time.monotonic() - self._last_commit > SECONDS_PER_COMMIT
        if len(self._rows) >= self._rows_per_commit or overdue:
            self._commit()

    def finish(self) -> None:
        """Describe and commit what is left."""
        if self._waiting:
            self._describe()
        self._commit()

    def _refuse(self, source: ImageSource, problem: str) -> None:
        self.quarantined += 1
        self._quarantine.refuse(source, problem)

    def _describe(self) -> None:
        description = self._retriever.embed_images(torch.stack([pixels for _, pixels in self._waiting]))
        finite = _finite_rows(description)
        for (row, _), sound in zip(self._waiting, finite.tolist(), strict=True):
            if sound:
                self._rows.append(row)
                self._quarantine.release(row.source)
            else:
                self._keys.discard(row.key)
                self._refuse(row.source, "the model gave numbers that are not finite for it")
        self._described.append(_select(description, finite))
        self._waiting = []

    def _commit(self) -> None:
        if self._rows:
            self._writer.append(self._rows, _join(self._described))
            self.added += len(self._rows)
        self._quarantine.save()
        self._rows, self._described = [], []
        self._last_commit = time.monotonic()


def _finite_rows(description: ImageDescription) -> Bool[Tensor, " batch"]:
    columns = [column for column in (description.probability, description.embedding) if column is not None]
    return torch.stack([column.isfinite().all(dim=1) for column in columns]).all(dim=0)


def _select(description: ImageDescription, chosen: Bool[Tensor, " batch"]) -> ImageDescription:
    return ImageDescription(
        None if description.probability is None else description.probability[chosen].cpu(),
        None if description.embedding is None else description.embedding[chosen].cpu(),
    )


def _join(descriptions: list[ImageDescription]) -> Columns:
    probabilities = [item.probability for item in descriptions if item.probability is not None]
    embeddings = [item.embedding for item in descriptions if item.embedding is not None]
    return Columns(
        torch.cat(probabilities) if probabilities else None, torch.cat(embeddings) if embeddings else None
    )
