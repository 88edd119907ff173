"""Conditions on rows, as typed by a person: ``camera=C1,C2`` ``time>=2024-01-01`` ``blur>50``.

::

    term     = column operator value { "," value }
    operator = "=" | "!=" | "<" | "<=" | ">" | ">=" | "~" (contains) | "^=" (starts with)
    value    = bare text up to the next comma, or text in double quotes with \\" and \\\\ inside

All terms must hold. A bare ``?`` after ``=`` or ``!=`` stands for "unknown". A row whose value is unknown
meets no other condition. Times are UTC unless they name a zone; a date stands for its whole day.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

import numpy as np
import pyarrow as pa

from attrieve.errors import InputError, QueryError, UnknownNameError
from attrieve.gallery.database.rows import in_utc
from attrieve.gallery.database.text import escape_text


class Operator(StrEnum):
    """How a column is compared with the values."""

    EQUAL = "="
    NOT_EQUAL = "!="
    LESS = "<"
    AT_MOST = "<="
    GREATER = ">"
    AT_LEAST = ">="
    CONTAINS = "~"
    STARTS_WITH = "^="


@dataclass(frozen=True)
class Day:
    """A whole day in UTC."""

    day: date

    @property
    def start(self) -> datetime:
        """Its first moment."""
        return datetime(self.day.year, self.day.month, self.day.day, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first moment after it.

        Raises:
            QueryError: for the last day there is.
        """
        try:
            return self.start + timedelta(days=1)
        except OverflowError as error:
            raise QueryError(f"{self.day} is the last day there is; give an earlier one") from error


FilterValue = str | bool | int | float | datetime | Day


@dataclass(frozen=True)
class Condition:
    """One column against one or more values; a row meets it if it meets it for any of them.

    ``NOT_EQUAL`` is met by rows that equal none of them. ``None`` among the values stands for unknown.
    """

    column: str
    operator: Operator
    values: tuple[FilterValue | None, ...]


@dataclass(frozen=True)
class Filter:
    """Conditions that must all hold; none at all keeps every row."""

    conditions: tuple[Condition, ...] = ()


_TERM = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*(!=|<=|>=|\^=|=|<|>|~)(.*)", re.DOTALL)
_QUOTED = re.compile(r'\s*"((?:[^"\\]|\\["\\])*)"\s*(,|$)', re.DOTALL)
_BARE = re.compile(r'([^",]*)(,|$)', re.DOTALL)


def parse_filter(terms: Iterable[str], columns: Mapping[str, pa.DataType]) -> Filter:
    """Read terms against the columns a gallery has.

    Raises:
        QueryError: for a term that cannot be read, or a value that does not fit its column.
        UnknownNameError: for a column that is not there, with the nearest.

    >>> parse_filter(["camera=C1,C2"], {"camera": pa.string()}).conditions[0].values
    ('C1', 'C2')
    """
    return Filter(tuple(_condition(term, columns) for term in terms))


def _condition(term: str, columns: Mapping[str, pa.DataType]) -> Condition:
    match = _TERM.fullmatch(term)
    if match is None:
        raise QueryError(
            f"cannot read the condition {term!r}; write COLUMN OPERATOR VALUE, for example camera=C1,C2 or "
            "time>=2024-01-01 or blur>50 or 'note~\"a, b\"'"
        )
    name, operator = match.group(1), Operator(match.group(2))
    kind = require_column(name, columns)
    values = tuple(
        None if unknown else _typed(text, kind, name) for text, unknown in _split(match.group(3), term)
    )
    condition = Condition(name, operator, values)
    require_fitting(condition, kind)
    return condition


def require_column(name: str, columns: Mapping[str, pa.DataType]) -> pa.DataType:
    """Return a column's type.

    Raises:
        UnknownNameError: with the nearest names.
    """
    if name not in columns:
        raise UnknownNameError("gallery column", name, columns)
    return columns[name]


def _split(text: str, term: str) -> list[tuple[str, bool]]:
    """Return the values as texts, each with whether it stands for "unknown"."""
    values: list[tuple[str, bool]] = []
    rest, more = text, True
    while more:
        quoted = _QUOTED.match(rest)
        match = quoted or _BARE.match(rest)
        if match is None:
            raise QueryError(
                f'cannot read the values of {term!r}; a value with a comma or " stands in quotes'
            )
        value = re.sub(r"\\(.)", r"\1", match.group(1), flags=re.DOTALL) if quoted else match.group(1).strip()
        if not quoted and not value:
            raise QueryError(f'a value is missing in {term!r}; write "" for the empty text, ? for unknown')
        values.append((value, not quoted and value == "?"))
        rest, more = rest[match.end() :], match.group(2) == ","
    return values


def _typed(text: str, kind: pa.DataType, name: str) -> FilterValue:
    if pa.types.is_string(kind):
        return text
    try:
        if pa.types.is_boolean(kind):
            return {"yes": True, "true": True, "no": False, "false": False}[text.casefold()]
        if pa.types.is_integer(kind):
            return int(text)
        if pa.types.is_floating(kind):
            return float(text)
        if len(text) == len("2024-01-01"):
            return Day(date.fromisoformat(text))
        return in_utc(datetime.fromisoformat(text))
    except (ValueError, KeyError, OverflowError):
        raise QueryError(f"{text!r} is no value of column {name!r}, which holds {_words(kind)}") from None


