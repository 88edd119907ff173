"""The short test on a real cluster: index and search while machines and processes die."""

from pathlib import Path

import numpy as np
from PIL import Image

from attrieve.gallery.distributed.indexing import WorkerSettings, index_with_ray
from attrieve.gallery.distributed.search import open_sharded
from attrieve.gallery.distributed.shards import SearchClusterSettings
from attrieve.gallery.ingest import index_images
from attrieve.gallery.pipeline import PipelineSettings
from attrieve.gallery.quarantine import read_quarantine
from attrieve.gallery.search import search
from attrieve.gallery.sources import open_source
from attrieve.gallery.store import Gallery
from attrieve.schema import parse_query
from gallery.building import everything, small_retriever, write_images
from gallery.distributed.clusters import Machines
from gallery.distributed.dying import deaths_noted, dying_retriever


def test_index_and_search_while_processes_die(tmp_path: Path, cluster: Machines) -> None:
    """Every image is one row though a worker died, and shards find what one machine finds."""
    write_images(tmp_path / "in", 21)
    Image.fromarray(np.full((20, 10, 3), 255, np.uint8)).save(tmp_path / "in" / "crop-007-white.png")
    (tmp_path / "in" / "bad.png").write_bytes(b"no image")
    retriever = dying_retriever(tmp_path / "deaths", deaths=1)
    summary = index_with_ray(
        retriever,
        tmp_path / "g",
        open_source(str(tmp_path / "in")),
        address=None,
        workers=WorkerSettings(count=2, cpus=0.1),
        settings=PipelineSettings(batch=4, workers=1),
    )
    assert (summary.added, summary.already_there, summary.quarantined) == (22, 0, 1)
    assert len(deaths_noted(tmp_path / "deaths")) == 1
    assert [source.path.name for source in read_quarantine(tmp_path / "g")] == ["bad.png"]
    alone = small_retriever()
    index_images(alone, tmp_path / "alone", open_source(str(tmp_path / "in")))
    gallery = Gallery.open(tmp_path / "g")
    keys, vectors = everything(gallery)
    keys_alone, vectors_alone = everything(Gallery.open(tmp_path / "alone"))
    assert keys == keys_alone
    for name, column in vectors.named().items():
        assert np.allclose(column, vectors_alone.named()[name], atol=1e-5)
    query = parse_query("hat, !bag, young|old", gallery.schema)
    settings = SearchClusterSettings(shards=3, memory=False, threads=1)
    with open_sharded(tmp_path / "g", address=None, settings=settings) as sharded:
        assert sharded.search(query, top=9) == search(gallery, query, top=9)
