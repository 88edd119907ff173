"""Conditions typed by a person, and what the store makes of them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from attrieve.errors import InputError, QueryError, UnknownNameError
from attrieve.gallery.database.filters import (
    Condition,
    Day,
    Filter,
    Operator,
    parse_filter,
    text_literal,
    to_predicate,
)
from attrieve.gallery.database.layout import filterable
from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.gallery.database.text import escape_text, unescape_text
from attrieve.gallery.database.writing import open_database_writer
from gallery.database.made import START, key_of, model, row, vectors

NOTES = ["it's", "a, b", "100 %", 'say "x"', "\\", "line\nbreak", "", "null\x00", "caf\udce9", "' OR 1=1 --"]
FIELDS = [
    pa.field("note", pa.string()),
    pa.field("floor", pa.int64()),
    pa.field("seen", pa.bool_()),
    pa.field("share", pa.float64()),
]


def user_of(number: int) -> dict[str, object]:
    if number == 11:
        return {}
    return {
        "note": NOTES[number % len(NOTES)],
        "floor": number - 5,
        "seen": number % 2 == 0,
        "share": number / 7,
    }


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> GallerySnapshot:
    folder = tmp_path_factory.mktemp("filters") / "gallery"
    numbers = list(range(12))
    with open_database_writer(folder, model=model(), user_columns=FIELDS) as writer:
        made = [
            row(number, user=user_of(number), camera=None if number == 3 else f"C{number % 3}")
            for number in numbers
        ]
        writer.add(made, vectors(numbers))
    return GallerySnapshot.open(folder)


def found(snapshot: GallerySnapshot, wanted: Filter) -> set[int]:
    columns = snapshot.columns()
    keys = {f"{columns.key[place]:016x}" for place in columns.places(snapshot.select(wanted))}
    return {number for number in range(12) if key_of(number) in keys}


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ([], set(range(12))),
        (["camera=C1"], {1, 4, 7, 10}),
        (["camera=C1,C2"], {1, 2, 4, 5, 7, 8, 10, 11}),
        (["camera = C1 , C2", "floor>0"], {7, 8, 10}),
        (["camera!=C1,C2"], {0, 6, 9}),
        (["camera=?"], {3}),
        (["camera!=?"], set(range(12)) - {3}),
        (["camera=C0,?"], {0, 3, 6, 9}),
        (["time>=2024-01-09"], {8, 9, 10, 11}),
        (["time>2024-01-09"], {9, 10, 11}),
        (["time<=2024-01-02"], {0, 1}),
        (["time=2024-01-03"], {2}),
        (["time=2024-01-03,2024-01-05"], {2, 4}),
        (["time!=2024-01-03"], set(range(12)) - {2}),
        (["time<2024-01-03T00:00:00+01:00"], {0, 1}),
        (["time>=2024-01-03T00:00:00", "time<=2024-01-04T00:00"], {2, 3}),
        (["time>=1000-01-01", "time<9999-12-31"], set(range(12))),
        (["blur>9.5"], {10, 11}),
        (["blur=3"], {3}),
        (["width>=64", "height<=128", "blur<1"], {0}),
        (["source^=/crops/1"], {1, 10, 11}),
        (["source~1.p"], {1, 11}),
        (["note~'"], {0, 9, 10}),
        (['note="a, b"'], {1}),
        (['note="say \\"x\\""'], {3}),
        (['note="\\\\"'], {4}),
        (['note=""'], {6}),
        (["note=?"], {11}),
        (["note=it's"], {0, 10}),
        (["note=caf\udce9"], {8}),
        (["floor=-5,-3"], {0, 2}),
        (["floor<9223372036854775807"], set(range(11))),
        (["seen=yes"], {0, 2, 4, 6, 8, 10}),
        (["seen=false", "floor>=0"], {5, 7, 9}),
        (["share>=1e0"], {7, 8, 9, 10}),
        ([f"key={key_of(5)}"], {5}),
    ],
)
def test_conditions_keep_the_rows_they_name(
    snapshot: GallerySnapshot, terms: list[str], expected: set[int]
) -> None:
    """Unknown values meet no condition but a question mark."""
    assert found(snapshot, snapshot.parse(terms)) == expected


@pytest.mark.parametrize(
    ("term", "message"),
    [
        ("camera", "COLUMN OPERATOR VALUE"),
        ("=C1", "COLUMN OPERATOR VALUE"),
        ("camera=", "missing"),
        ("camera=C1,", "missing"),
        ('camera="C1', "quotes"),
        ('camera="C1"x', "quotes"),
        ("blur>many", "finite numbers"),
        ("blur>nan", "finite numbers"),
        ("blur<inf", "finite numbers"),
        ("floor>1.5", "whole numbers"),
        ("floor>9223372036854775808", "whole numbers"),
        ("seen=perhaps", "yes or no"),
        ("time>yesterday", "times such as"),
        ("time=9999-12-31", "last day"),
        ("time>9999-12-31", "last day"),
        ("blur~1", "looks into text"),
        ("camera<C1,C2", "one value"),
        ("camera<?", "unknown can only"),
    ],
)
def test_what_cannot_be_read_is_refused(snapshot: GallerySnapshot, term: str, message: str) -> None:
    """With what was expected."""
    with pytest.raises(QueryError, match=message):
        snapshot.select(snapshot.parse([term]))


def test_an_unknown_column_names_the_nearest(snapshot: GallerySnapshot) -> None:
    """Vectors and checksums are no columns to filter by; a filter made by hand is judged as well."""
    with pytest.raises(UnknownNameError, match="'camera'"):
        snapshot.parse(["camra=C1"])
    for hidden in ("embedding", "checksum", "_rowid"):
        with pytest.raises(UnknownNameError):
            snapshot.parse([f"{hidden}=1"])
    by_hand = Condition("camera` = 'x' OR `camera", Operator.EQUAL, ("C1",))
    with pytest.raises(UnknownNameError):
        snapshot.select(Filter((by_hand,)))
    for values in ((), (1,), (True,)):
        with pytest.raises(InputError):
            snapshot.select(Filter((Condition("camera", Operator.EQUAL, values),)))


def meets(value: object, condition: Condition) -> bool:
    """Whether a stored value meets a condition, by Python's own comparisons."""
    if value is None:
        return False
    first = condition.values[0]
    return {
        Operator.EQUAL: lambda: value in condition.values,
        Operator.NOT_EQUAL: lambda: value not in condition.values,
        Operator.CONTAINS: lambda: str(first) in str(value),
        Operator.STARTS_WITH: lambda: str(value).startswith(str(first)),
    }[condition.operator]()


