"""Folders: every image once, in the same order each time, whatever happens to the tree meanwhile."""

from pathlib import Path

import pytest

from attrieve.data.folder import read_folder
from attrieve.errors import DatasetError
from attrieve.gallery.sources import FolderSource
from gallery.sources.pictures import picture, read_all, write


def paths(source: FolderSource) -> list[Path]:
    return [item.source.path for item in source]


def test_images_come_in_the_order_of_their_paths(tmp_path: Path) -> None:
    """Files and folders mixed: the order of the whole paths, as the reader of folders has it."""
    names = ["b.png", "a/z.jpg", "a/b/c.PNG", "a.png", "a-b/x.webp", "c/d.jpeg", "é.png", "a/line\nbreak.png"]
    for name in [*names, ".hidden.png", ".git/x.png", "notes.txt", "crops.zip", "c/__MACOSX/e.png"]:
        write(tmp_path / name, name.encode())
    source = FolderSource(tmp_path)
    assert paths(source) == sorted(tmp_path / name for name in names)
    assert paths(source) == [image.path for image in read_folder(tmp_path) if "__MACOSX" not in str(image)]
    assert paths(source) == paths(source)
    assert source.count() == len(names)


def test_link_loops_end(tmp_path: Path) -> None:
    """Links to a parent, to each other and to themselves; a folder under two names counts once."""
    write(tmp_path / "root" / "a" / "x.png", b"x")
    write(tmp_path / "elsewhere" / "y.png", b"y")
    (tmp_path / "root" / "a" / "up").symlink_to(tmp_path / "root")
    (tmp_path / "root" / "b").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "root" / "c").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "root" / "self").symlink_to(tmp_path / "root" / "self")
    source = FolderSource(tmp_path / "root")
    assert [path.name for path in paths(source)] == ["x.png", "y.png"]


def test_a_folder_may_grow_and_shrink_while_it_is_read(tmp_path: Path) -> None:
    """New files in folders to come are found; files and folders that are gone are named, no more."""
    for name in ("a/1.png", "b/1.png", "c/1.png", "d/1.png"):
        write(tmp_path / name, picture(1))
    items = iter(FolderSource(tmp_path))
    first = next(items)
    write(tmp_path / "a" / "2.png", picture(2))
    write(tmp_path / "b" / "2.png", picture(3))
    (tmp_path / "d" / "1.png").unlink()
    (tmp_path / "d").rmdir()
    rest = list(items)
    found = [str(item.source.path.relative_to(tmp_path)) for item in [first, *rest]]
    assert found == ["a/1.png", "b/1.png", "b/2.png", "c/1.png", "d"]
    assert rest[-1].problem is not None
    assert "cannot be listed" in rest[-1].problem


def test_what_is_no_readable_file_is_found_out_on_reading(tmp_path: Path) -> None:
    """A dangling link is an image as far as its name tells."""
    write(tmp_path / "good.png", b"bytes")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    gone, good = read_all(FolderSource(tmp_path))
    assert good == b"bytes"
    assert isinstance(gone, str)
    assert "gone.png" in gone


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """Said at once, not when it is read."""
    with pytest.raises(DatasetError, match="expected a folder"):
        FolderSource(write(tmp_path / "x", b""))
