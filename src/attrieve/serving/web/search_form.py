"""What the address of a search page says, and the address for what a form says.

An address holds the whole query, so that it can be kept, sent and read: ``q`` the description or ``w`` one
per witness ("NAME~0.6: description"), ``camera``, ``from``, ``to``, ``source`` and ``where`` the filters,
``right`` and ``wrong`` keys of marked hits, ``refine`` whether they count, ``page``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from attrieve.errors import InputError, QueryError
from attrieve.schema.attributes import AttributeSchema
from attrieve.schema.query import AttributeQuery
from attrieve.schema.sentence import read_statement
from attrieve.serving.web.builder import Said, apply, read_answers

PAGE_SIZE = 24
"""Hits on one page: four rows of six, light enough to show at once."""
MOST_MARKS = 200
"""Marked hits one address can hold."""
MOST_WITNESSES = 8


@dataclass(frozen=True)
class WitnessColumn:
    """One witness in the form.

    Args:
        name: how the witness is called.
        percent: how much the witness counts, 1 to 100.
        text: what was said; may be empty while it is written.
    """

    name: str
    percent: int = 100
    text: str = ""

    @property
    def line(self) -> str:
        """As a witness is written: "B~0.6: male, jacket"."""
        weight = "" if self.percent == 100 else f"~{self.percent / 100:g}"
        return f"{self.name}{weight}: {self.text}"

    @classmethod
    def of_line(cls, line: str, number: int) -> "WitnessColumn":
        """Read a line; what has no name gets a letter."""
        head, colon, text = line.partition(":")
        if not colon:
            return cls(_letter(number), 100, line.strip())
        name, tilde, weight = head.partition("~")
        return cls(name.strip() or _letter(number), _percent(weight) if tilde else 100, text.strip())


def _percent(weight: str) -> int:
    try:
        return min(100, max(1, round(100 * float(weight))))
    except (ValueError, OverflowError):
        return 100


def _letter(number: int) -> str:
    return chr(ord("A") + number % 26)


@dataclass(frozen=True)
class SearchForm:
    """A search as the page holds it.

    Args:
        text: the description; with witnesses, what the active one says.
        witnesses: none, or all of them.
        active: which witness the builder fills in.
        cameras: only these; empty for all.
        since: only from this moment on, as the browser writes it; empty for any.
        until: only up to this moment.
        source: only sources that contain this.
        where: further conditions, as ``attrieve search --where`` takes them.
        right: keys marked right.
        wrong: keys marked wrong.
        refine: whether marks count in the ranking.
        page: from 1.
    """

    text: str = ""
    witnesses: tuple[WitnessColumn, ...] = ()
    active: int = 0
    cameras: tuple[str, ...] = ()
    since: str = ""
    until: str = ""
    source: str = ""
    where: tuple[str, ...] = ()
    right: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    refine: bool = False
    page: int = 1

    @property
    def empty(self) -> bool:
        """Whether nothing is asked."""
        return not (self.text.strip() or any(witness.text for witness in self.witnesses))

    @property
    def filters(self) -> int:
        """How many filters narrow the search."""
        given = (self.cameras, self.since, self.until, self.source)
        return sum(bool(value) for value in given) + len(self.where)

    def conditions(self) -> list[str]:
        """Return the filters as conditions on columns."""
        found = [f"camera={','.join(map(_quoted, self.cameras))}"] if self.cameras else []
        found += [f"time>={self.since}"] if self.since else []
        found += [f"time<={self.until}"] if self.until else []
        found += [f"source~{_quoted(self.source)}"] if self.source else []
        return found + list(self.where)

    def parameters(self) -> list[tuple[str, str]]:
        """Return the address's parameters, without those that say nothing."""
        asked = (
            [("w", witness.line) for witness in self.witnesses]
            if self.witnesses
            else [("q", self.text)]
            if self.text
            else []
        )
        return [
            *asked,
            *([("at", str(self.active))] if self.witnesses and self.active else []),
            *(("camera", name) for name in self.cameras),
            *([("from", self.since)] if self.since else []),
            *([("to", self.until)] if self.until else []),
            *([("source", self.source)] if self.source else []),
            *(("where", condition) for condition in self.where),
            *(("right", key) for key in self.right),
            *(("wrong", key) for key in self.wrong),
            *([("refine", "1")] if self.refine else []),
            *([("page", str(self.page))] if self.page > 1 else []),
        ]

    def address(self, path: str = "/", **changes: Any) -> str:
        """Return the address of this search with something changed, and then its first page."""
        if changes and "page" not in changes:
            changes["page"] = 1
        text = urlencode(replace(self, **changes).parameters())
        return f"{path}?{text}" if text else path

    def marked(self, key: str, verdict: str) -> "SearchForm":
        """Return the search with a hit marked "right", "wrong" or not at all."""
        right = [other for other in self.right if other != key]
        wrong = [other for other in self.wrong if other != key]
        if verdict == "right":
            right.append(key)
        elif verdict == "wrong":
            wrong.append(key)
        return replace(self, right=tuple(right[-MOST_MARKS:]), wrong=tuple(wrong[-MOST_MARKS:]))

    def verdict(self, key: str) -> str:
        """Return how a hit is marked: "right", "wrong" or an empty text."""
        return "right" if key in self.right else "wrong" if key in self.wrong else ""


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def read_form(parameters: Sequence[tuple[str, str]], schema: AttributeSchema) -> SearchForm:
    """Read an address, or a submitted form with the builder's fields; those are worked into the text.

    Raises:
        QueryError: if the builder was changed and the text it is to be applied to cannot be read.
    """
    first = dict(reversed(parameters))
    witnesses = _witnesses(parameters)
    active = min(_number(first.get("at", ""), 0), max(len(witnesses) - 1, 0))
    text = witnesses[active].text if witnesses else first.get("q", "")
    form = SearchForm(
        text=text.strip(),
        witnesses=witnesses,
        active=active,
        cameras=_all(parameters, "camera"),
        since=first.get("from", "").strip(),
        until=first.get("to", "").strip(),
        source=first.get("source", "").strip(),
        where=tuple(
            line.strip() for part in _all(parameters, "where") for line in part.splitlines() if line.strip()
        ),
        right=_all(parameters, "right")[:MOST_MARKS],
        wrong=_all(parameters, "wrong")[:MOST_MARKS],
        refine=first.get("refine") == "1",
        page=max(1, _number(first.get("page", ""), 1)),
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


def with_text(form: SearchForm, text: str) -> SearchForm:
    """Return the search with another description, of the active witness where there are several."""
    if not form.witnesses:
        return replace(form, text=text)
    changed = replace(form.witnesses[form.active], text=text)
    columns = (*form.witnesses[: form.active], changed, *form.witnesses[form.active + 1 :])
    return replace(form, text=text, witnesses=columns)


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


def _witnesses(parameters: Sequence[tuple[str, str]]) -> tuple[WitnessColumn, ...]:
    """Read witnesses as the form names them (``wn``, ``ww``, ``wt``) or as the address does (``w``)."""
    names, weights, texts = (_all(parameters, name, empty=True) for name in ("wn", "ww", "wt"))
    if texts:
        columns = [
            WitnessColumn(
                (names[at].replace(":", " ").replace("~", " ").strip() if at < len(names) else "")
                or _letter(at),
                _whole_percent(weights[at]) if at < len(weights) else 100,
                said.strip(),
            )
            for at, said in enumerate(texts)
        ]
    else:
        lines = _all(parameters, "w", empty=True)
        columns = [WitnessColumn.of_line(line, number) for number, line in enumerate(lines)]
    return tuple(columns[:MOST_WITNESSES])


def _whole_percent(text: str) -> int:
    return min(100, max(1, _number(text, 100)))


def _stepped(form: SearchForm, first: dict[str, str]) -> SearchForm:
    """Apply the buttons that change the form itself: witnesses come, go, or give way to one description."""
    step, columns = first.get("step", ""), list(form.witnesses)
    if step == "witnesses" and not columns:
        columns = [WitnessColumn("A", 100, form.text), WitnessColumn("B")]
    elif step == "add" and len(columns) < MOST_WITNESSES:
        taken = {column.name for column in columns}
        letters = (_letter(number) for number in range(26))
        columns.append(WitnessColumn(next(letter for letter in letters if letter not in taken)))
    elif step == "single":
        return replace(form, witnesses=(), active=0)
    elif step.startswith("drop.") and len(columns) > 1:
        number = _number(step.removeprefix("drop."), -1)
        columns = [column for at, column in enumerate(columns) if at != number]
    elif step.startswith("fill."):
        form = replace(form, active=_number(step.removeprefix("fill."), 0))
    else:
        return form
    active = min(form.active, len(columns) - 1) if columns else 0
    return replace(
        form, witnesses=tuple(columns), active=active, text=columns[active].text if columns else form.text
    )


def _all(parameters: Sequence[tuple[str, str]], name: str, *, empty: bool = False) -> tuple[str, ...]:
    return tuple(value for key, value in parameters if key == name and (empty or value.strip()))


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else otherwise
