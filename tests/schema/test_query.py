"""The query language: reading, writing and refusing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attrieve.errors import AttrieveError, InputError, QueryError, UnknownNameError
from attrieve.schema import AttributeQuery, Term, load_vocabulary, parse_query, vocabulary_names
from strategies import queries, schemas

PETA35 = load_vocabulary("peta35")


def attribute_names(text: str) -> list[tuple[tuple[str, ...], bool, float]]:
    query = parse_query(text, PETA35)
    return [(tuple(PETA35.names[i] for i in t.attributes), t.wanted, t.certainty) for t in query.terms]


@given(st.data())
def test_what_is_written_reads_back(data):
    """parse(to_text(query)) is the query, in any vocabulary."""
    schema = data.draw(schemas())
    query = data.draw(queries(schema))
    assert parse_query(query.to_text(), schema) == query


@pytest.mark.parametrize("name", vocabulary_names())
@given(data=st.data())
def test_what_is_written_reads_back_in_shipped_vocabularies(name, data):
    """Labels such as "<30" survive as well."""
    schema = load_vocabulary(name)
    query = data.draw(queries(schema))
    assert parse_query(query.to_text(), schema) == query


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("backpack", [(("carryingBackpack",), True, 1.0)]),
        ("!hat", [(("accessoryHat",), False, 1.0)]),
        ("jacket?", [(("upperBodyJacket",), True, 0.5)]),
        ("!jeans~0.8", [(("lowerBodyJeans",), False, 0.8)]),
        (" BACK_pack ,, JEANS ", [(("carryingBackpack",), True, 1.0), (("lowerBodyJeans",), True, 1.0)]),
        ("age:<30|<45", [(("personalLess30", "personalLess45"), True, 1.0)]),
        ("age:<30", [(("personalLess30",), True, 1.0)]),
        ("any:hat|jeans?", [(("accessoryHat", "lowerBodyJeans"), True, 0.5)]),
        ("hat|jeans", [(("accessoryHat", "lowerBodyJeans"), True, 1.0)]),
        ("hat|cap", [(("accessoryHat",), True, 1.0)]),
    ],
)
def test_the_language_reads_as_documented(text, expected):
    """One example of every form."""
    assert attribute_names(text) == expected


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", QueryError),
        (" , ,", QueryError),
        ("hat, cap", QueryError),
        ("hat, any:cap|jeans", QueryError),
        ("!", QueryError),
        ("?", QueryError),
        ("age:", QueryError),
        ("|", QueryError),
        ("hat~0", QueryError),
        ("hat~1.5", QueryError),
        ("hat~-0.1", QueryError),
        ("hat~nan", QueryError),
        ("hat~inf", QueryError),
        ("hat~much", QueryError),
        ("hatt", UnknownNameError),
        ("ages:<30", UnknownNameError),
        ("age:hat", UnknownNameError),
    ],
)
def test_wrong_descriptions_are_refused(text, error):
    """Each with the error that says what kind of mistake it is."""
    with pytest.raises(error):
        parse_query(text, PETA35)


@given(st.text(alphabet="hatjens,|:?~!-0.5<> \n\0é", max_size=30) | st.text(max_size=30))
def test_any_text_is_a_query_or_an_input_error(text):
    """Nobody sees a traceback for a typing mistake."""
    try:
        query = parse_query(text, PETA35)
    except InputError:
        return
    assert parse_query(query.to_text(), PETA35) == query


@given(st.lists(st.sampled_from([-1, 0, 1]), min_size=35, max_size=35))
def test_values_survive_a_query(values):
    """A vector becomes a query and the same vector again; open stays open."""
    if set(values) == {-1}:
        with pytest.raises(QueryError):
            AttributeQuery.from_values(PETA35, values)
        return
    query = AttributeQuery.from_values(PETA35, values)
    assert query.values().tolist() == values
    assert query.certainties().tolist() == [float(value >= 0) for value in values]
    assert query.is_full == (-1 not in values)


@pytest.mark.parametrize("values", [[1] * 34, [2] + [0] * 34, []])
def test_wrong_vectors_are_refused(values):
    """Length and range are checked."""
    with pytest.raises(QueryError):
        AttributeQuery.from_values(PETA35, values)


def test_alternatives_are_open_one_by_one_unless_unwanted():
    """ "One of these" asks for none of them alone; "none of these" refuses each."""
    wanted = parse_query("age:<30|<45", PETA35)
    unwanted = parse_query("!age:<30|<45", PETA35)
    assert set(wanted.values().tolist()) == {-1}
    assert np.flatnonzero(unwanted.values() == 0).tolist() == [0, 1]
    assert not wanted.is_full


def test_json_tables_say_wanted_unwanted_open_and_how_sure():
    """A form's values become terms."""
    query = AttributeQuery.from_json(
        PETA35, {"hat": True, "jeans": False, "backpack": None, "jacket": 0.25, "plaid": -0.75}
    )
    assert query.to_text() == parse_query("hat, !jeans, jacket~0.25, !plaid~0.75", PETA35).to_text()
    assert AttributeQuery.from_json(PETA35, "hat") == parse_query("hat", PETA35)


@pytest.mark.parametrize(
    "document",
    [[], 3, None, {}, {"hat": None}, {"hat": "yes"}, {"hat": 0}, {"hat": 2.0}, {"hut": True}, {"hat": []}],
)
def test_wrong_json_is_refused(document):
    """Always as an input error."""
    with pytest.raises(InputError):
        AttributeQuery.from_json(PETA35, document)


@pytest.mark.parametrize("positions", [(35,), (-1,)])
def test_positions_outside_the_vocabulary_are_refused(positions):
    """A query never points past the schema."""
    with pytest.raises(QueryError, match="0 to 34"):
        AttributeQuery(PETA35, (Term(positions),))


@pytest.mark.parametrize("certainty", [0.0, -0.5, 1.01, float("nan")])
def test_certainty_lies_in_the_half_open_interval(certainty):
    """Zero means leaving the attribute out."""
    with pytest.raises(QueryError, match="certainty"):
        Term((0,), certainty=certainty)


def test_a_term_names_something():
    """Nor is an empty term a term."""
    with pytest.raises(AttrieveError, match="at least one"):
        Term(())


def test_json_of_a_query_names_attributes():
    """Logs and reports use the names of the files."""
    assert parse_query("!hat~0.75", PETA35).to_json() == [
        {"attributes": ["accessoryHat"], "wanted": False, "certainty": 0.75}
    ]
