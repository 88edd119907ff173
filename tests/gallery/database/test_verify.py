"""Finding damage, and searching what is left."""

from pathlib import Path

import numpy as np
import pytest

from attrieve.errors import StorageError
from attrieve.gallery.database.reading import DamagedGalleryWarning, GallerySnapshot
from attrieve.gallery.database.verify import drop_damaged, verify_database
from attrieve.gallery.database.writing import open_database_writer
from attrieve.gallery.rows import content_key
from attrieve.schema import ImageSource
from gallery.building import small_query_side
from gallery.database.made import key_of, model, row, rows, vectors

PARTS = [[0, 1, 2, 3], [10, 11, 12], [20, 21, 22, 23, 24]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A gallery of three fragments."""
    for numbers in PARTS:
        with open_database_writer(tmp_path / "gallery", model=model()) as writer:
            writer.add(rows(numbers), vectors(numbers))
    return tmp_path / "gallery"


def second_file(folder: Path) -> Path:
    """The data file of the second fragment, the only one that holds row 11's vector."""
    needle = vectors([11]).embedding
    assert needle is not None
    [path] = [path for path in folder.rglob("data/*.lance") if needle[0].tobytes() in path.read_bytes()]
    return path


def remove(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])


def flip_one_bit_of_a_vector(path: Path) -> None:
    """The lowest bit of one number: nothing but a checksum can see it."""
    needle = vectors([11]).embedding
    assert needle is not None
    content = bytearray(path.read_bytes())
    content[content.index(needle[0].tobytes()) + 8] ^= 1
    path.write_bytes(bytes(content))


def break_a_key(path: Path) -> None:
    content = bytearray(path.read_bytes())
    at = content.index(key_of(11).encode())
    content[at : at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("damage", [remove, cut, flip_one_bit_of_a_vector, break_a_key])
def test_a_damaged_fragment_is_named_and_the_rest_is_searched(folder: Path, damage: object) -> None:
    """With a warning; dropping it makes the gallery clean, and adding its rows whole again."""
    assert verify_database(folder).clean
    damage(second_file(folder))  # type: ignore[operator]
    report = verify_database(folder)
    assert [(found.fragment, found.rows) for found in report.damaged] == [(1, 3)]
    assert report.rows == 9
    assert "fragment 1 of rows-aaaa (3 rows)" in report.lines()[0]
    with pytest.warns(DamagedGalleryWarning, match="fragment 1 of rows-aaaa"):
        columns = GallerySnapshot.open(folder).columns()
    left = sorted([*PARTS[0], *PARTS[2]], key=key_of)
    assert [f"{number:016x}" for number in columns.key.tolist()] == [key_of(number) for number in left]
    np.testing.assert_array_equal(columns.embedding, vectors(left).embedding)
    assert [found.fragment for found in columns.damaged] == [1]
    with open_database_writer(folder) as writer:
        assert drop_damaged(folder, report.damaged) == 3
    assert verify_database(folder).clean
    with open_database_writer(folder) as writer:
        assert writer.add(rows(PARTS[1]), vectors(PARTS[1])).added == 3
    assert len(GallerySnapshot.open(folder).columns()) == 12


def test_unchecked_columns_trust_the_disk(folder: Path) -> None:
    """Leaving out the checksums finds no flipped bit, and says so nowhere."""
    flip_one_bit_of_a_vector(second_file(folder))
    assert len(GallerySnapshot.open(folder).columns(check=False)) == 12


def test_damage_of_a_whole_table_or_query_side_is_told(folder: Path, tmp_path: Path) -> None:
    """It cannot be searched then, but verify says why instead of failing."""
    for version in folder.rglob("_versions/*.manifest"):
        version.write_bytes(b"nothing")
    with pytest.raises(StorageError, match="rows-aaaa"):
        GallerySnapshot.open(folder)
    report = verify_database(folder)
    assert not report.clean
    assert "rows-aaaa" in report.problems[0]
    query_side = small_query_side()
    whole = type(model()).of_query_side(query_side, "run", "cccc")
    with open_database_writer(tmp_path / "other", model=whole, query_side=query_side):
        pass
    (tmp_path / "other" / "query_side" / "cccc" / "config.json").write_text("{", "ascii")
    [problem] = verify_database(tmp_path / "other").problems
    assert "query side" in problem


def test_images_are_compared_with_their_keys_on_request(tmp_path: Path) -> None:
    """Gone, changed and sound ones; a crop of a video has no file of its own."""
    contents = {name: f"picture {name}".encode() for name in ("sound", "gone", "changed")}
    made = []
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        made.append(row(0, key=content_key(content), source=ImageSource(tmp_path / name)))
    made.append(row(0, key=key_of(1), source=ImageSource(tmp_path / "film.mp4"), frame=7))
    seen: list[int] = []
    with open_database_writer(tmp_path / "gallery", model=model()) as writer:
        writer.add(made, vectors([1, 2, 3, 4]))
    (tmp_path / "gone").unlink()
    (tmp_path / "changed").write_bytes(b"another")
    assert verify_database(tmp_path / "gallery", progress=seen.append).clean
    assert sum(seen) == 4
    report = verify_database(tmp_path / "gallery", images=True)
    expected = {content_key(contents["gone"]), content_key(contents["changed"])}
    assert {found.key for found in report.images} == expected
    assert not report.clean
