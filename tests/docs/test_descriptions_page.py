"""What docs/descriptions.md says of sentences is so."""

import re
from pathlib import Path

from attrieve.schema import load_vocabulary, parse_query
from attrieve.schema.sentence import read_statement

PAGE = Path(__file__).parents[2] / "docs" / "descriptions.md"
SCHEMA = load_vocabulary("peta35")


def rows(text: str) -> list[tuple[str, str]]:
    lines = [line for line in text.splitlines() if line.startswith("| ")][2:]
    cells = [re.split(r"(?<!\\)\|", line.strip("| ")) for line in lines]
    return [
        (said.strip(" `").replace(r"\|", "|"), meant.strip(" `").replace(r"\|", "|")) for said, meant in cells
    ]


def test_every_sentence_shown_is_understood_as_shown() -> None:
    """The table between the marks, row by row."""
    table = PAGE.read_text("utf-8").split("<!-- sentences -->")[1].split("<!-- end of sentences -->")[0]
    shown = rows(table)
    assert len(shown) >= 9
    for said, meant in shown:
        assert read_statement(said, SCHEMA).query.to_text() == meant


def test_every_term_shown_can_be_written() -> None:
    """The table of the small language."""
    table = PAGE.read_text("utf-8").split("## The small language")[1].split("An unknown name")[0]
    shown = rows(table)
    assert len(shown) == 6
    for written, _ in shown:
        assert len(parse_query(written, SCHEMA).terms) == 1
