"""Descriptions to show, chosen by rules that look at labels alone, never at what a model finds."""

from collections import Counter
from dataclasses import dataclass

from attrieve.errors import InputError
from attrieve.gallery.explain import fulfils
from attrieve.schema import AttributeQuery, PersonSet, Term, parse_query

PARTIAL = (
    "male, backpack, jeans, !hat, jacket?",
    "!male, long hair, messenger bag, trousers?",
    "!male, long hair, short skirt",
    "male, formal upper, leather shoes, !backpack",
    "plaid top, jeans, !male?",
    "male, T-shirt, shorts",
    "hat, jacket, trousers?",
    "male, jeans, !hat",
)
"""Partial descriptions in order of preference."""

FEWEST_MATCHES = 4
"""A partial description is shown if at least so many test pictures answer it ..."""
LARGEST_SHARE = 0.25
"""... and at most this share of them."""


@dataclass(frozen=True)
class Example:
    """A description to search for.

    Args:
        query: what is asked.
        heading: the description for people; a full one is told by what it wants.
        origin: how it came to be chosen.
    """

    query: AttributeQuery
    heading: str
    origin: str


def choose_examples(persons: PersonSet, *, partial: int = 2) -> tuple[Example, ...]:
    """Choose a full description and some partial ones that test pictures truly answer.

    Args:
        persons: the test side; no value may be unknown.
        partial: how many partial descriptions.

    Raises:
        InputError: if there is nobody to describe.
    """
    if not len(persons):
        raise InputError("there is nobody in the test part to describe; draw more people")
    chosen = [full_example(persons)]
    suited = [text for text in PARTIAL if _suits(parse_query(text, persons.schema), persons)]
    most = int(LARGEST_SHARE * len(persons))
    for text in suited[:partial]:
        origin = (
            f"number {PARTIAL.index(text) + 1} of {len(PARTIAL)} written beforehand, of which the first "
            f"{partial} that {FEWEST_MATCHES} to {most} test pictures answer are shown"
        )
        chosen.append(Example(parse_query(text, persons.schema), text, origin))
    chosen.extend(_from_person(persons, index) for index in range(partial - len(suited[:partial])))
    return tuple(chosen)


def full_example(persons: PersonSet) -> Example:
    """Describe the test person whose description most test pictures share; the first of equals."""
    values, count = Counter(person.values for person in persons.persons).most_common(1)[0]
    query = AttributeQuery.from_values(persons.schema, values)
    wanted = [persons.schema.labels[index] for index, value in enumerate(values) if value == 1]
    rest = len(values) - len(wanted)
    heading = f"{', '.join(wanted) or 'nothing'}; none of the other {rest} attributes"
    origin = f"the full description shared by the most test pictures ({count})"
    return Example(query, heading, origin)


def answers(query: AttributeQuery, values: tuple[int, ...]) -> bool:
    """Return whether known values are what a description asks; doubtful terms do not decide.

    >>> from attrieve.schema import load_vocabulary
    >>> schema = load_vocabulary("peta35")
    >>> answers(parse_query("!hat, jacket?", schema), (0,) * 35)
    True
    """
    certain = tuple(term for term in query.terms if term.certainty == 1.0)
    return not certain or fulfils(AttributeQuery(query.schema, certain), values) is True


def matching(query: AttributeQuery, persons: PersonSet) -> list[int]:
    """Return the positions of the persons that truly answer a description."""
    return [index for index, person in enumerate(persons.persons) if answers(query, person.values)]


def _suits(query: AttributeQuery, persons: PersonSet) -> bool:
    return FEWEST_MATCHES <= len(matching(query, persons)) <= LARGEST_SHARE * len(persons)


def _from_person(persons: PersonSet, index: int) -> Example:
    """Describe a test person by the first few attributes they have, for test parts too small to choose."""
    person = persons.persons[(index * 7 + 1) % len(persons)]
    held = [position for position, value in enumerate(person.values) if value == 1][: 3 + index]
    terms = tuple(Term((position,)) for position in held) or (_lacked(person.values),)
    query = AttributeQuery(persons.schema, terms)
    return Example(query, query.to_text(), "some attributes of one test person")


def _lacked(values: tuple[int, ...]) -> Term:
    return Term((values.index(0),), wanted=False)
