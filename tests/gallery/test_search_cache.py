"""Columns kept for searching hold what the store holds, whatever happened to either."""

import json
import shutil
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attrieve.data.file_lock import try_lock
from attrieve.errors import StorageError
from attrieve.gallery import search_cache
from attrieve.gallery.database.reading import DamagedGalleryWarning, GallerySnapshot
from attrieve.gallery.database.reembedding import Reembedding
from attrieve.gallery.database.writing import DatabaseWriter, open_database_writer
from attrieve.gallery.search_cache import cache_bytes, open_search_columns, remake_search_columns
from attrieve.gallery.search_columns import SearchColumns
from gallery.database.made import key_of, model, rows, vectors


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with open_database_writer(tmp_path / "g", model=model()) as writer:
        add(writer, range(20))
    return tmp_path / "g"


@pytest.fixture(autouse=True)
def _small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_cache, "SEGMENT_ROWS", 7)


def add(writer: DatabaseWriter, numbers: Iterator[int] | range, salt: int = 0) -> None:
    chosen = list(numbers)
    writer.upsert(rows(chosen), vectors(chosen, salt))


def opened(folder: Path) -> SearchColumns:
    return open_search_columns(GallerySnapshot.open(folder))


def held(columns: SearchColumns) -> dict[int, tuple[bytes, bytes]]:
    """Vectors by key of the rows that are searched."""
    places = np.arange(len(columns.key)) if columns.kept is None else columns.kept
    if columns.compact is None:
        return {}
    found = columns.vectors(places)
    assert found.embedding is not None
    assert found.probability is not None
    each = zip(columns.key[places].tolist(), found.embedding, found.probability, strict=True)
    return {key: (embedding.tobytes(), probability.tobytes()) for key, embedding, probability in each}


def stored(folder: Path) -> dict[int, tuple[bytes, bytes]]:
    """The same from the store itself, which reads and sorts in its own way."""
    columns = GallerySnapshot.open(folder).columns()
    assert columns.embedding is not None
    assert columns.probability is not None
    each = zip(columns.key.tolist(), columns.embedding, columns.probability, strict=True)
    return {key: (embedding.tobytes(), probability.tobytes()) for key, embedding, probability in each}


def made_anew(folder: Path) -> int:
    """How many segments there are that no earlier call knew."""
    return len(list((folder / "search").glob("*/*.rows.npy")))


changes = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 40), st.integers(1, 12)),
        st.tuples(st.just("change"), st.integers(0, 40), st.integers(1, 5)),
        st.tuples(st.just("delete"), st.integers(0, 40), st.integers(1, 12)),
        st.tuples(st.just("compact"), st.just(0), st.just(0)),
        st.tuples(st.just("look"), st.just(0), st.just(0)),
    ),
    min_size=1,
    max_size=7,
)


def changed_gallery(
    factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]], look: Callable[[Path], object]
) -> Path:
    """A gallery of fifteen rows to which all this was done, looked at in between where a step says so."""
    folder = factory.mktemp("any") / "g"
    with open_database_writer(folder, model=model()) as writer:
        add(writer, range(15))
        for salt, (what, first, count) in enumerate(steps, start=1):
            numbers = range(first, first + count)
            if what == "add":
                add(writer, numbers)
            elif what == "change":
                add(writer, numbers, salt)
            elif what == "delete":
                writer.delete(key_of(number) for number in numbers)
            elif what == "compact":
                writer.compact(keep_versions=timedelta(0))
            else:
                look(folder)
    return folder


def check_agreement(folder: Path) -> None:
    assert held(opened(folder)) == stored(folder)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes)
def test_whatever_is_done_the_columns_agree(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]]
) -> None:
    """Adding, changing, deleting, compacting, in any order, looked at in between or not."""
    folder = changed_gallery(tmp_path_factory, steps, look=check_agreement)
    for _ in range(2):
        check_agreement(folder)


def test_what_is_there_is_not_read_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time nothing is read; after adding rows, only those."""
    opened(folder)
    read: list[int] = []
    real = GallerySnapshot.stored_rows

    def watched(self: GallerySnapshot, *arguments: object, **named: object) -> Iterator[object]:
        for part in real(self, *arguments, **named):  # type: ignore[arg-type]
            read.append(len(part.key))
            yield part

    monkeypatch.setattr(GallerySnapshot, "stored_rows", watched)
    assert len(opened(folder)) == 20
    assert read == []
    with open_database_writer(folder) as writer:
        add(writer, range(20, 23))
        writer.delete([key_of(0)])
    assert held(opened(folder)) == stored(folder)
    assert sum(read) == 3


def test_many_small_additions_are_put_together(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments do not pile up: a search over hundreds of them would be slow."""
    monkeypatch.setattr(search_cache, "_SPARE_SEGMENTS", 1)
    monkeypatch.setattr(search_cache, "SEGMENT_ROWS", 16)
    for number in range(20, 32):
        with open_database_writer(folder) as writer:
            add(writer, range(number, number + 1))
        columns = opened(folder)
    assert held(columns) == stored(folder)
    assert columns.compact is not None
    assert len(columns.compact.segments) < 8
    assert made_anew(folder) == len(columns.compact.segments)


