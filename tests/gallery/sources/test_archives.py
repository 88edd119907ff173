"""Zip and tar archives are read in place; damage is reported, never taken for the end."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from attrieve.errors import DatasetError
from attrieve.gallery.sources import TarSource, ZipSource
from attrieve.gallery.sources import tar as tar_module
from attrieve.schema import ImageSource
from gallery.sources.pictures import picture, read_all, write

MEMBERS = {f"people/{index:02d}.png": picture(index) * 40 for index in range(6)}
OTHERS = {"notes.txt": b"no image", "__MACOSX/x.png": b"", "people/.x.png": b""}


def write_tar(path: Path, members: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def test_zip_members_come_by_name(tmp_path: Path) -> None:
    """Whatever order they were packed in; hidden ones and others are left out."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in reversed(list((MEMBERS | OTHERS).items())):
            archive.writestr(name, content)
    source = ZipSource(path)
    assert [item.source for item in source] == [ImageSource(path, name) for name in MEMBERS]
    assert read_all(source) == list(MEMBERS.values())
    assert source.count() == len(MEMBERS)


def test_a_damaged_zip_is_refused_at_once(tmp_path: Path) -> None:
    """Its directory is at its end."""
    with pytest.raises(DatasetError, match="zip archive"):
        ZipSource(write(tmp_path / "a.zip", b"PK nonsense"))


@pytest.mark.parametrize(
    ("ending", "mode"), [(".tar", "w"), (".tar.gz", "w:gz"), (".tar.bz2", "w:bz2"), (".tar.xz", "w:xz")]
)
def test_tar_members_come_in_the_order_of_the_archive(tmp_path: Path, ending: str, mode: str) -> None:
    """Plain or compressed, streamed with their bytes, twice over."""
    members = dict(reversed(list(MEMBERS.items()))) | OTHERS
    path = write_tar(tmp_path / f"a{ending}", members, mode)
    source = TarSource(path)
    for _ in range(2):
        assert [item.source.member for item in source] == list(reversed(MEMBERS))
        assert read_all(source) == list(reversed(MEMBERS.values()))
    assert source.count() is None


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_tar_that_breaks_off_says_so_wherever_it_does(tmp_path: Path, mode: str) -> None:
    """Cut anywhere, it gives whole images from the front and one reason at the end."""
    whole = write_tar(tmp_path / "whole.tar", MEMBERS, mode).read_bytes()
    ends = len(whole) if mode == "w:gz" else sum(512 + -(-len(c) // 512) * 512 for c in MEMBERS.values())
    for cut in [0, 5, 100, 512, 700, *range(1024, ends, 1536), ends - 1, ends]:
        if mode == "w:gz" and cut > len(whole) - 16:
            continue  # the last bytes are a checksum
        *images, problem = read_all(TarSource(write(tmp_path / "cut.tar", whole[:cut])))
        assert images == list(MEMBERS.values())[: len(images)]
        assert isinstance(problem, str), cut
        assert "breaks off" in problem, cut


def test_a_tar_that_turns_into_something_else_says_so(tmp_path: Path) -> None:
    """A header overwritten in the middle is not the end of the archive."""
    path = write_tar(tmp_path / "a.tar", MEMBERS)
    content = bytearray(path.read_bytes())
    second = 512 + -(-len(MEMBERS["people/00.png"]) // 512) * 512
    content[second : second + 512] = b"\x55" * 512
    first, problem = read_all(TarSource(write(path, bytes(content))))
    assert first == MEMBERS["people/00.png"]
    assert isinstance(problem, str)
    assert "after 1 files" in problem


def test_what_a_stream_cannot_give_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Links, and members larger than what is ever read into memory; the others come."""
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        for name, content in (("a.png", b"abc"), ("big.png", bytes(2000)), ("z.png", b"xyz")):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        link = tarfile.TarInfo("link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "a.png"
        archive.addfile(link)
    monkeypatch.setattr(tar_module, "BYTE_LIMIT", 1000)
    a, big, z, linked = read_all(TarSource(path))
    assert (a, z) == (b"abc", b"xyz")
    assert isinstance(big, str)
    assert "2,000 bytes" in big
    assert isinstance(linked, str)
    assert "link" in linked


def test_something_else_called_tar_is_reported(tmp_path: Path) -> None:
    """As one bad entry, so that the other sources of a run go on; nothing there is refused at once."""
    (item,) = TarSource(write(tmp_path / "a.tar", b"no archive at all" * 100))
    assert item.problem is not None
    assert item.source == ImageSource(tmp_path / "a.tar")
    with pytest.raises(DatasetError, match="nothing is there"):
        TarSource(tmp_path / "none.tar")
