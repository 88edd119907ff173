"""The ledger as a file: lines of JSON, or a table for a spreadsheet that takes no cell for a formula."""

import csv
import io
import json
import unicodedata
from collections.abc import Iterable, Iterator
from enum import StrEnum

from attrieve.serving.state.ledger_entry import LedgerEntry

COLUMNS = (
    "sequence", "time", "clock_back_s", "who", "role", "through", "key", "action", "purpose", "case",
    "query", "details", "keys", "previous", "hash",
)  # fmt: skip


class LedgerFormat(StrEnum):
    """How entries are written."""

    CSV = "csv"
    JSON_LINES = "jsonl"


def export_lines(entries: Iterable[LedgerEntry], form: LedgerFormat) -> Iterator[str]:
    """Yield the lines of a file, each with its end.

    Lines of JSON hold everything a check of the chain needs. Cells of the table may have an apostrophe in
    front (:func:`plain_cell`).
    """
    if form is LedgerFormat.JSON_LINES:
        for entry in entries:
            yield json.dumps(entry.to_dict(), sort_keys=True) + "\n"
        return
    yield _row(COLUMNS)
    for entry in entries:
        content = entry.to_dict()
        yield _row(plain_cell(cell_text(content[name])) for name in COLUMNS)


def plain_cell(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula.

    Texts that begin with a sign formulas begin with get an apostrophe in front, as OWASP advises ("CSV
    injection"); numbers below zero too, which do not occur here.

    >>> plain_cell("=1+1"), plain_cell("red jacket")
    ("'=1+1", 'red jacket')
    """
    first = unicodedata.normalize("NFKC", text.lstrip(" \u00a0\u3000")[:1])
    return "'" + text if first in _FORMULA_SIGNS else text


_FORMULA_SIGNS = frozenset("=+-@\t\r\n|%")
"""The first of each; full-width ones, which some spreadsheets take too, are made plain before."""


def cell_text(value: object) -> str:
    """Return a value of an entry for people: text as it is, keys with blanks between, all else as JSON.

    >>> cell_text(["0a", "0b"]), cell_text({"hat": 1}), cell_text(None)
    ('0a 0b', '{"hat": 1}', '')
    """
    if value is None or value == {} or value == []:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return " ".join(value)
    return json.dumps(value, sort_keys=True)


def _row(cells: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL).writerow(list(cells))
    return line.getvalue()
