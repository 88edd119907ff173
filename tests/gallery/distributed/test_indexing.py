"""Indexing on a cluster gives the rows that indexing on one machine gives."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attrieve.errors import ClusterError, ConfigurationError, InputError, StorageError
from attrieve.gallery.distributed import cluster as cluster_module
from attrieve.gallery.distributed.cluster import connected
from attrieve.gallery.distributed.describer import Describer, DescriberSettings
from attrieve.gallery.distributed.indexing import WorkerSettings, fitting, index_with_ray
from attrieve.gallery.index_progress import IndexProgress
from attrieve.gallery.ingest import index_images
from attrieve.gallery.pipeline import IndexSummary, PipelineSettings
from attrieve.gallery.quarantine import read_quarantine
from attrieve.gallery.reading import ReadingSettings
from attrieve.gallery.sources import FolderSource, Source, SourceItem, open_source
from attrieve.gallery.store import Gallery
from attrieve.models.retriever import Retriever
from attrieve.schema import ImageSource
from gallery.building import everything, small_retriever, write_images
from gallery.distributed.in_process import InProcessRay

Use = Callable[..., InProcessRay]


@pytest.fixture(scope="module")
def retriever() -> Retriever:
    return small_retriever()


def index(retriever: Retriever, gallery: Path, source: Source, **options: Any) -> tuple[int, int, int]:
    settings = PipelineSettings(batch=3, workers=1, rows_per_commit=options.pop("rows_per_commit", 4096))
    workers = WorkerSettings(count=options.pop("count", 2), cpus=1.0)
    return counts(
        index_with_ray(
            retriever, gallery, source, address=None, workers=workers, settings=settings, **options
        )
    )


def counts(summary: IndexSummary) -> tuple[int, int, int]:
    return summary.added, summary.already_there, summary.quarantined


def messy_folder(folder: Path) -> Source:
    """Eleven images, three of them twice, and one that is none."""
    write_images(folder, 11)
    for number in (0, 5, 9):
        shutil.copy(folder / f"crop-{number:03d}.png", folder / f"crop-{number:03d}-again.png")
    (folder / "crop-004-bad.png").write_bytes(b"no image")
    return open_source(str(folder))


@pytest.mark.parametrize("seed", range(3))
def test_rows_are_those_of_one_machine(
    tmp_path: Path, retriever: Retriever, in_process: Use, seed: int
) -> None:
    """Keys, sources, order and vectors are the same, equal images are one row, bad ones in quarantine."""
    source = messy_folder(tmp_path / "in")
    in_process(seed)
    assert index(retriever, tmp_path / "g", source, count=3) == (11, 3, 1)
    assert counts(index_images(retriever, tmp_path / "alone", source)) == (11, 3, 1)
    both = [Gallery.open(tmp_path / name) for name in ("g", "alone")]
    rows, expected = (gallery.store.rows_at(gallery.columns.row_id) for gallery in both)
    assert [(row.key, row.source, row.measures) for row in rows] == [
        (row.key, row.source, row.measures) for row in expected
    ]
    (_, vectors), (_, vectors_alone) = (everything(gallery) for gallery in both)
    for name, column in vectors.named().items():
        assert np.allclose(column, vectors_alone.named()[name], atol=1e-5)
    assert read_quarantine(tmp_path / "g") == read_quarantine(tmp_path / "alone")


def test_indexing_again_describes_nothing(
    tmp_path: Path, retriever: Retriever, in_process: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers know the keys of the gallery, and do not even decode its images."""
    source = messy_folder(tmp_path / "in")
    in_process()
    index(retriever, tmp_path / "g", source)

    def fail(*_: object) -> None:
        raise AssertionError("described an image that was there")

    monkeypatch.setattr(retriever, "embed_images", fail)
    assert index(retriever, tmp_path / "g", source) == (0, 14, 1)


@pytest.mark.parametrize("seed", range(3))
def test_deaths_change_no_row(tmp_path: Path, retriever: Retriever, in_process: Use, seed: int) -> None:
    """Every third call ends its process; what comes out is what would have."""
    source = messy_folder(tmp_path / "in")
    calls = iter(range(10_000))
    ray = in_process(seed, lambda *_: next(calls) % 3 == 2 and ray.deaths < 4)
    assert index(retriever, tmp_path / "g", source) == (11, 3, 1)
    assert ray.deaths == 4
    assert len(Gallery.open(tmp_path / "g")) == 11


def test_an_image_that_kills_is_named(tmp_path: Path, retriever: Retriever, in_process: Use) -> None:
    """It goes to quarantine, its neighbours become rows, and the next run tries it again."""
    source = messy_folder(tmp_path / "in")

    def dies(method: str, arguments: tuple[Any, ...]) -> bool:
        return method == "describe" and any("crop-006" in str(item.source.path) for item in arguments[0])

    in_process(0, dies)
    assert index(retriever, tmp_path / "g", source) == (10, 3, 2)
    reasons = read_quarantine(tmp_path / "g")
    assert (
        "processes that did nothing else died over it" in reasons[ImageSource(tmp_path / "in/crop-006.png")]
    )
    in_process()
    assert index(retriever, tmp_path / "g", source) == (1, 13, 1)


