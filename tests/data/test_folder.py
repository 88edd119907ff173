"""Images without annotations: trees, archives and lists."""

import os
import zipfile

import pytest

from attrieve.data.folder import read_folder
from attrieve.errors import DatasetError
from attrieve.schema import ImageSource


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def test_a_tree_is_read_whole_and_sorted(tmp_path):
    """Any depth, any case of the ending; no hidden files, no other files."""
    touch(
        tmp_path, "b.PNG", "a/c/2.jpeg", "a/c/1.webp", "a/x.txt", ".hidden.png", ".git/a.png", "z.zip", "png"
    )
    expected = [tmp_path / name for name in ("a/c/1.webp", "a/c/2.jpeg", "b.PNG")]
    assert read_folder(tmp_path) == [ImageSource(path) for path in expected]


def test_loops_of_links_end_and_linked_folders_are_read_once(tmp_path):
    """A link to the parent, a link to oneself, two ways to one folder."""
    root = tmp_path / "root"
    touch(root, "a/1.png")
    touch(tmp_path, "outside/2.png")
    (root / "a" / "up").symlink_to(root)
    (root / "a" / "self").symlink_to(root / "a" / "self")
    (root / "b").symlink_to(tmp_path / "outside")
    (root / "c").symlink_to(tmp_path / "outside")
    assert read_folder(root) == [ImageSource(root / "a" / "1.png"), ImageSource(root / "b" / "2.png")]


def test_images_stay_inside_an_archive(tmp_path):
    """Sorted by member; what macOS adds is left out."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("x/2.png", "x/1.jpg", "__MACOSX/x/._1.jpg", "x/note.txt", "x/.h.png"):
            archive.writestr(name, b"")
    assert read_folder(tmp_path / "a.zip") == [
        ImageSource(tmp_path / "a.zip", f"x/{n}") for n in ("1.jpg", "2.png")
    ]


def test_a_list_names_files_beside_it_anywhere_and_in_archives(tmp_path):
    """Comments and repetitions are skipped; the byte order mark of editors too."""
    touch(tmp_path, "in/b.png", "a.png", "far/c.png")
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("m.png", b"")
    lines = ["# mine", "", "in/b.png", "a.png", str(tmp_path / "far" / "c.png"), "a.png", "z.zip!m.png"]
    (tmp_path / "list.txt").write_text("\ufeff" + "\r\n".join(lines), "utf-8")
    expected = [ImageSource(tmp_path / name) for name in ("a.png", "far/c.png", "in/b.png")]
    assert read_folder(tmp_path / "list.txt") == [*expected, ImageSource(tmp_path / "z.zip", "m.png")]


def test_a_list_with_missing_files_is_refused(tmp_path):
    """With how many and which."""
    touch(tmp_path, "a.png")
    (tmp_path / "list.txt").write_text("a.png\nb.png\nc.png\n")
    with pytest.raises(DatasetError, match=r"2 of 3 .*b\.png.*c\.png"):
        read_folder(tmp_path / "list.txt")


def test_a_single_image_is_itself(tmp_path):
    """One crop is a gallery of one."""
    touch(tmp_path, "a.png")
    assert read_folder(tmp_path / "a.png") == [ImageSource(tmp_path / "a.png")]


@pytest.mark.parametrize("name", ["none", "empty", "a.doc", "bad.zip", "bad.txt", "empty.txt"])
def test_places_without_images_are_refused(name, tmp_path):
    """Nothing there, nothing in it, something else, damaged."""
    (tmp_path / "empty").mkdir()
    touch(tmp_path, "a.doc", "bad.zip", "empty.txt")
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DatasetError, match=name):
        read_folder(tmp_path / name)


def test_order_does_not_depend_on_the_disk(tmp_path, monkeypatch):
    """Directory entries come in any order."""
    touch(tmp_path, *(f"{folder}/{number}.png" for folder in "ba" for number in (10, 9, 1)))
    expected = read_folder(tmp_path)
    walk = os.walk
    monkeypatch.setattr(os, "walk", lambda *a, **k: ((f, d, n[::-1]) for f, d, n in walk(*a, **k)))
    assert read_folder(tmp_path) == expected == sorted(expected)
