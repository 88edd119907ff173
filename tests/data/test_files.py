"""Files are replaced whole or not at all."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from attrieve.data.files import write_atomically, write_together
from attrieve.errors import StorageError
from small_disk import small_file_system


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one MiB."""
    with small_file_system(tmp_path / "disk", 1) as folder:
        yield folder


def test_a_file_is_written_with_its_folders(tmp_path: Path) -> None:
    """And with the rights a plainly written file has."""
    path = tmp_path / "a" / "b" / "file.bin"
    write_atomically(path, b"content")
    assert path.read_bytes() == b"content"
    (tmp_path / "plain").write_bytes(b"")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)
    write_atomically(path, memoryview(b"later"))
    assert path.read_bytes() == b"later"
    assert [p.name for p in path.parent.iterdir()] == ["file.bin"]


def test_a_full_disk_keeps_the_old_file(small_disk: Path) -> None:
    """A real one; the message names file, size and reason, and nothing is left behind."""
    path = small_disk / "file.bin"
    write_atomically(path, b"old" * 1000)
    with pytest.raises(StorageError, match=r"file\.bin \(2,000,000 bytes\): No space left"):
        write_atomically(path, b"n" * 2_000_000)
    assert path.read_bytes() == b"old" * 1000
    assert [p.name for p in small_disk.iterdir()] == ["file.bin"]


def test_files_that_belong_together_are_replaced_together(small_disk: Path) -> None:
    """The first fits, the second does not: neither is replaced."""
    first, second = small_disk / "first", small_disk / "second"
    write_together({first: b"1", second: b"1"})
    with pytest.raises(StorageError, match="second"):
        write_together({first: b"2", second: b"2" * 2_000_000})
    assert (first.read_bytes(), second.read_bytes()) == (b"1", b"1")
    assert len(list(small_disk.iterdir())) == 2


def test_a_crash_before_the_last_byte_is_safe_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever ends the program while it writes."""
    write_atomically(tmp_path / "file", b"old")

    def crash(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", crash)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A file where a folder should be."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="choose another folder"):
        write_atomically(tmp_path / "file" / "below", b"content")
