"""Adding, replacing and deleting rows of the gallery database."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from attrieve.errors import InputError, SchemaMismatchError, StorageError, UnknownNameError
from attrieve.gallery.database.filters import Filter
from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.gallery.database.rows import GalleryRow
from attrieve.gallery.database.vectors import Vectors
from attrieve.gallery.database.verify import verify_database
from attrieve.gallery.database.writing import create_database, open_database_writer
from attrieve.schema import ImageSource
from gallery.building import small_query_side
from gallery.database.made import DIM, START, key_of, model, row, rows, vectors, vocabulary


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "gallery"


def fill(folder: Path, numbers: list[int], **changes: object) -> None:
    with open_database_writer(folder, model=model()) as writer:
        writer.add(rows(numbers, **changes), vectors(numbers))


def keys_in(folder: Path) -> set[str]:
    return {f"{number:016x}" for number in GallerySnapshot.open(folder).columns().key.tolist()}


def test_rows_come_back_as_they_were_added(folder: Path) -> None:
    """Sorted by key, with the very bits of their vectors and all that is known of them."""
    numbers = list(range(20))
    fill(folder, numbers)
    snapshot = GallerySnapshot.open(folder)
    columns = snapshot.columns()
    by_key = sorted(numbers, key=key_of)
    expected = vectors(by_key)
    assert [f"{number:016x}" for number in columns.key.tolist()] == [key_of(number) for number in by_key]
    np.testing.assert_array_equal(columns.embedding, expected.embedding)
    np.testing.assert_array_equal(columns.probability, expected.probability)
    [found] = snapshot.rows([key_of(7)])
    assert found.indexed_at is not None
    assert abs(found.indexed_at - datetime.now(UTC)) < timedelta(minutes=5)
    assert found == row(7, indexed_at=found.indexed_at)
    assert len(snapshot) == 20


def test_adding_is_idempotent(folder: Path) -> None:
    """A key counts once, within a call and between calls; the first row stays."""
    with open_database_writer(folder, model=model()) as writer:
        done = writer.add(rows([1, 2, 1]), vectors([1, 2, 3]))
        assert (done.added, done.already_there) == (2, 1)
        done = writer.add(rows([2, 4], camera="other"), vectors([5, 4]))
        assert (done.added, done.already_there) == (1, 1)
        assert writer.known(key_of(4))
        assert not writer.known(key_of(5))
    snapshot = GallerySnapshot.open(folder)
    assert [found.camera for found in snapshot.rows([key_of(2), key_of(4)])] == ["C2", "other"]
    with open_database_writer(folder, model=model()) as writer:
        assert writer.known(key_of(4))
        assert writer.add(rows([4]), vectors([4])).added == 0


def test_upsert_replaces_and_adds(folder: Path) -> None:
    """Equal keys get the new vectors and facts, the others stay."""
    fill(folder, [1, 2, 3])
    with open_database_writer(folder, model=model()) as writer:
        done = writer.upsert(rows([2, 9], camera="new"), vectors([20, 9]))
        assert (done.replaced, done.added) == (1, 1)
        assert len(writer) == 4
    snapshot = GallerySnapshot.open(folder)
    columns = snapshot.columns()
    place = columns.key.tolist().index(int(key_of(2), 16))
    assert columns.embedding is not None
    np.testing.assert_array_equal(columns.embedding[place], vectors([20]).embedding[0])  # type: ignore[index]
    cameras = [found.camera for found in snapshot.rows([key_of(number) for number in (1, 2, 3, 9)])]
    assert cameras == ["C1", "new", "C0", "new"]


def test_deleting_by_key_filter_and_age(folder: Path) -> None:
    """Each returns how many rows went; age goes by the time of the picture, else by that of indexing."""
    fill(folder, list(range(10)))
    with open_database_writer(folder) as writer:
        assert writer.delete([key_of(0), key_of(99)]) == 1
        assert writer.delete([]) == 0
        wanted = GallerySnapshot.open(folder).parse(["camera=C1"])
        assert writer.delete_where(wanted) == 3
        with pytest.raises(InputError, match="every row"):
            writer.delete_where(Filter())
        writer.add([row(50, time=None)], vectors([50]))
        writer.add([row(51, time=None, indexed_at=START)], vectors([51]))
        assert writer.delete_older_than(START + timedelta(days=5)) == 3  # 2, 3 and 51
        assert not writer.known(key_of(2))
    assert keys_in(folder) == {key_of(number) for number in (5, 6, 8, 9, 50)}


def test_a_deleted_row_can_be_added_again(folder: Path) -> None:
    """By the writer that deleted it."""
    fill(folder, [1, 2])
    with open_database_writer(folder) as writer:
        writer.delete([key_of(1)])
        assert writer.add(rows([1]), vectors([1])).added == 1
    assert keys_in(folder) == {key_of(1), key_of(2)}


def test_a_snapshot_stays_as_it_was(folder: Path) -> None:
    """Whatever a writer does meanwhile, compaction included."""
    fill(folder, [1, 2, 3])
    before = GallerySnapshot.open(folder)
    with open_database_writer(folder) as writer:
        writer.delete([key_of(1)])
        writer.add(rows([4]), vectors([4]))
        writer.compact()
    assert {f"{number:016x}" for number in before.columns().key.tolist()} == {key_of(i) for i in (1, 2, 3)}
    assert [found.camera for found in before.rows([key_of(1)])] == ["C1"]
    assert keys_in(folder) == {key_of(i) for i in (2, 3, 4)}
    again = GallerySnapshot.open(folder, version=before.version)
    assert len(again) == 3


def test_compaction_merges_files_and_frees_the_disk(folder: Path) -> None:
    """Deleted rows leave the disk when no version is kept; the rows that stay are the same."""
    fill(folder, [1])
    with open_database_writer(folder) as writer:
        secret = rows([100], camera="a-very-secret-camera-name")
        writer.add(secret, vectors([100]))
        for number in range(2, 12):
            writer.add(rows([number]), vectors([number]))
        writer.delete([key_of(100)])
        writer.compact(keep_versions=timedelta(0))
        assert writer.add(rows([3, 12]), vectors([3, 12])).added == 1
    assert keys_in(folder) == {key_of(number) for number in range(1, 13)}
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert not any(b"a-very-secret-camera-name" in path.read_bytes() for path in files)
    assert len([path for path in files if path.parent.name == "data"]) <= 2
    with open_database_writer(folder) as writer, pytest.raises(InputError):
        writer.compact(keep_versions=timedelta(seconds=-1))


@pytest.mark.parametrize("count", [0, 1])
def test_empty_and_single_galleries(folder: Path, count: int) -> None:
    """They open, are read, filtered, compacted and verified like any other."""
    fill(folder, []) if count == 0 else fill(folder, [1])
    with open_database_writer(folder) as writer:
        writer.compact(keep_versions=timedelta(0))
    snapshot = GallerySnapshot.open(folder)
    columns = snapshot.columns()
    assert len(snapshot) == len(columns) == count
    assert columns.embedding is not None
    assert columns.embedding.shape == (count, DIM)
    ids = snapshot.select(snapshot.parse(["camera=C1"]))
    assert columns.places(ids).tolist() == list(range(count))
    assert verify_database(folder).clean
    assert snapshot.rows([]) == []


def test_places_of_filtered_rows(folder: Path) -> None:
    """The ids a filter gives lead to the rows that meet it, in the order of the columns."""
    fill(folder, list(range(30)))
    with open_database_writer(folder) as writer:
        writer.delete([key_of(4)])
        writer.add(rows([31]), vectors([31]))
    snapshot = GallerySnapshot.open(folder)
    columns = snapshot.columns()
    places = columns.places(snapshot.select(snapshot.parse(["camera=C1"])))
    kept = {number for number in [*range(30), 31] if number % 3 == 1 and number != 4}
    assert {f"{number:016x}" for number in columns.key[places].tolist()} == {key_of(n) for n in kept}
    assert places.tolist() == sorted(places.tolist())


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (Vectors(np.full((1, DIM), np.nan, np.float32), np.zeros((1, 3), np.float32)), "not finite"),
        (Vectors(np.zeros((1, DIM), np.float32), np.zeros((1, 3), np.float32)), "length 0"),
        (Vectors(np.ones((1, DIM), np.float32), np.zeros((1, 3), np.float32)), "expected 1"),
        (Vectors(np.eye(1, 4, dtype=np.float32), np.zeros((1, 3), np.float32)), "width 4"),
        (Vectors(np.eye(1, DIM, dtype=np.float32), np.full((1, 3), 1.5, np.float32)), "outside"),
        (Vectors(np.eye(1, DIM, dtype=np.float32), None), "got none"),
        (Vectors(np.eye(2, DIM, dtype=np.float32), np.zeros((2, 3), np.float32)), "1 rows came with 2"),
    ],
)
def test_unsound_vectors_are_refused(folder: Path, bad: Vectors, message: str) -> None:
    """And nothing of them is written."""
    with open_database_writer(folder, model=model()) as writer:
        with pytest.raises(InputError, match=message):
            writer.add(rows([1]), bad)
        assert len(writer) == 0


def test_a_gallery_of_another_vocabulary_or_model_is_refused_with_both_names(folder: Path) -> None:
    """So is one whose writer is still at work, and a folder of something else."""
    fill(folder, [1])
    other = model(schema=vocabulary("other", ("hat", "shoe", "coat")))
    with pytest.raises(SchemaMismatchError, match=r"small.*other"):
        create_database(folder, other)
    with pytest.raises(SchemaMismatchError, match=r"run-aaaa.*run-bbbb"):
        create_database(folder, model("bbbb"))
    with open_database_writer(folder), pytest.raises(StorageError, match="another process"):
        create_database(folder, model())
    (folder.parent / "full").mkdir()
    (folder.parent / "full" / "a.txt").write_text("x", "ascii")
    with pytest.raises(InputError, match=r"a\.txt"):
        create_database(folder.parent / "full", model())
    with pytest.raises(InputError, match="not a gallery"), open_database_writer(folder.parent / "nowhere"):
        pass
    assert not (folder.parent / "nowhere").exists()


def test_any_file_name_is_kept(folder: Path) -> None:
    """Line breaks, quotes, bytes that are no UTF-8, archives; and it can be filtered by."""
    names = [
        "a\nb.png",
        'it\'s "q".png',
        "caf\udce9.png",
        "日本\U0001f600.png",
        "%_\\.png",
        "null\x00003d.png",
    ]
    made = [
        GalleryRow(key_of(number), ImageSource(Path("/zip") / name, name), camera=name, track=name)
        for number, name in enumerate(names)
    ]
    with open_database_writer(folder, model=model()) as writer:
        writer.add(made, vectors(list(range(len(names)))))
    snapshot = GallerySnapshot.open(folder)
    for expected in made:
        [found] = snapshot.rows([expected.key])
        assert (found.source, found.camera, found.track) == (expected.source, expected.camera, expected.track)
        quoted = str(expected.camera).replace("\\", "\\\\").replace('"', '\\"')
        columns = snapshot.columns()
        [place] = columns.places(snapshot.select(snapshot.parse([f'camera="{quoted}"'])))
        assert f"{columns.key[place]:016x}" == expected.key


def test_user_columns_and_thumbnails(folder: Path) -> None:
    """Typed by Arrow; later ones are unknown for the rows that were there."""
    fields = [pa.field("note", pa.string()), pa.field("floor", pa.int16())]
    with open_database_writer(folder, model=model(), thumbnails=True, user_columns=fields) as writer:
        writer.add([row(1, thumbnail=b"\x89PNG", user={"note": "it's", "floor": -2})], vectors([1]))
        with pytest.raises(UnknownNameError, match="note"):
            writer.add([row(2, user={"noet": "x"})], vectors([2]))
        with pytest.raises(InputError, match="floor"):
            writer.add([row(2, user={"floor": 10**9})], vectors([2]))
        writer.add_user_columns([pa.field("seen", pa.bool_())])
        writer.add([row(3, user={"seen": True})], vectors([3]))
        with pytest.raises(InputError, match="floor"):
            writer.add_user_columns([pa.field("floor", pa.string())])
    snapshot = GallerySnapshot.open(folder)
    first, second = snapshot.rows([key_of(1), key_of(3)])
    assert first.thumbnail == b"\x89PNG"
    assert first.user == {"note": "it's", "floor": -2, "seen": None}
    assert second.user == {"note": None, "floor": None, "seen": True}
    for bad in (pa.field("key", pa.string()), pa.field("a b", pa.string()), pa.field("x", pa.binary())):
        with pytest.raises(InputError, match=bad.name), open_database_writer(folder, user_columns=[bad]):
            pass
    assert verify_database(folder).clean


def test_thumbnails_are_refused_where_none_are_kept(folder: Path) -> None:
    """Instead of being dropped in silence."""
    with open_database_writer(folder, model=model()) as writer, pytest.raises(InputError, match="thumbnail"):
        writer.add([row(1, thumbnail=b"x")], vectors([1]))


def test_bad_keys_are_refused(folder: Path) -> None:
    """A key is sixteen lower-case hexadecimal digits."""
    with open_database_writer(folder, model=model()) as writer:
        for bad in ("short", "X" * 16, "0123456789ABCDEF", "é" * 8, ""):
            with pytest.raises(InputError, match="16"):
                writer.add([row(1, key=bad)], vectors([1]))


def test_the_query_side_is_kept(folder: Path) -> None:
    """And must speak the vocabulary of the model."""
    query_side = small_query_side()
    with pytest.raises(SchemaMismatchError):
        create_database(folder, model(), query_side=query_side)
    whole = type(model()).of_query_side(query_side, "run", "cccc")
    create_database(folder, whole, query_side=query_side)
    assert GallerySnapshot.open(folder).query_side().schema.fingerprint == query_side.schema.fingerprint
    assert verify_database(folder).clean
