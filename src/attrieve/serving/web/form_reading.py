"""From an address, or a submitted form with the builder's fields, to a search."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from attrieve.errors import InputError, QueryError
from attrieve.schema.attributes import AttributeSchema
from attrieve.schema.query import AttributeQuery
from attrieve.schema.sentence import read_statement
from attrieve.serving.web.builder import Said, apply, read_answers
from attrieve.serving.web.search_form import MOST_MARKS, SearchForm, with_text
from attrieve.serving.web.witness_columns import (
    MOST_WITNESSES,
    WitnessColumn,
    letter,
    number_of,
    read_witnesses,
    values_of,
)


def read_form(parameters: Sequence[tuple[str, str]], schema: AttributeSchema) -> SearchForm:
    """Read an address, or a submitted form with the builder's fields; those are worked into the text.

    Raises:
        QueryError: if the builder was changed and the text it is to be applied to cannot be read.
    """
    first = dict(reversed(parameters))
    witnesses = read_witnesses(parameters)
    active = min(number_of(first.get("at", ""), 0), max(len(witnesses) - 1, 0))
    text = witnesses[active].text if witnesses else first.get("q", "")
    form = SearchForm(
        text=text.strip(),
        witnesses=witnesses,
        active=active,
        cameras=values_of(parameters, "camera"),
        since=first.get("from", "").strip(),
        until=first.get("to", "").strip(),
        source=first.get("source", "").strip(),
        where=tuple(
            line.strip()
            for part in values_of(parameters, "where")
            for line in part.splitlines()
            if line.strip()
        ),
        right=values_of(parameters, "right")[:MOST_MARKS],
        wrong=values_of(parameters, "wrong")[:MOST_MARKS],
        refine=first.get("refine") == "1",
        page=max(1, number_of(first.get("page", ""), 1)),
    )
    form = _stepped(form, first)
    if first.get("vocabulary") == schema.fingerprint:
        answers = read_answers(parameters, schema)
        return with_text(form, built_text(form.text, first.get("shown", ""), answers, schema))
    return form


def is_submitted(parameters: Iterable[tuple[str, str]]) -> bool:
    """Return whether parameters come from the form, so that a shorter address says the same."""
    names = {name for name, _ in parameters}
    return bool(names & {"vocabulary", "wt", "step"})


def built_text(text: str, shown: str, answers: dict[int, Said], schema: AttributeSchema) -> str:
    """Return a description with the changes made in the builder; as it stands if none were made.

    Raises:
        QueryError: if there are changes and the text cannot be read.
    """
    before = _query(shown, schema)
    if not any_changes(before, answers, schema):
        return text
    try:
        query = _query(text, schema, strict=True)
    except InputError as error:
        raise QueryError(str(error)) from error
    changed = apply(query, before, answers, schema)
    return "" if changed is None else changed.to_text()


def any_changes(before: AttributeQuery | None, answers: dict[int, Said], schema: AttributeSchema) -> bool:
    """Return whether the builder's answers say anything other than a query."""
    applied = apply(before, before, answers, schema)
    return applied != before


def _query(text: str, schema: AttributeSchema, *, strict: bool = False) -> AttributeQuery | None:
    if not text.strip():
        return None
    try:
        return read_statement(text, schema).query
    except InputError:
        if strict:
            raise
        return None


def _stepped(form: SearchForm, first: dict[str, str]) -> SearchForm:
    """Apply the buttons that change the form itself: witnesses come, go, or give way to one description."""
    step, columns = first.get("step", ""), list(form.witnesses)
    if step == "witnesses" and not columns:
        columns = [WitnessColumn("A", 100, form.text), WitnessColumn("B")]
    elif step == "add" and len(columns) < MOST_WITNESSES:
        taken = {column.name for column in columns}
        letters = (letter(number) for number in range(26))
        columns.append(WitnessColumn(next(name for name in letters if name not in taken)))
    elif step == "single":
        return replace(form, witnesses=(), active=0)
    elif step.startswith("drop.") and len(columns) > 1:
        number = number_of(step.removeprefix("drop."), -1)
        columns = [column for at, column in enumerate(columns) if at != number]
    elif step.startswith("fill."):
        form = replace(form, active=number_of(step.removeprefix("fill."), 0))
    else:
        return form
    active = min(form.active, len(columns) - 1) if columns else 0
    return replace(
        form, witnesses=tuple(columns), active=active, text=columns[active].text if columns else form.text
    )