AWKWARD = st.one_of(
    st.sampled_from(
        [*NOTES, "'", "''", "`", "') OR true --", "\\'", "%", "_", "?", ";DROP TABLE rows", "{}", "$1"]
    ),
    st.text(alphabet=st.sampled_from("'\"\\`;%_-()\x00\n aité\udce9"), max_size=12),
    st.text(max_size=12),
)


@settings(max_examples=60)
@given(
    values=st.lists(AWKWARD, min_size=1, max_size=3),
    operator=st.sampled_from([Operator.EQUAL, Operator.NOT_EQUAL, Operator.CONTAINS, Operator.STARTS_WITH]),
)
@example(values=["x' OR 'a'='a"], operator=Operator.NOT_EQUAL)
def test_text_is_a_value_never_code(snapshot: GallerySnapshot, values: list[str], operator: Operator) -> None:
    """Whatever it holds, it keeps the very rows that Python keeps, and the table stays whole."""
    single = operator in {Operator.CONTAINS, Operator.STARTS_WITH}
    condition = Condition("note", operator, tuple(values[:1] if single else values))
    expected = {number for number in range(12) if meets(user_of(number).get("note"), condition)}
    assert found(snapshot, Filter((condition,))) == expected
    assert len(snapshot) == 12


@given(values=st.lists(AWKWARD.filter(lambda text: "\\" not in text), min_size=1, max_size=4))
def test_quoted_text_is_read_back(values: list[str]) -> None:
    """Every text can be typed, in quotes."""
    typed = ",".join('"' + value.replace('"', '\\"') + '"' for value in values)
    [condition] = parse_filter([f"note={typed}"], {"note": pa.string()}).conditions
    assert condition.values == tuple(values)


@given(text=AWKWARD)
def test_stored_text_is_valid_and_can_be_read_back(text: str) -> None:
    """As a literal it holds no quote that ends it."""
    stored = escape_text(text)
    assert unescape_text(stored) == text
    assert stored.encode("utf-8").decode("utf-8") == stored
    inner = text_literal(text)[1:-1]
    assert "'" not in inner.replace("''", "")


@settings(max_examples=25)
@given(
    moment=st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)),
    operator=st.sampled_from([Operator.LESS, Operator.AT_MOST, Operator.GREATER, Operator.AT_LEAST]),
    whole_day=st.booleans(),
)
@example(moment=datetime(2024, 1, 3), operator=Operator.GREATER, whole_day=True)
def test_times_are_compared_as_python_does(
    snapshot: GallerySnapshot, moment: datetime, operator: Operator, whole_day: bool
) -> None:
    """A date stands for its whole day."""
    start = moment.replace(tzinfo=UTC)
    end = start
    if whole_day:
        start = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
        end = start + timedelta(days=1)
    keeps = {
        Operator.LESS: lambda time: time < start,
        Operator.AT_MOST: lambda time: time < end if whole_day else time <= start,
        Operator.GREATER: lambda time: time >= end if whole_day else time > start,
        Operator.AT_LEAST: lambda time: time >= start,
    }[operator]
    value = Day(moment.date()) if whole_day else start
    expected = {number for number in range(12) if keeps(START + timedelta(days=number))}
    assert found(snapshot, Filter((Condition("time", operator, (value,)),))) == expected


def test_a_narrow_number_is_rounded_as_its_column_is(tmp_path: Path) -> None:
    """0.1 finds what was stored as the nearest float32 to 0.1."""
    measures = row(0).measures
    assert measures is not None
    tenth = type(measures)(64, 128, float(np.float32(0.1)), 0.0, 0.0)
    with open_database_writer(tmp_path / "gallery", model=model()) as writer:
        writer.add([row(0, measures=tenth)], vectors([0]))
    snapshot = GallerySnapshot.open(tmp_path / "gallery")
    for term, count in (("blur=0.1", 1), ("blur<=0.1", 1), ("blur>0.1", 0), ("blur!=0.1", 0)):
        assert len(snapshot.select(snapshot.parse([term]))) == count
    assert to_predicate(Filter(), filterable(snapshot.arrow_schema)) is None
