"""Filters evaluated on columns in memory, against the store's own answer."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attrieve.gallery.database.filter_columns import FilterColumns
from attrieve.gallery.database.filters import Condition, Day, Filter, Operator, to_predicate
from attrieve.gallery.database.lance import row_ids
from attrieve.gallery.database.layout import filterable
from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.gallery.database.writing import open_database_writer
from gallery.database.made import START, key_of, model, row, vectors

COUNT = 40
EXACT = [Operator.EQUAL, Operator.NOT_EQUAL]
ORDER = [*EXACT, Operator.LESS, Operator.AT_MOST, Operator.GREATER, Operator.AT_LEAST]
TEXT = [*ORDER, Operator.CONTAINS, Operator.STARTS_WITH]


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> GallerySnapshot:
    folder = tmp_path_factory.mktemp("columns") / "gallery"
    fields = [pa.field("share", pa.float64()), pa.field("floor", pa.int64()), pa.field("seen", pa.bool_())]
    with open_database_writer(folder, model=model(), user_columns=fields) as writer:
        for first in range(0, COUNT, 10):
            numbers = list(range(first, first + 10))
            made = [
                row(
                    number,
                    camera=None if number % 7 == 3 else f"C{number % 5}'",
                    user={} if number % 5 == 1 else {"share": number / 3, "floor": number - 9, "seen": True},
                )
                for number in numbers
            ]
            writer.add(made, vectors(numbers))
        writer.delete([key_of(17)])
    return GallerySnapshot.open(folder)


MOMENTS = st.integers(-2, COUNT + 2).map(lambda day: START + timedelta(days=day)) | st.datetimes(
    datetime(2023, 12, 30), datetime(2024, 2, 20)
).map(lambda moment: moment.replace(tzinfo=UTC))
VALUES = {
    "camera": (TEXT, st.sampled_from(["C1'", "C2'", "C", "'", "", "C9"])),
    "source": (TEXT, st.sampled_from(["/crops/1", "/crops/3.png", "png", "'"])),
    "time": (ORDER, MOMENTS | MOMENTS.map(lambda moment: Day(moment.date()))),
    "blur": (ORDER, st.integers(-1, COUNT) | st.floats(-1, COUNT)),
    "width": (ORDER, st.integers(60, 70)),
    "share": (ORDER, st.floats(-1, 20) | st.integers(0, 20)),
    "floor": (ORDER, st.integers(-12, COUNT)),
    "seen": (EXACT, st.booleans()),
}


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    column = draw(st.sampled_from(sorted(VALUES)))
    operators, values = VALUES[column]
    how = draw(st.sampled_from(operators))
    if how in EXACT:
        return Condition(column, how, tuple(draw(st.lists(values | st.none(), min_size=1, max_size=3))))
    several = how in {Operator.CONTAINS, Operator.STARTS_WITH}
    return Condition(column, how, tuple(draw(st.lists(values, min_size=1, max_size=3 if several else 1))))


def the_store_finds(snapshot: GallerySnapshot, wanted: Filter) -> list[int]:
    return row_ids(snapshot.table, to_predicate(wanted, filterable(snapshot.arrow_schema))).tolist()


@settings(max_examples=100, deadline=None)
@given(wanted=st.lists(conditions(), min_size=1, max_size=3).map(lambda each: Filter(tuple(each))))
def test_memory_and_store_agree(snapshot: GallerySnapshot, wanted: Filter) -> None:
    assert snapshot.select(wanted).tolist() == the_store_finds(snapshot, wanted)


def test_columns_beyond_the_limit_are_left_to_the_store(snapshot: GallerySnapshot) -> None:
    kinds = filterable(snapshot.arrow_schema)
    wanted = Filter((Condition("camera", Operator.EQUAL, ("C1'",)),))
    assert FilterColumns(snapshot.table, largest_bytes=0).select(wanted, kinds) is None
    found = FilterColumns(snapshot.table).select(wanted, kinds)
    assert found is not None
    assert found.tolist() == the_store_finds(snapshot, wanted)


def test_what_is_no_number_is_left_to_the_store(tmp_path: Path) -> None:
    with open_database_writer(
        tmp_path / "gallery", model=model(), user_columns=[pa.field("share", pa.float64())]
    ) as writer:
        writer.add([row(1, user={"share": float("nan")}), row(2, user={"share": 1.0})], vectors([1, 2]))
    snapshot = GallerySnapshot.open(tmp_path / "gallery")
    wanted = Filter((Condition("share", Operator.GREATER, (0.5,)),))
    assert FilterColumns(snapshot.table).select(wanted, filterable(snapshot.arrow_schema)) is None
    assert snapshot.select(wanted).tolist() == the_store_finds(snapshot, wanted)


def test_threads_may_ask_at_once(snapshot: GallerySnapshot) -> None:
    fresh = GallerySnapshot.open(snapshot.folder)
    wanted = [Filter((Condition(name, Operator.NOT_EQUAL, (None,)),)) for name in ("camera", "time", "share")]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(fresh.select, wanted * 8))
    for answer, each in zip(found, wanted * 8, strict=True):
        assert answer.tolist() == the_store_finds(snapshot, each)
