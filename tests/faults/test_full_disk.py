"""A full disk: a clear error, and the gallery as it was."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.gallery.database.verify import verify_database
from attrieve.gallery.database.writing import open_database_writer
from faults.processes import start
from gallery.database.made import key_of, model, rows, vectors

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits and mounts are those of Linux")


def fill(folder: Path, limit: int) -> dict[str, object]:
    with start("filling.py", folder, limit) as process:
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


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one mebibyte, where mounting is allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    options = ["-t", "tmpfs", "-o", "size=1m", "attrieve-test", str(folder)]
    if mount is None or subprocess.run([mount, *options], capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system is not allowed here")
    yield folder
    subprocess.run([str(shutil.which("umount")), str(folder)], check=True)


def test_a_disk_that_is_full(small_disk: Path) -> None:
    """Nothing is left on the device, in the middle of writing rows."""
    folder = small_disk / "gallery"
    with open_database_writer(folder, model=model()) as writer:
        writer.add(rows([1, 2, 3]), vectors([1, 2, 3]))
    check(folder, fill(folder, 0))
