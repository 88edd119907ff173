"""From person images to gallery rows, described by workers on a cluster.

The line is that of :mod:`attrieve.gallery.pipeline`, with a cluster in its middle::

    source --> bundles --> workers: read, decode, describe --> in order again --> the intake
    (driver)                  (any machine)                                        (driver)

Ray Data was weighed and left. It wants its inputs listed before it starts or made by a task that it may
run again, where a tar archive is a stream and a folder grows; a block that is made twice and differs is a
row lost or doubled. It would retry a block for ever whose image kills the process that decodes it, and
columns of the user's own, which appear image by image, do not fit blocks of one type. What is left to do is
handing bundles to actors in order, which is :mod:`attrieve.gallery.distributed.workforce`.

Only the driver writes: keys are unique, a store that two write to could not promise that, and writing a
row takes microseconds where describing an image takes milliseconds.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from attrieve.errors import ClusterError, InputError
from attrieve.gallery.database.keys import key_numbers
from attrieve.gallery.database.known_keys import KnownKeys
from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.gallery.distributed.cluster import connected
from attrieve.gallery.distributed.describer import Describer, DescriberSettings, as_known
from attrieve.gallery.distributed.workforce import DEATHS_SUSPECT, Workforce
from attrieve.gallery.index_progress import BackgroundCount, IndexProgress, ProgressMeter
from attrieve.gallery.ingest import open_gallery_for
from attrieve.gallery.intake import Described, Intake
from attrieve.gallery.manifest_file import require_folder
from attrieve.gallery.pipeline import IndexSummary, PipelineSettings
from attrieve.gallery.quarantine import Quarantine
from attrieve.gallery.reading import ReadImage, ReadingSettings
from attrieve.gallery.row_writers import DatabaseRowWriter
from attrieve.gallery.search_cache import open_search_columns
from attrieve.gallery.sources import GivenSource, Source, SourceItem
from attrieve.models.retriever import ImageDescription, Retriever
from attrieve.schema import ImageSource, Person

_CPUS_A_WORKER = 4.0
"""More cores make one model little faster; another worker makes twice as many images."""


@dataclass(frozen=True)
class WorkerSettings:
    """What workers are asked of a cluster.

    Args:
        count: how many, or None for as many as fit on the machines there are at the start.
        cpus: cores of each, or None for 4, or for all of the smallest machine if it has fewer.
        gpus: accelerators of each, or None for one if the cluster has any. Parts of one share it.
        patience_s: how long to go on without any worker, for example until a machine comes back.

    Raises:
        InputError: for numbers that make no sense.
    """

    count: int | None = None
    cpus: float | None = None
    gpus: float | None = None
    patience_s: float = 600.0

    def __post_init__(self) -> None:
        if (self.count is not None and self.count < 1) or min(self.cpus or 0, self.gpus or 0) < 0:
            raise InputError(
                f"expected at least 1 worker and no less than 0 cores, got {self.count} workers with "
                f"{self.cpus} cores and {self.gpus} accelerators"
            )


def index_with_ray(
    retriever: Retriever,
    gallery_folder: Path | str,
    images: Source | Sequence[ImageSource | Person],
    *,
    address: str | None,
    workers: WorkerSettings | None = None,
    settings: PipelineSettings | None = None,
    thumbnail_px: int | None = None,
    progress: Callable[[IndexProgress], object] | None = None,
) -> IndexSummary:
    """Describe images on a cluster and add them to a gallery, making the gallery if need be.

    The rows are those of :func:`~attrieve.gallery.ingest.index_images`, in the same order; the last bits
    of a vector may be others, since they depend on the processor and on who shares its batch. Indexing
    again does nothing, and a killed run is continued by running it again.

    A worker that dies is replaced and its images go to others. An image over which workers die again and
    again goes to quarantine. Images that lie in files must have the same paths on all machines; the
    gallery needs to be seen by this one alone.

    Args:
        retriever: describes the images; sent to the workers.
        gallery_folder: new, empty, or a gallery this very retriever filled.
        images: a source, or a list of images or persons.
        address: see :func:`~attrieve.gallery.distributed.cluster.connected`.
        workers: how many, and what each needs.
        settings: sizes of batches and commits; ``workers`` are the decoding threads of each worker.
        thumbnail_px: height of little pictures kept in the gallery, or None for none.
        progress: called now and then, from this thread.

    Raises:
        ClusterError: if there is no cluster, it cannot hold a worker, or no worker is left; what was
            described before is committed.
        ConfigurationError: if Ray is not installed.
        SchemaMismatchError: if the gallery was filled in another vocabulary or by another run.
        InputError: if the folder holds something else, or thumbnails are asked of a gallery without.
        DatasetError: if the source cannot be read.
        StorageError: if the disk refuses; what was committed stays readable.
    """
    started = time.monotonic()
    gallery_folder = require_folder(gallery_folder)
    source = images if isinstance(images, Source) else GivenSource(images)
    settings = settings or PipelineSettings()
    with (
        connected(address) as ray,
        open_gallery_for(retriever, gallery_folder, thumbnails=thumbnail_px is not None) as writer,
    ):
        intake = Intake(
            DatabaseRowWriter(writer),
            Quarantine(gallery_folder),
            None if progress is None else ProgressMeter(progress, BackgroundCount(source).total),
            rows_per_commit=settings.rows_per_commit,
            seconds_per_commit=settings.seconds_per_commit,
        )
        known = writer.known_keys()
        reading = ReadingSettings(retriever.input_size, thumbnail_px=thumbnail_px)
        chosen = fitting(workers or WorkerSettings(), ray.nodes())
        workforce = Workforce(
            ray,
            hiring(ray, retriever, known, DescriberSettings(reading, settings.workers), chosen),
            chosen.count or 1,
            _refused,
            patience_s=chosen.patience_s,
        )
        with closing(workforce.answers(bundles(source, settings.batch))) as answers:
            take_all(each_key_once(answers, known), intake)
    open_search_columns(GallerySnapshot.open(gallery_folder))  # so that the first search need not wait
    return IndexSummary(intake.added, intake.already_there, intake.quarantined, time.monotonic() - started)


def fitting(asked: WorkerSettings, nodes: Sequence[dict[str, Any]]) -> WorkerSettings:
    """Return what is asked for with every open number settled by the machines there are.

    Args:
        asked: what was asked for.
        nodes: as ``ray.nodes()`` tells them.

    Raises:
        ClusterError: if no machine can hold a worker and no number of workers was given.

    >>> machine = {"Alive": True, "Resources": {"CPU": 16.0}}
    >>> fitting(WorkerSettings(), [machine, machine])
    WorkerSettings(count=8, cpus=4.0, gpus=0.0, patience_s=600.0)
    """
    alive = [node["Resources"] for node in nodes if node["Alive"]]
    gpus = asked.gpus
    if gpus is None:
        gpus = 1.0 if any(node.get("GPU", 0) >= 1 for node in alive) else 0.0
    able = [node for node in alive if node.get("CPU", 0) > 0 and (not gpus or node.get("GPU", 0) >= gpus)]
    cpus = asked.cpus
    if cpus is None:
        cpus = min([_CPUS_A_WORKER, *(node["CPU"] for node in able)])
    fits = [
        min(node["CPU"] // cpus if cpus else np.inf, node.get("GPU", 0) // gpus if gpus else np.inf)
        for node in able
    ]
    count = asked.count
    if count is None:
        count = int(sum(1 if fit == np.inf else fit for fit in fits))
    if not count:
        raise ClusterError(
            f"no machine of the cluster has {cpus:g} cores and {gpus:g} accelerators for a worker; ask for "
            "less, or add machines"
        )
    return replace(asked, count=count, cpus=cpus, gpus=gpus)


def hiring(
    ray: Any, retriever: Retriever, known: KnownKeys, settings: DescriberSettings, workers: WorkerSettings
) -> Callable[[], Any]:
    """Return what makes a :class:`~attrieve.gallery.distributed.describer.Describer` on some machine."""
    settings = replace(settings, device="cuda" if workers.gpus else "cpu")
    actor = ray.remote(Describer).options(
        num_cpus=workers.cpus,
        num_gpus=workers.gpus,
        max_concurrency=2,  # one bundle is decoded while another is described
        max_restarts=0,
        scheduling_strategy="SPREAD",
    )
    model, keys = ray.put(retriever.cpu()), ray.put(known.numbers())
    return lambda: actor.remote(model, keys, settings)


def bundles(source: Source, size: int) -> Iterator[list[SourceItem]]:
    """Yield the items of a source, ``size`` at a time."""
    items = iter(source)
    while bundle := list(islice(items, size)):
        yield bundle


def _refused(item: SourceItem) -> Described:
    problem = (
        f"{item.source}: {DEATHS_SUSPECT} processes that did nothing else died over it; look at it with "
        "another program"
    )
    return Described([ReadImage(item.source, item.metadata, problem=problem)], None)


def each_key_once(answers: Iterator[Described], known: KnownKeys) -> Iterator[Described]:
    """Let only the first of equal images through that different workers described.

    Args:
        answers: in the order of the source.
        known: keys of the gallery; not changed.
    """
    seen = KnownKeys(np.zeros(0, dtype=np.uint64))
    for described in answers:
        new = [index for index, image in enumerate(described.images) if image.quality is not None]
        if described.description is None or not new:
            yield described
            continue
        numbers = key_numbers([str(described.images[index].key) for index in new])
        repeated = seen.contains(numbers) | known.contains(numbers)
        seen.add(numbers)
        if not repeated.any():
            yield described
            continue
        images = list(described.images)
        for place in np.flatnonzero(repeated).tolist():
            images[new[place]] = as_known(images[new[place]])
        kept = torch.from_numpy(np.flatnonzero(~repeated))
        yield Described(images, _some(described.description, kept) if len(kept) else None)


def _some(description: ImageDescription, rows: torch.Tensor) -> ImageDescription:
    columns = (description.probability, description.embedding)
    return ImageDescription(*(None if column is None else column[rows] for column in columns))


def take_all(answers: Iterator[Described], intake: Intake) -> None:
    """Take every answer; if they break off, commit what came before."""
    while True:
        try:
            described = next(answers, None)
        except BaseException:
            intake.finish(complete=False)
            raise
        if described is None:
            intake.finish(complete=True)
            return
        intake.take(described)