def test_deleting_the_folder_loses_nothing(folder: Path) -> None:
    """It is made again from the store."""
    opened(folder)
    assert cache_bytes(folder) > 0
    shutil.rmtree(folder / "search")
    assert held(opened(folder)) == stored(folder)


@pytest.mark.parametrize("hurt", ["columns.json", "made.json", "kept.npy", "*.rows.npy", "*/embedding.npy"])
@pytest.mark.parametrize("how", ["delete", "cut", "empty"])
def test_damage_is_mended(folder: Path, hurt: str, how: str) -> None:
    """A file that is missing, cut short or empty is made again."""
    opened(folder)
    (path, *_) = sorted((folder / "search").glob(f"*/{hurt}"))
    content = path.read_bytes()
    if how == "delete":
        path.unlink()
    else:
        path.write_bytes(b"" if how == "empty" else content[: len(content) // 2])
    assert held(opened(folder)) == stored(folder)


def test_a_kill_in_the_middle_is_mended(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever write was the last one, the next call ends with the right columns."""
    opened(folder)
    with open_database_writer(folder) as writer:
        add(writer, range(3, 9), salt=5)
        add(writer, range(20, 40))
    real = search_cache.write_atomically
    left = 0

    def dying(path: Path, content: bytes) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        real(path, content)

    monkeypatch.setattr(search_cache, "write_atomically", dying)
    kills = 0
    while True:
        trial = folder.parent / f"trial-{kills}"
        shutil.copytree(folder, trial)
        left = kills
        try:
            opened(trial)
            break
        except KeyboardInterrupt:
            kills += 1
        left = 99
        assert held(opened(trial)) == stored(trial)
    assert kills > 2


def test_nothing_of_deleted_rows_is_left_after_remaking(folder: Path) -> None:
    """Their vectors are on disk until then, and not afterwards."""
    opened(folder)
    gone = vectors([4]).named()["embedding"][0].tobytes()
    with open_database_writer(folder) as writer:
        writer.delete([key_of(4)])

    def on_disk() -> bool:
        return any(gone in path.read_bytes() for path in (folder / "search").rglob("*.npy"))

    assert len(opened(folder)) == 19
    assert on_disk()
    remake_search_columns(folder)
    assert not on_disk()
    assert held(opened(folder)) == stored(folder)


def test_remaking_waits_for_whoever_makes_them(folder: Path) -> None:
    """Files that somebody is writing are not deleted under them, and both hold one and the same lock."""
    opened(folder)
    [lock] = (folder / "search").glob("*/lock")
    before = {path for path in lock.parent.rglob("*") if path.is_file()}
    remaking = threading.Thread(target=remake_search_columns, args=[folder])
    with try_lock(lock) as mine:
        assert mine
        number = lock.stat().st_ino
        remaking.start()
        remaking.join(0.5)
        assert remaking.is_alive()
        assert {path for path in lock.parent.rglob("*") if path.is_file()} == before
    remaking.join(60)
    assert lock.stat().st_ino == number
    assert held(opened(folder)) == stored(folder)


def test_an_older_version_has_its_own_rows(folder: Path) -> None:
    """Columns made for a newer version are not taken for an older one."""
    before = GallerySnapshot.open(folder)
    expected = stored(folder)
    with open_database_writer(folder) as writer:
        add(writer, range(5), salt=9)
        add(writer, range(20, 30))
    assert held(opened(folder)) == stored(folder) != expected
    assert held(open_search_columns(before)) == expected
    assert held(opened(folder)) == stored(folder)


def test_each_model_has_its_own_columns(folder: Path) -> None:
    """After re-embedding, the new model's vectors are searched."""
    opened(folder)
    other = model("bbbb")
    with open_database_writer(folder) as writer:
        run = Reembedding(writer, other)
        run.put([key_of(number) for number in range(20)], vectors(list(range(20)), 7))
        run.finish()
    assert held(opened(folder)) == stored(folder)
    assert {path.name for path in (folder / "search").iterdir()} == {"aaaa", "bbbb"}


def test_a_damaged_fragment_is_left_out_each_time(folder: Path) -> None:
    """The rest is searched, with a warning; mended, all of it is."""
    with open_database_writer(folder) as writer:
        add(writer, range(20, 30))
    (*_, data) = sorted(
        (folder / "rows-aaaa.lance" / "data").iterdir(), key=lambda path: path.stat().st_mtime
    )
    content = data.read_bytes()
    data.write_bytes(content[: len(content) // 2])
    for _ in range(2):
        with pytest.warns(DamagedGalleryWarning, match="not searched"):
            assert len(opened(folder)) == 20
    data.write_bytes(content)
    assert held(opened(folder)) == stored(folder)
    assert len(opened(folder)) == 30


def test_where_nothing_can_be_kept_memory_serves(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk or a gallery that may only be read: a warning, and the same rows."""

    def full(path: Path, content: bytes) -> None:
        raise StorageError("the disk is full")

    monkeypatch.setattr(search_cache, "write_atomically", full)
    with pytest.warns(UserWarning, match=r"from memory.*disk is full"):
        columns = opened(folder)
    assert held(columns) == stored(folder)


def test_several_may_open_at_once(folder: Path) -> None:
    """One makes the columns, the others wait for them."""
    found: list[dict[int, tuple[bytes, bytes]]] = []
    threads = [threading.Thread(target=lambda: found.append(held(opened(folder)))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [stored(folder)] * 6
    made = json.loads(next((folder / "search").glob("*/made.json")).read_text())
    assert made["version"] == GallerySnapshot.open(folder).version


def test_a_gallery_without_rows_has_no_columns(tmp_path: Path) -> None:
    """Empty from the start, or emptied."""
    with open_database_writer(tmp_path / "g", model=model()) as writer:
        assert opened(tmp_path / "g").compact is None
        add(writer, range(3))
        assert len(opened(tmp_path / "g")) == 3
        writer.delete(key_of(number) for number in range(3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(opened(tmp_path / "g")) == 0
        assert len(opened(tmp_path / "g")) == 0


def test_places_are_those_of_the_rows_asked_for(folder: Path) -> None:
    """Ids of other versions and deleted rows are left out."""
    snapshot = GallerySnapshot.open(folder)
    columns = open_search_columns(snapshot)
    chosen = snapshot.select(snapshot.parse(["camera=C1"]))
    keys = {f"{key:016x}" for key in columns.key[columns.places(chosen)].tolist()}
    assert keys == {key_of(number) for number in range(20) if number % 3 == 1}
    assert len(columns.places(np.array([2**60], dtype=np.uint64))) == 0


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes)
def test_facts_are_those_of_the_store(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]]
) -> None:
    """What hits are told from files beside the columns is what the store says of the same rows."""
    folder = changed_gallery(tmp_path_factory, steps, look=opened)
    ids = np.random.default_rng(len(steps)).permutation(GallerySnapshot.open(folder).row_ids())
    for _ in range(2):  # as made, and as found again
        facts = opened(folder).facts
        assert facts is not None
        assert facts.rows_at(ids) == GallerySnapshot.open(folder).rows_at(ids)
        assert facts.rows_at(np.append(ids, ids.max() + 1)) is None


def test_facts_know_columns_that_came_later(folder: Path) -> None:
    """Rows that were there before a column hold nothing in it, those added after it their values."""
    opened(folder)
    with open_database_writer(folder) as writer:
        writer.add_user_columns([pa.field("zone", pa.string())])
        later = [replace(row, user={"zone": f"z{place}"}) for place, row in enumerate(rows([30, 31]))]
        writer.upsert(later, vectors([30, 31]))
    snapshot = GallerySnapshot.open(folder)
    facts = opened(folder).facts
    assert facts is not None
    told = facts.rows_at(snapshot.row_ids())
    assert told == snapshot.rows_at(snapshot.row_ids())
    assert {row.user["zone"] for row in told} == {None, "z0", "z1"}


def test_damaged_facts_are_made_anew(folder: Path) -> None:
    """A cut file beside the columns costs a new reading of the store and nothing else."""
    opened(folder)
    for path in (folder / "search").glob("*/*.facts.arrow"):
        path.write_bytes(path.read_bytes()[:100])
    ids = GallerySnapshot.open(folder).row_ids()
    facts = opened(folder).facts
    assert facts is not None
    assert facts.rows_at(ids) == GallerySnapshot.open(folder).rows_at(ids)
