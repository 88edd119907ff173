"""Label tables: what is written comes back, and what is not said is unknown."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attrieve.data.label_table import read_label_table, write_label_table
from attrieve.errors import DatasetError, InputError, UnknownNameError
from attrieve.schema import ImageSource, Person, PersonSet
from gallery.building import NAMES, small_schema

SCHEMA = small_schema()
words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)


@st.composite
def people(draw: st.DrawFn) -> PersonSet:
    count = draw(st.integers(1, 6))
    made = []
    for number in range(count):
        member = draw(st.sampled_from(["", f"in/{number}.png"]))
        path = Path(f"/pictures/a,{number}.zip" if member else f'/pictures/"{number}".png')
        values = draw(st.lists(st.integers(-1, 1), min_size=len(NAMES), max_size=len(NAMES)))
        time = draw(st.sampled_from([None, datetime(2024, 5, 1, 12, 30, tzinfo=UTC)]))
        camera = draw(st.none() | words.map(str.strip).filter(bool))
        made.append(Person(f"key {number}", ImageSource(path, member), tuple(values), None, camera, time))
    return PersonSet("labels", SCHEMA, tuple(made))


@settings(max_examples=40, deadline=None)
@given(people(), st.sampled_from([".csv", ".parquet"]))
def test_what_is_written_comes_back(
    tmp_path_factory: pytest.TempPathFactory, given: PersonSet, ending: str
) -> None:
    """Keys, places, facts and all three values, with quotes and commas in names."""
    path = tmp_path_factory.mktemp("labels") / f"labels{ending}"
    write_label_table(path, given)
    assert read_label_table(path, SCHEMA) == given


def test_a_table_written_by_hand(tmp_path: Path) -> None:
    """Labels and aliases as columns, any way to say yes and no, paths relative to the table."""
    path = tmp_path / "labels.csv"
    path.write_text("path,Hat,bag\na.png,yes,\ncrops.zip!b.png,0,True\n\nc.png,unknown,no\n")
    read = read_label_table(path, SCHEMA)
    hat, bag = NAMES.index("hat"), NAMES.index("bag")
    assert read.values[:, [hat, bag]].tolist() == [[1, -1], [0, 1], [-1, 0]]
    assert (read.values[:, [i for i in range(len(NAMES)) if i not in (hat, bag)]] == -1).all()
    assert read.persons[1].image == ImageSource(tmp_path / "crops.zip", "b.png")
    assert read.persons[2].key == "c.png"


@pytest.mark.parametrize(
    ("text", "error", "told"),
    [
        ("", DatasetError, "empty"),
        ("path,hat\n", DatasetError, "no line"),
        ("image,hat\na.png,1\n", DatasetError, "'path'"),
        ("path,hatt\na.png,1\n", UnknownNameError, "'hat'"),
        ("path,hat,hat\na.png,1,1\n", DatasetError, "twice"),
        ("path,hat,HAT\na.png,1,1\n", DatasetError, "same attribute"),
        ("path,hat\na.png,2\n", DatasetError, "line 2"),
        ("path,hat\na.png\n", DatasetError, "expected 2 cells"),
        ("path,hat\n,1\n", DatasetError, "'path' is empty"),
        ("path,hat,time\na.png,1,noon\n", DatasetError, "ISO 8601"),
        ("path,hat\na.png,1\na.png,1\n", InputError, "key"),
        ('path,hat\n"a.png,1\n', DatasetError, "cannot read"),
    ],
)
def test_what_cannot_be_read_is_told(tmp_path: Path, text: str, error: type[Exception], told: str) -> None:
    """Names the file's trouble, and the line where there is one."""
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(error, match=told):
        read_label_table(path, SCHEMA)


def test_other_files_are_refused(tmp_path: Path) -> None:
    """By their ending, and if they are not what it says."""
    with pytest.raises(DatasetError, match=r"\.csv or \.parquet"):
        read_label_table(tmp_path / "labels.xlsx", SCHEMA)
    (tmp_path / "labels.parquet").write_bytes(b"no parquet")
    with pytest.raises(DatasetError, match="cannot read"):
        read_label_table(tmp_path / "labels.parquet", SCHEMA)
    with pytest.raises(DatasetError, match="cannot read"):
        read_label_table(tmp_path / "missing.csv", SCHEMA)
