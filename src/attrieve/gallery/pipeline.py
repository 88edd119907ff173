"""Indexing as a line of threads: reading and decoding, batching, describing, writing, all at once.

::

    source --> decoding threads --> batches --> the model --> the writer
     (1)       (workers, in order)    (1)      (caller's      (1)
                                                thread)

Every arrow is a bounded channel: the slowest stage sets the pace and memory stays bounded. Images keep
the order of the source whatever the number of threads, so batches, and with them the last bit of every
vector, are the same each time.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from attrieve.data.archives import ArchiveHandles
from attrieve.errors import InputError
from attrieve.gallery.channel import Channel
from attrieve.gallery.index_progress import BackgroundCount, IndexProgress, ProgressMeter
from attrieve.gallery.intake import Described, Intake
from attrieve.gallery.reading import ReadImage, ReadingSettings, read_image
from attrieve.gallery.row_writers import MemoryRefusals, RefusalList, RowWriter
from attrieve.gallery.sources.item import Source, SourceItem
from attrieve.models.retriever import ImageDescription

Describe = Callable[[Tensor], ImageDescription]
"""From uint8 (batch, height, width, 3) to vectors, such as ``Retriever.embed_images``."""

ROWS_PER_COMMIT = 4096
SECONDS_PER_COMMIT = 60.0
"""At most this much work is lost when a run is killed."""

LEAST_PRIORITY = 19
"""What Linux calls the largest niceness."""

_BATCHES_WAITING = 2
_BUNDLE = 16
"""A bundle is handed on after this many batches' worth of images even if few of them are new."""
_PATIENCE_S = 5.0
"""How long a source that does not answer is waited for when a run is stopped."""


