"""A real cluster on this machine: processes and whole machines die in the middle."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from attrieve.errors import ClusterError
from attrieve.gallery.calibrating import calibrate_gallery
from attrieve.gallery.database.keys import key_text
from attrieve.gallery.database.verify import verify_database
from attrieve.gallery.distributed import search as search_module
from attrieve.gallery.distributed.indexing import WorkerSettings, index_with_ray
from attrieve.gallery.distributed.search import open_sharded
from attrieve.gallery.distributed.shards import SearchClusterSettings
from attrieve.gallery.feedback import Marks
from attrieve.gallery.ingest import index_images
from attrieve.gallery.likelihood import LikelihoodFusion
from attrieve.gallery.matches import expected_matches
from attrieve.gallery.pipeline import PipelineSettings
from attrieve.gallery.quarantine import read_quarantine
from attrieve.gallery.search import search
from attrieve.gallery.sources import FolderSource, SourceItem
from attrieve.gallery.store import Gallery
from attrieve.models.retriever import Retriever
from attrieve.schema import parse_query
from gallery.building import everything, small_retriever, write_images
from gallery.distributed.clusters import Machines
from gallery.distributed.dying import deaths_noted, dying_retriever
from gallery.distributed.test_search import calibration, write_gallery

pytestmark = pytest.mark.slow  # starting a cluster and its processes takes half a minute
BATCHES = PipelineSettings(batch=4, workers=1, rows_per_commit=8)


class EventfulSource(FolderSource):
    """Something happens when an image's turn comes."""

    def __init__(self, folder: Path, at: int, event: Callable[[], object]) -> None:
        super().__init__(folder)
        self._at = at
        self._event = event

    def __iter__(self) -> Iterator[SourceItem]:
        for place, item in enumerate(super().__iter__()):
            if place == self._at:
                self._event()
            yield item


def between_phases(monkeypatch: pytest.MonkeyPatch, event: Callable[[], object]) -> None:
    """Let something happen once, after shards told their maxima and before they are asked for rows."""
    real = search_module.largest
    waiting = [event]

    def eventful(maxima: Any) -> Any:
        if waiting:
            waiting.pop()()
        return real(maxima)

    monkeypatch.setattr(search_module, "largest", eventful)


