"""Hypothesis strategies for vocabularies, value tables, persons and queries."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from attrieve.schema import (
    Attribute,
    AttributeQuery,
    AttributeSchema,
    Group,
    GroupKind,
    ImageSource,
    Person,
    PersonSet,
    Term,
)

GROUP_KINDS = [kind for kind in GroupKind if kind is not GroupKind.BINARY]


@st.composite
def schemas(draw: st.DrawFn, min_attributes: int = 1, max_attributes: int = 12) -> AttributeSchema:
    """Vocabularies of clean, distinct names, cut into groups of one or more attributes.

    Group members may lie anywhere in the schema, as they do in PETA.
    """
    count = draw(st.integers(min_attributes, max_attributes))
    attributes = tuple(_attribute(draw, index) for index in range(count))
    order = draw(st.permutations(range(count)))
    groups: list[Group] = []
    while order:
        size = draw(st.integers(1, len(order)))
        members, order = order[:size], order[size:]
        kind = GroupKind.BINARY if size == 1 else draw(st.sampled_from(GROUP_KINDS))
        names = tuple(attributes[index].name for index in members)
        none_attribute = names[0] if kind is GroupKind.MULTI_WITH_NONE else None
        groups.append(Group(f"group {len(groups)}", kind, names, none_attribute))
    return AttributeSchema("drawn", attributes, tuple(groups))


def _attribute(draw: st.DrawFn, index: int) -> Attribute:
    """Distinct by its number; the label may hold characters the query language reserves."""
    decoration = draw(st.sampled_from(["", "<", "(", "?", "~", ":", "|", "!", "-", "é"]))
    aliases = draw(st.sampled_from([(), (f"Other Word {index}",)]))
    return Attribute(f"attribute{index}", f"{decoration}label {index}", aliases)


def value_tables(
    attributes: int, *, min_persons: int = 0, max_persons: int = 20, unknown: bool = True
) -> st.SearchStrategy[npt.NDArray[np.int8]]:
    """Tables of shape (person, attribute) holding 1, 0 and, if ``unknown``, -1."""
    rows = st.integers(min_persons, max_persons)
    return rows.flatmap(
        lambda count: hnp.arrays(np.int8, (count, attributes), elements=st.integers(-1 if unknown else 0, 1))
    )


@st.composite
def person_sets(
    draw: st.DrawFn,
    schema: AttributeSchema,
    *,
    min_persons: int = 0,
    max_persons: int = 20,
    unknown: bool = True,
) -> PersonSet:
    """Persons with drawn values; identities, when there are any, repeat."""
    table = draw(value_tables(len(schema), min_persons=min_persons, max_persons=max_persons, unknown=unknown))
    identities = st.none() | st.integers(0, 4).map(lambda number: f"person {number}")
    persons = tuple(
        Person(f"drawn/{row:05d}", ImageSource(Path(f"{row:05d}.png")), tuple(values), draw(identities))
        for row, values in enumerate(table.tolist())
    )
    return PersonSet("drawn", schema, persons)


@st.composite
def queries(draw: st.DrawFn, schema: AttributeSchema) -> AttributeQuery:
    """Queries of single attributes and of alternatives, within a group or across."""
    named = draw(st.lists(st.integers(0, len(schema) - 1), min_size=1, unique=True))
    terms: list[Term] = []
    while named:
        size = draw(st.integers(1, min(3, len(named))))
        members, named = named[:size], named[size:]
        terms.append(Term(tuple(members), draw(st.booleans()), draw(certainties())))
    return AttributeQuery(schema, tuple(terms))


def certainties() -> st.SearchStrategy[float]:
    """Certainties in (0, 1], with the two that have a short form more often."""
    return st.sampled_from([1.0, 0.5]) | st.floats(0.0, 1.0, exclude_min=True)