@dataclass(frozen=True)
class IndexSummary:
    """What became of the images of a source; the three counts add up to their number.

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


@dataclass(frozen=True)
class PipelineSettings:
    """How a pipeline works; none of it changes what is indexed.

    Args:
        batch: images described at once.
        workers: threads that read, decode and resize.
        rows_per_commit: new rows after which the store is brought up to date.
        seconds_per_commit: it is also after this time.
        pin_memory: keep batches where an accelerator copies them from without waiting.
        stand_back: workers give way where the model runs on the same cores: a thread of the model that has
            to wait for a core keeps all the others waiting. Linux only, else without effect.

    Raises:
        InputError: if a number is below 1 (seconds: below 0).
    """

    batch: int = 64
    workers: int = 2
    rows_per_commit: int = ROWS_PER_COMMIT
    seconds_per_commit: float = SECONDS_PER_COMMIT
    pin_memory: bool = False
    stand_back: bool = False

    def __post_init__(self) -> None:
        if min(self.batch, self.workers, self.rows_per_commit) < 1 or self.seconds_per_commit < 0:
            raise InputError(
                "batch, workers and rows_per_commit must be at least 1 and seconds_per_commit at least 0, "
                f"got {self.batch}, {self.workers}, {self.rows_per_commit} and {self.seconds_per_commit}"
            )


def run_pipeline(
    source: Source,
    describe: Describe,
    writer: RowWriter,
    reading: ReadingSettings,
    settings: PipelineSettings | None = None,
    *,
    refusals: RefusalList | None = None,
    progress: Callable[[IndexProgress], object] | None = None,
) -> IndexSummary:
    """Index a source: every image becomes a row, is there already, or is refused with the reason.

    Images are known by their bytes; those the writer knows are neither decoded nor described, so a run
    that was stopped is continued by running it again. Of equal images of one run the first in order
    becomes the row.

    Whatever ends a run early (Ctrl-C, a source that breaks, the model, the writer, ``progress``), all
    threads end, what was described before is committed unless the writer itself failed, and the error is
    raised here.

    Args:
        source: see :func:`~attrieve.gallery.sources.open_source`.
        describe: called in this thread with uint8 RGB (batch, height, width, 3) of the input size. It
            may return before an accelerator is done; the writing thread waits for it.
        writer: where rows go; ``known`` is called from the decoding threads, the rest from one thread.
        reading: how images are read.
        settings: sizes of batches and commits.
        refusals: list of bad images; saved with each commit.
        progress: called in the writing thread.

    Raises:
        InputError: if the model gives another number of vectors than it got images.
        StorageError: what the writer raises.
        DatasetError: what the source raises.
    """
    started = time.monotonic()
    settings = settings or PipelineSettings()
    meter = None if progress is None else ProgressMeter(progress, BackgroundCount(source).total)
    intake = Intake(
        writer,
        refusals or MemoryRefusals(),
        meter,
        rows_per_commit=settings.rows_per_commit,
        seconds_per_commit=settings.seconds_per_commit,
    )
    with ArchiveHandles() as archives:
        _Pipeline(source, describe, intake, writer, archives, reading, settings).run()
    return IndexSummary(intake.added, intake.already_there, intake.quarantined, time.monotonic() - started)


@dataclass
class _Bundle:
    """Images in order; those to be described have a place in ``pixels``."""

    images: list[ReadImage] = field(default_factory=list)
    pixels: list[np.ndarray] = field(default_factory=list)


class _Pipeline:
    """The threads of one run."""

    def __init__(
        self,
        source: Source,
        describe: Describe,
        intake: Intake,
        writer: RowWriter,
        archives: ArchiveHandles,
        reading: ReadingSettings,
        settings: PipelineSettings,
    ) -> None:
        self._source = source
        self._describe = describe
        self._intake = intake
        self._writer = writer
        self._archives = archives
        self._reading = reading
        self._settings = settings
        self._seen: set[str] = set()
        self._pool = ThreadPoolExecutor(
            settings.workers, "attrieve-decode", _stand_back if settings.stand_back else None
        )
        self._read: Channel[Future[ReadImage]] = Channel(2 * settings.batch + settings.workers)
        self._batches: Channel[tuple[list[ReadImage], Tensor | None]] = Channel(_BATCHES_WAITING)
        self._described: Channel[Described] = Channel(_BATCHES_WAITING)
        self._complete = False
        self._reading_error: BaseException | None = None
        self._writing_error: BaseException | None = None

    def run(self) -> None:
        """Describe in this thread what the others prepare, until all is done or something fails."""
        threads = {
            name: threading.Thread(target=target, name=f"attrieve-{name}", daemon=True)
            for name, target in (("read", self._feed), ("batch", self._collect), ("write", self._write))
        }
        try:
            for thread in threads.values():
                thread.start()
            for images, pixels in self._batches:
                description = None if pixels is None else self._describe(pixels)
                if not self._described.put(Described(images, description)):
                    break
            self._complete = self._reading_error is None
        finally:
            self._end(threads)
        for error in (self._writing_error, self._reading_error):
            if error is not None:
                raise error

    def _end(self, threads: dict[str, threading.Thread]) -> None:
        """Stop reading, let the writer finish what it was given, and wait for every thread."""
        self._read.abandon()
        self._batches.abandon()
        self._described.close()
        self._pool.shutdown(wait=False, cancel_futures=True)
        for name, thread in threads.items():
            if thread.ident is not None:
                thread.join(_PATIENCE_S if name == "read" else None)
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _feed(self) -> None:
        """Send the source's items to the decoding threads; a failure takes its place in the order."""
        items = None
        try:
            items = iter(self._source)
            for item in items:
                if not self._read.put(self._pool.submit(self._read_one, item)):
                    break
        except BaseException as error:
            failed: Future[ReadImage] = Future()
            failed.set_exception(error)
            self._read.put(failed)
        finally:
            self._read.close()
            if isinstance(items, Generator):
                items.close()  # let go of open files now, in the thread that opened them

    def _read_one(self, item: SourceItem) -> ReadImage:
        return read_image(item, self._is_known, self._archives, self._reading)

    def _is_known(self, key: str) -> bool:
        """Say whether an image need not be decoded.

        Keys of this run are noted in order, so a key that is there belongs to an earlier image.
        """
        return key in self._seen or self._writer.known(key)

    def _collect(self) -> None:
        """Put images together to batches, in order."""
        bundle = _Bundle()
        try:
            for future in self._read:
                self._add(bundle, future.result())
                full = len(bundle.pixels) >= self._settings.batch
                if full or len(bundle.images) >= _BUNDLE * self._settings.batch:
                    if not self._hand_on(bundle):
                        return
                    bundle = _Bundle()
        except CancelledError:
            return
        except BaseException as error:
            self._reading_error = error
        self._hand_on(bundle)
        self._batches.close()

    def _add(self, bundle: _Bundle, image: ReadImage) -> None:
        if image.pixels is not None and image.key is not None:
            if image.key not in self._seen:
                self._seen.add(image.key)
                bundle.pixels.append(image.pixels)
            else:  # an equal image was decoded at the same time and comes first
                image = replace(image, quality=None, thumbnail=None)
            image = replace(image, pixels=None)
        bundle.images.append(image)

    def _hand_on(self, bundle: _Bundle) -> bool:
        if not bundle.images:
            return True
        pixels = torch.from_numpy(np.stack(bundle.pixels)) if bundle.pixels else None
        if pixels is not None and self._settings.pin_memory:
            pixels = pixels.pin_memory()
        return self._batches.put((bundle.images, pixels))

    def _write(self) -> None:
        """Write what is described; commit what there is when it ends."""
        try:
            for described in self._described:
                self._intake.take(described)
            self._intake.finish(complete=self._complete)
        except BaseException as error:
            self._writing_error = error
            for channel in (self._read, self._batches, self._described):
                channel.abandon()


def _stand_back() -> None:
    """Give this thread what processor time others leave; Linux knows priorities of threads."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LEAST_PRIORITY)