def require_fitting(condition: Condition, kind: pa.DataType) -> None:
    """Refuse a condition whose operator or values do not go with its column.

    Raises:
        QueryError: saying what would.
    """
    operator, name = condition.operator, condition.column
    if not condition.values:
        raise QueryError(f"the condition on {name!r} has no value; give at least one")
    exact = operator in {Operator.EQUAL, Operator.NOT_EQUAL}
    if None in condition.values and not exact:
        raise QueryError(f"{name}{operator}?: unknown can only be asked for by = and !=")
    if operator in {Operator.CONTAINS, Operator.STARTS_WITH} and not pa.types.is_string(kind):
        raise QueryError(f"{name}{operator} looks into text; column {name!r} holds {_words(kind)}")
    if not exact and operator not in {Operator.CONTAINS, Operator.STARTS_WITH} and len(condition.values) > 1:
        raise QueryError(f"{name}{operator} takes one value, got {len(condition.values)}")
    for value in condition.values:
        if value is not None and not _fits(value, kind):
            raise QueryError(f"{value!r} is no value of column {name!r}, which holds {_words(kind)}")


def _fits(value: FilterValue, kind: pa.DataType) -> bool:
    if pa.types.is_string(kind):
        return isinstance(value, str)
    if pa.types.is_boolean(kind):
        return isinstance(value, bool)
    if pa.types.is_timestamp(kind):
        return isinstance(value, datetime | Day)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if pa.types.is_integer(kind):
        return isinstance(value, int) and -(2**63) < value < 2**63
    return bool(np.isfinite(value))


def _words(kind: pa.DataType) -> str:
    if pa.types.is_string(kind):
        return "text"
    if pa.types.is_boolean(kind):
        return "yes or no"
    if pa.types.is_timestamp(kind):
        return "times such as 2024-01-31 or 2024-01-31T12:30:00"
    return "whole numbers" if pa.types.is_integer(kind) else "finite numbers"


def to_predicate(wanted: Filter, columns: Mapping[str, pa.DataType]) -> str | None:
    """Return the condition the store evaluates, or None if every row is kept.

    Every value becomes a literal and every column is one of ``columns``: text is never code.

    Raises:
        InputError: as :func:`parse_filter`, for a filter made by hand.

    >>> to_predicate(parse_filter(["note=it's"], {"note": pa.string()}), {"note": pa.string()})
    "(`note` = 'it''s')"
    """
    parts = []
    for condition in wanted.conditions:
        kind = require_column(condition.column, columns)
        require_fitting(condition, kind)
        parts.append(f"({_compiled(condition, kind)})")
    return " AND ".join(parts) or None


def _compiled(condition: Condition, kind: pa.DataType) -> str:
    column = f"`{condition.column}`"
    known = [value for value in condition.values if value is not None]
    unknown_too = None in condition.values
    if condition.operator is Operator.NOT_EQUAL:
        each = [f"NOT ({_compare(column, Operator.EQUAL, value, kind)})" for value in known]
        return " AND ".join([*each, *([f"{column} IS NOT NULL"] if unknown_too else [])])
    each = [_compare(column, condition.operator, value, kind) for value in known]
    return " OR ".join([*each, *([f"{column} IS NULL"] if unknown_too else [])])


def _compare(column: str, operator: Operator, value: FilterValue, kind: pa.DataType) -> str:
    if isinstance(value, Day):
        return _compare_day(column, operator, value)
    if operator is Operator.CONTAINS:
        return f"contains({column}, {_literal(value, kind)})"
    if operator is Operator.STARTS_WITH:
        return f"starts_with({column}, {_literal(value, kind)})"
    return f"{column} {operator.value} {_literal(value, kind)}"


def _compare_day(column: str, operator: Operator, day: Day) -> str:
    if operator is Operator.LESS:
        return f"{column} < {_moment(day.start)}"
    if operator is Operator.AT_LEAST:
        return f"{column} >= {_moment(day.start)}"
    if operator is Operator.AT_MOST:
        return f"{column} < {_moment(day.end)}"
    if operator is Operator.GREATER:
        return f"{column} >= {_moment(day.end)}"
    return f"{column} >= {_moment(day.start)} AND {column} < {_moment(day.end)}"


def _literal(value: FilterValue, kind: pa.DataType) -> str:
    if isinstance(value, str):
        return text_literal(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and pa.types.is_integer(kind):
        return str(value)
    if isinstance(value, int | float):
        # a float32 column equals 0.1 only if 0.1 is rounded as its values were
        rounded = float(np.float32(value)) if kind == pa.float32() else float(value)
        return f"CAST('{rounded!r}' AS DOUBLE)"
    if isinstance(value, datetime):
        return _moment(value)
    raise InputError(f"{value!r} cannot be compared with a column")


def text_literal(text: str) -> str:
    """Return text as a literal, in the form it is stored in.

    >>> text_literal("a' OR 'b'='b")
    "'a'' OR ''b''=''b'"
    """
    return "'" + escape_text(text).replace("'", "''") + "'"


def _moment(moment: datetime) -> str:
    microseconds = (in_utc(moment) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    return f"arrow_cast({microseconds}, 'Timestamp(Microsecond, Some(\"UTC\"))')"