def test_a_search_survives_the_death_of_a_process(
    tmp_path: Path, cluster: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One shard's process ends between its two answers; the ranking is that of one machine."""
    import ray

    write_gallery(tmp_path / "g", 120)
    whole = Gallery.open(tmp_path / "g")
    query = parse_query("hat, !bag, young|old", whole.schema)
    where = whole.store.parse(["camera!=C1"])
    wanted = SearchClusterSettings(shards=2, threads=1, memory=False)
    with open_sharded(tmp_path / "g", address=None, settings=wanted) as sharded:
        between_phases(monkeypatch, lambda: ray.kill(sharded.shards.actors[1], no_restart=False))
        assert sharded.search(query, top=50, where=where) == search(whole, query, top=50, where=where)


def test_likelihoods_matches_and_marks_are_those_of_one_machine(tmp_path: Path, cluster: Machines) -> None:
    """What is asked, and what comes back, went through processes of their own."""
    write_gallery(tmp_path / "g", 120)
    calibrate_gallery(tmp_path / "g", calibration(tmp_path / "g"))
    whole = Gallery.open(tmp_path / "g")
    query, fusion = parse_query("hat, !bag, young|old", whole.schema), LikelihoodFusion()
    wanted = SearchClusterSettings(shards=2, threads=1, memory=False)
    with open_sharded(tmp_path / "g", address=None, settings=wanted) as sharded:
        assert sharded.search(query, top=50, fusion=fusion) == search(whole, query, top=50, fusion=fusion)
        assert sharded.expected_matches(query) == pytest.approx(expected_matches(whole, query), rel=1e-9)
        marks = Marks.of([key_text(whole.columns.key[5])], [key_text(whole.columns.key[100])])
        found, truth = (search(place, query, fusion=fusion, marks=marks) for place in (sharded, whole))
        assert found == truth != search(whole, query, fusion=fusion)


def test_a_search_survives_the_death_of_a_machine(
    tmp_path: Path, cluster: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its shard loads elsewhere; without room it is refused, and answered once there is room again."""
    write_gallery(tmp_path / "g", 300)
    whole = Gallery.open(tmp_path / "g")
    query = parse_query("hat, !bag, young|old", whole.schema)
    expected = search(whole, query, top=40)
    first, _, _ = (cluster.add() for _ in range(3))
    wanted = SearchClusterSettings(shards=3, threads=1, cpus=1.0, memory=False, patience_s=60.0)
    with open_sharded(tmp_path / "g", address=None, settings=wanted) as sharded:
        assert sharded.search(query, top=40) == expected
        between_phases(monkeypatch, lambda: cluster.kill(first))  # the head has room for its shard
        assert sharded.search(query, top=40) == expected
        cluster.remove_added()
        sharded.shards.patience_s = 8.0
        with pytest.raises(ClusterError, match="The search is refused"):
            ask_for_a_while(lambda: sharded.search(query, top=40), expected)
        cluster.add()
        cluster.add()
        sharded.shards.patience_s = 90.0
        assert sharded.search(query, top=40) == expected


def ask_for_a_while(ask: Callable[[], Any], expected: Any) -> None:
    """Ask until it is refused: on a busy machine, processes of a killed node outlive it for a while."""
    until = time.monotonic() + 90
    while time.monotonic() < until:
        assert ask() == expected


def test_indexing_survives_machines_and_processes_that_die(tmp_path: Path, cluster: Machines) -> None:
    """A machine is lost in the middle, a process dies over one batch, one image kills whoever sees it."""
    write_images(tmp_path / "in", 60)
    Image.fromarray(np.full((20, 10, 3), 255, np.uint8)).save(tmp_path / "in" / "crop-040-white.png")
    (tmp_path / "in" / "bad.png").write_bytes(b"no image")
    lost, _ = cluster.add(), cluster.add()
    source: FolderSource = EventfulSource(tmp_path / "in", 30, lambda: cluster.kill(lost))
    retriever = dying_retriever(tmp_path / "deaths", deaths=1000)
    workers = WorkerSettings(count=3, cpus=1.0)
    summary = index_with_ray(
        retriever, tmp_path / "g", source, address=None, workers=workers, settings=BATCHES
    )
    assert (summary.added, summary.already_there, summary.quarantined) == (60, 0, 2)
    assert 2 <= len(deaths_noted(tmp_path / "deaths")) <= 4
    refused = {source.path.name for source in read_quarantine(tmp_path / "g")}
    assert refused == {"bad.png", "crop-040-white.png"}
    retriever.deaths = 0
    source = FolderSource(tmp_path / "in")
    summary = index_with_ray(
        retriever, tmp_path / "g", source, address=None, workers=workers, settings=BATCHES
    )
    assert (summary.added, summary.already_there, summary.quarantined) == (1, 60, 1)
    require_rows_of_one_machine(tmp_path)


def require_rows_of_one_machine(folder: Path) -> None:
    """Compare the gallery ``g`` with one made of the same images on one machine."""
    index_images(small_retriever(), folder / "alone", FolderSource(folder / "in"))
    keys, vectors = everything(Gallery.open(folder / "g"))
    keys_alone, vectors_alone = everything(Gallery.open(folder / "alone"))
    assert keys == keys_alone
    for name, column in vectors.named().items():
        assert np.allclose(column, vectors_alone.named()[name], atol=1e-5)
    assert verify_database(folder / "g").clean


def test_indexing_goes_on_after_its_driver_was_killed(tmp_path: Path, cluster: Machines) -> None:
    """What was committed before the kill is there, once; the second run adds the rest."""
    write_images(tmp_path / "in", 40)
    small_retriever().save_pretrained(tmp_path / "run")
    retriever = Retriever.from_pretrained(tmp_path / "run")
    script = (
        "import sys, time; from pathlib import Path\n"
        "from gallery.distributed.test_on_a_cluster import *\n"
        "folder, address = Path(sys.argv[1]), sys.argv[2]\n"
        "source = EventfulSource(folder / 'in', 30, lambda: time.sleep(600))\n"
        "retriever = Retriever.from_pretrained(folder / 'run')\n"
        "index_with_ray(retriever, folder / 'g', source, address=address,\n"
        "               workers=WorkerSettings(count=1, cpus=1.0), settings=BATCHES)\n"
    )
    driver = subprocess.Popen([sys.executable, "-c", script, str(tmp_path), cluster.address])
    try:
        until = time.monotonic() + 200
        while rows_committed(tmp_path / "g") < 8:
            assert time.monotonic() < until
            assert driver.poll() is None
            time.sleep(0.2)
    finally:
        driver.send_signal(signal.SIGKILL)
        driver.wait()
    before = rows_committed(tmp_path / "g")
    summary = index_with_ray(
        retriever,
        tmp_path / "g",
        FolderSource(tmp_path / "in"),
        address=None,
        workers=WorkerSettings(count=1, cpus=1.0),
        settings=BATCHES,
    )
    assert (summary.added, summary.already_there, summary.quarantined) == (40 - before, before, 0)
    require_rows_of_one_machine(tmp_path)


def rows_committed(gallery: Path) -> int:
    return len(Gallery.open(gallery)) if (gallery / "gallery.json").exists() else 0
