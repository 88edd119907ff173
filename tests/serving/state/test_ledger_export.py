"""The ledger as a file: nothing in it is taken for a formula, and the chain can be checked from it."""

import csv
import hashlib
import io
import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from attrieve.serving.state.ledger import Action, Ledger
from attrieve.serving.state.ledger_entry import canonical_json
from attrieve.serving.state.ledger_export import COLUMNS, LedgerFormat, export_lines, plain_cell
from serving.state.ledgers import KIM, Clock, fill

NASTY = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    " =1",
    "\uff1d1+1",
    'a"b',
    "a,b",
    "a\nb",
    "|calc",
    "%0A",
]


def test_no_cell_begins_like_a_formula(tmp_path: Path) -> None:
    """Whatever was typed as purpose, case or query; and the text itself can still be read."""
    ledger = Ledger.open(tmp_path, clock=Clock())
    for text in NASTY:
        ledger.record(KIM, Action.SEARCH, purpose=text, case=text, query=text)
    rows = list(
        csv.reader(io.StringIO("".join(export_lines(ledger.entries(), LedgerFormat.CSV)), newline=""))
    )
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == len(NASTY) + 1
    for text, row in zip(NASTY, rows[1:], strict=True):
        assert all(
            cell.strip()[:1] not in ("=", "+", "-", "@", "|", "%", "\uff1d") for cell in row if cell
        ), row
        assert row[COLUMNS.index("purpose")].removeprefix("'") == text
    ledger.database.close()


@given(st.text(max_size=20))
def test_a_plain_cell(text: str) -> None:
    """The text, with an apostrophe in front where needed and nowhere else."""
    cell = plain_cell(text)
    assert cell in (text, "'" + text)
    assert cell[:1] not in set("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
    if text[:1].isalnum():
        assert cell == text


def test_lines_of_json_are_enough_to_check_the_chain(tmp_path: Path) -> None:
    """By hand, from the file alone."""
    clock = Clock()
    ledger = Ledger.open(tmp_path, clock=clock)
    fill(ledger, clock, 7)
    previous = "0" * 64
    lines = list(export_lines(ledger.every_entry(), LedgerFormat.JSON_LINES))
    assert len(lines) == 7
    for line in lines:
        entry = json.loads(line)
        digest = entry.pop("hash")
        assert entry["previous"] == previous
        assert hashlib.sha256(canonical_json(entry).encode()).hexdigest() == digest
        previous = digest
    ledger.database.close()