class BreakingSource(FolderSource):
    """Ends in the middle."""

    def __iter__(self) -> Iterator[SourceItem]:
        for place, item in enumerate(super().__iter__()):
            if place == 8:
                raise StorageError("the disk is gone")
            yield item


def test_what_came_before_a_failure_is_kept(tmp_path: Path, retriever: Retriever, in_process: Use) -> None:
    """The run ends with the source's error, the gallery holds whole batches, and a second run goes on."""
    write_images(tmp_path / "in", 11)
    ray = in_process()
    with pytest.raises(StorageError, match="the disk is gone"):
        index(retriever, tmp_path / "g", BreakingSource(tmp_path / "in"), count=1)
    assert not any(actor.alive for actor in ray.actors)
    before = len(Gallery.open(tmp_path / "g"))
    assert before % 3 == 0
    assert index(retriever, tmp_path / "g", FolderSource(tmp_path / "in")) == (11 - before, before, 0)


def test_progress_ends_with_all(tmp_path: Path, retriever: Retriever, in_process: Use) -> None:
    """The last report counts every image, commits come in the sizes asked for."""
    source = messy_folder(tmp_path / "in")
    in_process()
    seen: list[IndexProgress] = []
    index(retriever, tmp_path / "g", source, progress=seen.append, rows_per_commit=2)
    assert (seen[-1].done, seen[-1].total, seen[-1].added) == (15, 15, 11)


def test_thumbnails_are_kept_or_refused(tmp_path: Path, retriever: Retriever, in_process: Use) -> None:
    """As on one machine."""
    write_images(tmp_path / "in", 2)
    source = open_source(str(tmp_path / "in"))
    in_process()
    index(retriever, tmp_path / "with", source, thumbnail_px=16)
    gallery = Gallery.open(tmp_path / "with")
    assert all(row.thumbnail for row in gallery.store.rows_at(gallery.columns.row_id))
    index(retriever, tmp_path / "without", source)
    with pytest.raises(InputError, match="made without thumbnails"):
        index(retriever, tmp_path / "without", source, thumbnail_px=16)


def machine(cpus: float, gpus: float = 0.0, *, alive: bool = True) -> dict[str, Any]:
    return {"Alive": alive, "Resources": {"CPU": cpus, "GPU": gpus} if gpus else {"CPU": cpus}}


@pytest.mark.parametrize(
    ("asked", "nodes", "settled"),
    [
        (WorkerSettings(), [machine(2.0), machine(16.0)], (9, 2.0, 0.0)),
        (WorkerSettings(), [machine(16.0), machine(16.0, alive=False)], (4, 4.0, 0.0)),
        (WorkerSettings(), [machine(8.0, 2.0), machine(64.0)], (2, 4.0, 1.0)),
        (WorkerSettings(gpus=0.5), [machine(64.0, 1.0)], (2, 4.0, 0.5)),
        (WorkerSettings(count=7), [machine(4.0)], (7, 4.0, 0.0)),
        (WorkerSettings(cpus=0.0), [machine(4.0), machine(4.0)], (2, 0.0, 0.0)),
    ],
)
def test_workers_fill_the_machines_there_are(
    asked: WorkerSettings, nodes: list[dict[str, Any]], settled: tuple[int, float, float]
) -> None:
    """Worked out by hand: what is left open follows from cores and accelerators that are alive."""
    chosen = fitting(asked, nodes)
    assert (chosen.count, chosen.cpus, chosen.gpus) == settled


def test_a_cluster_too_small_for_a_worker_is_told_of() -> None:
    """Nobody waits for a machine that was never there, unless a number of workers is given."""
    with pytest.raises(ClusterError, match="no machine of the cluster has 8 cores"):
        fitting(WorkerSettings(cpus=8.0), [machine(4.0)])


def test_senseless_numbers_are_refused() -> None:
    """Before anything is started."""
    with pytest.raises(InputError, match="at least 1 worker"):
        WorkerSettings(count=0)


def test_workers_of_another_version_are_refused(retriever: Retriever) -> None:
    """Rows of two versions of attrieve do not mix unseen."""
    settings = DescriberSettings(ReadingSettings(retriever.input_size), version="0.0.1")
    worker = Describer(retriever, np.zeros(0, np.uint64), settings)
    with pytest.raises(ClusterError, match="install the same on all"):
        worker.ready()


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command to type is in the message."""

    def missing(name: str) -> None:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(cluster_module.importlib, "import_module", missing)
    with pytest.raises(ConfigurationError, match=r"pip install 'attrieve\[ray\]'"), connected("auto"):
        pass
