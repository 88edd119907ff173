"""What a description leaves open, against everybody it may mean."""

import itertools

from hypothesis import assume, given

from attrieve.errors import QueryError
from attrieve.schema.answered import answered_by
from attrieve.schema.attributes import Attribute, AttributeSchema, Group, GroupKind
from attrieve.schema.query import AttributeQuery, Term
from attrieve.schema.sentence import read_statement
from strategies import queries

SEVERAL = AttributeSchema(
    "several",
    tuple(Attribute(name, name) for name in "abcdefghijk"),
    (
        Group("age", GroupKind.EXCLUSIVE, ("a", "b", "c")),
        Group("hair", GroupKind.EXCLUSIVE_OR_NONE, ("d", "e")),
        Group("top", GroupKind.EXCLUSIVE_SOFT, ("f", "g")),
        Group("carrying", GroupKind.MULTI_WITH_NONE, ("h", "i", "j"), none_attribute="h"),
        Group("sunglasses", GroupKind.BINARY, ("k",)),
    ),
)


def possible_people() -> list[dict[str, bool]]:
    """Everybody the groups of that vocabulary allow."""
    everybody = [
        dict(zip(SEVERAL.names, values, strict=True))
        for values in itertools.product((False, True), repeat=len(SEVERAL))
    ]
    return [
        person
        for person in everybody
        if person["a"] + person["b"] + person["c"] == 1
        and person["d"] + person["e"] <= 1
        and not (person["h"] and (person["i"] or person["j"]))
    ]


PEOPLE = possible_people()


def describes(term: Term, person: dict[str, bool]) -> bool:
    return any(person[SEVERAL.names[index]] for index in term.attributes) is term.wanted


@given(queries(SEVERAL))
def test_answered_is_what_only_one_answer_fits(query: AttributeQuery) -> None:
    """Against everybody who meets what is certain: of what is not answered, both answers occur among them."""
    groups = [set(members) for members in SEVERAL.group_indices]
    certain = [term for term in query.terms if term.certainty == 1.0]
    assume(all(any(members.issuperset(term.attributes) for members in groups) for term in certain))
    meant = [person for person in PEOPLE if all(describes(term, person) for term in certain)]
    assume(meant)
    named = {index for term in query.terms for index in term.attributes}
    left = {place for place, name in enumerate(SEVERAL.names) if len({person[name] for person in meant}) == 2}
    assert answered_by(query) == set(range(len(SEVERAL))) - (left - named)


@given(queries(SEVERAL))
def test_either_answer_to_what_is_open_can_be_added(query: AttributeQuery) -> None:
    """A description with an answer more is no contradiction, and is read as it was written."""
    try:
        read_statement(query.to_text(), SEVERAL)
    except QueryError:
        assume(False)
    for index in set(range(len(SEVERAL))) - answered_by(query):
        for wanted in (True, False):
            longer = AttributeQuery(SEVERAL, (*query.terms, Term((index,), wanted)))
            assert read_statement(longer.to_text(), SEVERAL).query == longer
