"""How a description was understood, and what is wrong with one that was not."""

import re
from dataclasses import dataclass

from attrieve.errors import InputError, UnknownNameError
from attrieve.schema.attributes import AttributeSchema
from attrieve.schema.query import AttributeQuery
from attrieve.schema.sentence import Piece, read_statement
from attrieve.serving.web.search_form import SearchForm, with_text

_PLACE = re.compile(r"at characters? (\d+)")


@dataclass(frozen=True)
class TermChip:
    """One thing asked, as it is shown.

    Args:
        label: for people; alternatives with "or" between.
        wanted: whether it shall hold.
        percent: certainty.
        without: address of the search without it.
    """

    label: str
    wanted: bool
    percent: int
    without: str


@dataclass(frozen=True)
class Reading:
    """A description as it was understood.

    Args:
        query: what is asked.
        terms: one chip each.
        pieces: every word of a sentence; empty for the query language.
        ignored: words nobody knew.
    """

    query: AttributeQuery
    terms: tuple[TermChip, ...]
    pieces: tuple[Piece, ...] = ()
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True)
class Suggestion:
    """A known name near an unknown one, and the address of the search that says it instead."""

    name: str
    address: str


@dataclass(frozen=True)
class Problem:
    """A description that cannot be read.

    Args:
        message: what is wrong.
        before: text in front of the place.
        marked: text at the place; empty if it is not known.
        after: text behind it.
        suggestions: what may be meant.
    """

    message: str
    before: str = ""
    marked: str = ""
    after: str = ""
    suggestions: tuple[Suggestion, ...] = ()


def read(form: SearchForm, schema: AttributeSchema, language: str = "en") -> Reading | Problem | None:
    """Return how the description of a form is understood, what is wrong with it, or None for an empty one.

    With several witnesses it is the active one's.
    """
    if not form.text.strip():
        return None
    try:
        statement = read_statement(form.text, schema, language)
    except InputError as error:
        return problem_of(error, form)
    return Reading(statement.query, _chips(statement.query, form), statement.pieces, tuple(statement.ignored))


def _chips(query: AttributeQuery, form: SearchForm) -> tuple[TermChip, ...]:
    chips = []
    for term in query.terms:
        others = tuple(other for other in query.terms if other is not term)
        text = AttributeQuery(query.schema, others).to_text() if others else ""
        label = " / ".join(query.schema.labels[index] for index in term.attributes)
        without = with_text(form, text).address(page=1)
        chips.append(TermChip(label, term.wanted, round(100 * term.certainty), without))
    return tuple(chips)


def problem_of(error: InputError, form: SearchForm) -> Problem:
    """Show an error at its place in the text.

    >>> from attrieve.schema import load_vocabulary
    >>> problem = read(SearchForm("jeans, bakpack"), load_vocabulary("peta35"))
    >>> problem.before, problem.marked, problem.suggestions[0]
    ('jeans, ', 'bakpack', Suggestion(name='backpack', address='/?q=jeans%2C+backpack'))
    """
    text, message = form.text, str(error)
    place = _PLACE.search(message)
    if place is None:
        return Problem(message)
    start = min(int(place[1]) - 1, len(text))
    end = len(text) if text.find(",", start) < 0 else text.find(",", start)
    names: tuple[str, ...] = ()
    if isinstance(error, UnknownNameError):
        names = error.nearest
        found = text.find(error.name, start)
        if found >= 0:
            start, end = found, found + len(error.name)
    return Problem(
        message,
        text[:start],
        text[start:end],
        text[end:],
        tuple(
            Suggestion(name, with_text(form, text[:start] + name + text[end:]).address(page=1))
            for name in names
        ),
    )
