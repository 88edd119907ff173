"""Persons and sets of them."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attrieve.errors import InputError, UnknownNameError
from attrieve.schema import ImageSource, Person, PersonSet, Value, load_vocabulary
from strategies import person_sets, schemas

PETA35 = load_vocabulary("peta35")


def person(key: str, values: tuple[int, ...] = (0,) * 35) -> Person:
    return Person(key, ImageSource(Path("a.png")), values)


@given(st.data())
def test_values_are_the_rows_of_the_persons(data):
    """One int8 row per person, in order; also when there is none."""
    schema = data.draw(schemas())
    persons = data.draw(person_sets(schema))
    table = persons.values
    assert table.dtype == np.int8
    assert table.shape == (len(persons), len(schema))
    assert [tuple(row) for row in table.tolist()] == [each.values for each in persons.persons]


@given(st.data())
def test_subset_follows_the_given_order(data):
    """Training orders and test orders are those asked for."""
    persons = data.draw(person_sets(data.draw(schemas()), min_persons=1))
    order = data.draw(st.lists(st.integers(0, len(persons) - 1), unique=True))
    chosen = persons.subset(np.array(order, dtype=np.int64))
    assert [each.key for each in chosen.persons] == [persons.persons[index].key for index in order]


def test_selecting_a_vocabulary_takes_columns_by_name():
    """The 35 of the 105, with everything else of the person kept."""
    peta105 = load_vocabulary("peta105")
    values = tuple(int(name == "accessoryHat") for name in peta105.names)
    whole = PersonSet("p", peta105, (Person("k", ImageSource(Path("a.png")), values, "one", "GRID"),))
    selected = whole.select(PETA35)
    assert selected.schema == PETA35
    assert selected.persons[0].values == tuple(int(name == "accessoryHat") for name in PETA35.names)
    assert (selected.persons[0].identity, selected.persons[0].camera) == ("one", "GRID")
    with pytest.raises(UnknownNameError):
        selected.select(peta105)


@pytest.mark.parametrize(
    ("persons", "told"),
    [
        ((person("a", (0,) * 34),), "34 values"),
        ((person("a", (2,) + (0,) * 34),), "holds \\[2\\]"),
        ((person("a"), person("a")), "share a key"),
    ],
    ids=["width", "value", "key"],
)
def test_inconsistent_sets_are_refused(persons, told):
    """On construction, saying what is wrong."""
    with pytest.raises(InputError, match=told):
        PersonSet("p", PETA35, persons)


def test_unknown_is_not_no():
    """The three states stay three."""
    persons = PersonSet("p", PETA35, (person("a", (Value.UNKNOWN, Value.NO, Value.YES) + (0,) * 32),))
    assert persons.values[0, :3].tolist() == [-1, 0, 1]


def test_a_source_reads_as_text():
    """Archive members are shown after an exclamation mark."""
    assert str(ImageSource(Path("a/b.png"))) == str(Path("a/b.png"))
    assert str(ImageSource(Path("a.zip"), "b/c.png")) == "a.zip!b/c.png"
