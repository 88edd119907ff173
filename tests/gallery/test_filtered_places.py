"""What a filter keeps is remembered, and is what the filter says all the same."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from attrieve.errors import InputError
from attrieve.gallery.database.filters import Filter, parse_filter
from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.gallery.database.writing import open_database_writer
from attrieve.gallery.filtered_places import FilteredPlaces, Places
from attrieve.gallery.search_cache import open_search_columns
from attrieve.gallery.store import Gallery
from gallery.building import gallery_of, small_query_side
from gallery.database.made import key_of, model, row, vectors

CAMERAS = {"camera": pa.string()}


class Floors:
    """Some rows from each tenth on; tells what it was asked."""

    def __init__(self, rows: int = 10) -> None:
        self.rows = rows
        self.asked: list[str] = []

    def __call__(self, wanted: Filter) -> Places:
        (condition,) = wanted.conditions
        (value,) = condition.values
        self.asked.append(str(value))
        if value == "none":
            raise InputError("no such floor")
        return 10 * int(str(value)) + np.arange(self.rows)


def floor(number: int | str) -> Filter:
    return parse_filter([f"camera={number}"], CAMERAS)


def test_a_filter_is_evaluated_once() -> None:
    """The same conditions, read anew, find what was found."""
    floors = Floors()
    places = FilteredPlaces(floors)
    for _ in range(3):
        assert places.of(floor(2)).tolist() == list(range(20, 30))
        assert places.of(floor(7)).tolist() == list(range(70, 80))
    assert floors.asked == ["2", "7"]


def test_what_is_remembered_cannot_be_changed() -> None:
    """Whoever gets the places cannot spoil them for the next."""
    with pytest.raises(ValueError, match="read-only"):
        FilteredPlaces(Floors()).of(floor(1))[0] = 5


def test_the_filter_asked_for_longest_ago_is_forgotten_first() -> None:
    """Memory is bounded: two filters of ten places fit, the third displaces one."""
    floors = Floors()
    places = FilteredPlaces(floors, largest_bytes=2 * 80)
    for number in (1, 2, 1, 3):
        places.of(floor(number))
    assert floors.asked == ["1", "2", "3"]
    places.of(floor(1))
    assert floors.asked == ["1", "2", "3"]
    assert places.of(floor(2)).tolist() == list(range(20, 30))
    assert floors.asked == ["1", "2", "3", "2"]


def test_one_that_keeps_too_many_rows_is_answered_and_not_kept() -> None:
    """A filter wider than all there is room for displaces nothing that is of use."""
    floors = Floors(rows=10)
    places = FilteredPlaces(floors, largest_bytes=80)
    places.of(floor(4))
    floors.rows = 11
    for _ in range(2):
        assert len(places.of(floor(5))) == 11
    places.of(floor(4))
    assert floors.asked == ["4", "5", "5"]


def test_errors_are_not_remembered() -> None:
    """A filter that failed is evaluated again."""
    floors = Floors()
    places = FilteredPlaces(floors)
    for _ in range(2):
        with pytest.raises(InputError, match="no such floor"):
            places.of(floor("none"))
    assert floors.asked == ["none", "none"]


def test_many_may_ask_at_once() -> None:
    """Whatever is forgotten meanwhile, everybody gets the own floor."""
    places = FilteredPlaces(Floors(), largest_bytes=3 * 80)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: places.of(floor(number % 9)).tolist(), range(400)))
    assert all(rows[0] == 10 * (number % 9) for number, rows in enumerate(found))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with open_database_writer(tmp_path / "g", model=model()) as writer:
        writer.add([row(number) for number in range(20)], vectors(list(range(20))))
    return tmp_path / "g"


def kept_keys(folder: Path, condition: str) -> set[int]:
    snapshot = GallerySnapshot.open(folder)
    gallery = Gallery(folder, model(), small_query_side(), open_search_columns(snapshot), snapshot)
    wanted = snapshot.parse([condition])
    found = [gallery.places(wanted) for _ in range(2)]
    assert found[0] is not None
    assert found[0] is found[1]
    return set(gallery.columns.key[found[0]].tolist())


def test_a_gallery_that_has_changed_is_asked_anew(folder: Path) -> None:
    """Snapshots remember for themselves: rows deleted or added since are gone or there."""
    cameras = [{int(key_of(number), 16) for number in range(first, 20, 3)} for first in range(3)]
    assert kept_keys(folder, "camera=C1") == cameras[1]
    with open_database_writer(folder) as writer:
        writer.delete([key_of(4)])
        writer.upsert([row(30, camera="C1")], vectors([30]))
    gone, come = int(key_of(4), 16), int(key_of(30), 16)
    assert kept_keys(folder, "camera=C1") == cameras[1] - {gone} | {come}


def test_without_a_filter_all_rows_take_part() -> None:
    """None stands for all rows, as a search takes it."""
    assert gallery_of(np.full((3, 8), 0.5), None, small_query_side()).places(None) is None
