"""A full disk: a clear error, and the gallery as it was."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.gallery.database.verify import verify_database
from attrieve.gallery.database.writing import open_database_writer
from faults.filling import WORK
from faults.processes import start
from gallery.database.made import key_of, model, rows, vectors
from small_disk import small_file_system

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits and mounts are those of Linux")


def fill(folder: Path, limit: int, work: str = "add") -> dict[str, object]:
    with start("filling.py", folder, limit, work) as process:
        out, errors = process.communicate(timeout=250)
    assert process.returncode == 0, errors
    report: dict[str, object] = json.loads(out)
    return report


def check(folder: Path, report: dict[str, object]) -> None:
    """The error says what and where; what was committed is there, sound, and can be added to."""
    assert "cannot add" in str(report["told"])
    assert str(folder) in str(report["told"])
    committed = int(str(report["committed"]))
    keys = {f"{number:016x}" for number in GallerySnapshot.open(folder).columns().key.tolist()}
    assert keys == {key_of(number) for number in [1, 2, 3, *range(10_000, 10_000 + committed)]}
    assert verify_database(folder).clean


def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    """The system refuses in the middle of writing rows."""
    folder = tmp_path / "gallery"
    with open_database_writer(folder, model=model()) as writer:
        writer.add(rows([1, 2, 3]), vectors([1, 2, 3]))
    check(folder, fill(folder, 60_000))
    with open_database_writer(folder) as writer:
        assert writer.add(rows([4]), vectors([4])).added == 1
        writer.compact()
    assert verify_database(folder).clean


@pytest.mark.parametrize("work", ["compact", "reembed"])
def test_files_that_may_not_grow_while_compacting_and_reembedding(tmp_path: Path, work: str) -> None:
    """Neither changes what is searched until it is done; with room again, it can be done."""
    folder = tmp_path / "gallery"
    with open_database_writer(folder, model=model()) as writer:
        for first in range(0, 1500, 300):
            numbers = list(range(first, first + 300))
            writer.add(rows(numbers), vectors(numbers))
    before = GallerySnapshot.open(folder).columns()
    report = fill(folder, 60_000, work)
    assert {"compact": "cannot compact", "reembed": "cannot add"}[work] in str(report["told"])
    snapshot = GallerySnapshot.open(folder)
    after = snapshot.columns()
    assert snapshot.model == model()
    assert np.array_equal(before.key, after.key)
    assert np.array_equal(before.embedding, after.embedding)  # type: ignore[arg-type]
    assert verify_database(folder).clean
    with open_database_writer(folder) as writer:
        WORK[work](writer, [])
    assert verify_database(folder).clean
    assert np.array_equal(before.key, GallerySnapshot.open(folder).columns().key)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one mebibyte, where mounting is allowed."""
    with small_file_system(tmp_path / "disk", 1) as folder:
        yield folder


def test_a_disk_that_is_full(small_disk: Path) -> None:
    """Nothing is left on the device, in the middle of writing rows."""
    folder = small_disk / "gallery"
    with open_database_writer(folder, model=model()) as writer:
        writer.add(rows([1, 2, 3]), vectors([1, 2, 3]))
    check(folder, fill(folder, 0))
