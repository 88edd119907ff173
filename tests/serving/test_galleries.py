"""The served gallery follows the one on disk; who has begun with a snapshot keeps it."""

import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from attrieve.errors import InputError
from attrieve.gallery.database.filters import Filter
from attrieve.gallery.database.rows import GalleryRow
from attrieve.gallery.database.vectors import Vectors
from attrieve.gallery.database.writing import DatabaseWriter, open_database_writer
from attrieve.gallery.search import search
from attrieve.schema import ImageSource, parse_query
from attrieve.serving.galleries import GalleryHolder
from serving.place import ROWS, Place


@pytest.fixture
def folder(place: Place, tmp_path: Path) -> Path:
    return Path(shutil.copytree(place.gallery, tmp_path / "gallery"))


def add(writer: DatabaseWriter, number: int) -> None:
    row = GalleryRow(f"{number:016x}", ImageSource(Path("new.png")))
    writer.add([row], Vectors(np.eye(1, 6, dtype=np.float32), np.full((1, 8), 0.5, np.float32)))


def test_snapshot_is_exchanged_when_rows_come_and_go(folder: Path, place: Place) -> None:
    holder = GalleryHolder(folder)
    before, version = holder.current(), holder.version
    assert not holder.refresh()
    with open_database_writer(folder) as writer:
        add(writer, 1)
        assert holder.refresh()
        assert not holder.refresh()
        assert (len(before), len(holder.current())) == (ROWS, ROWS + 1)
        assert holder.version != version
        writer.delete(place.keys[:2])
    assert holder.refresh()
    assert len(holder.current()) == ROWS - 1
    found = search(before, parse_query("hat", before.schema), top=100)
    assert {hit.key for hit in found.hits} == set(place.keys)  # the old snapshot is as it was


def test_watching_notices_by_itself(folder: Path) -> None:
    holder = GalleryHolder(folder)
    holder.watch(0.02)
    try:
        with open_database_writer(folder) as writer:
            add(writer, 1)
        until = time.monotonic() + 60
        while len(holder.current()) == ROWS and time.monotonic() < until:
            time.sleep(0.02)
        assert len(holder.current()) == ROWS + 1
    finally:
        holder.close()


def test_searches_go_on_while_the_gallery_changes(folder: Path) -> None:
    holder = GalleryHolder(folder)
    wrong: list[Exception] = []
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            gallery = holder.current()
            try:
                found = search(gallery, parse_query("hat", gallery.schema), top=100, threads=1)
                assert len(found) == len(gallery)
            except Exception as error:
                wrong.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        with open_database_writer(folder) as writer:
            for number in range(1, 6):
                add(writer, number)
                holder.refresh()
            writer.delete([f"{number:016x}" for number in range(1, 6)])
            holder.refresh()
    finally:
        ended.set()
        thread.join()
    assert wrong == []
    assert len(holder.current()) == ROWS


def test_damage_leaves_the_old_snapshot_and_is_told(folder: Path) -> None:
    holder = GalleryHolder(folder)
    whole = (folder / "gallery.json").read_text()
    (folder / "gallery.json").write_text("{")
    assert not holder.refresh()
    assert holder.problem is not None
    assert "gallery.json" in holder.problem
    assert len(holder.current()) == ROWS
    (folder / "gallery.json").write_text(whole)
    assert holder.refresh()
    assert holder.problem is None


def test_folder_that_goes_away_leaves_the_old_snapshot(folder: Path) -> None:
    holder = GalleryHolder(folder)
    shutil.rmtree(folder)
    assert not holder.refresh()
    assert len(holder.current()) == ROWS


def test_what_is_no_gallery(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        GalleryHolder(tmp_path)


def test_nothing_of_a_filter_changes_the_columns(folder: Path) -> None:
    gallery = GalleryHolder(folder).current()
    assert len(gallery.store.select(Filter(()))) == ROWS
