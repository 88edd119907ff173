"""The journal's lines."""

from pathlib import Path

import pytest

from attrieve.training.journal import append_line, drop_lines_from
from training.tiny import read_lines


def test_lines_are_added_under_one_heading(tmp_path: Path) -> None:
    """The first line names the columns."""
    for step in (10, 20):
        append_line(tmp_path / "journal.csv", {"step": str(step), "loss": "1.5"})
    assert (tmp_path / "journal.csv").read_bytes() == b"step,loss\r\n10,1.5\r\n20,1.5\r\n"


@pytest.mark.parametrize("cut_off", ["", "4", "14,1.", "é"])
def test_lines_behind_a_checkpoint_are_dropped(cut_off: str, tmp_path: Path) -> None:
    """Up to and including its step they stay; a line cut off by a kill goes, even with all its columns."""
    path = tmp_path / "journal.csv"
    for step in (10, 20, 30):
        append_line(path, {"step": str(step), "loss": "1.5"})
    with path.open("a") as file:
        file.write(cut_off)
    drop_lines_from(path, 20)
    assert [line["step"] for line in read_lines(path)] == ["10", "20"]
    append_line(path, {"step": "30", "loss": "1.25"})
    assert read_lines(path)[-1] == {"step": "30", "loss": "1.25"}


def test_a_missing_journal_stays_missing(tmp_path: Path) -> None:
    """Nothing to drop."""
    drop_lines_from(tmp_path / "journal.csv", 5)
    assert not (tmp_path / "journal.csv").exists()


def test_a_heading_cut_off_starts_anew(tmp_path: Path) -> None:
    """Killed within the very first line."""
    path = tmp_path / "journal.csv"
    path.write_text("step,lo")
    drop_lines_from(path, 5)
    append_line(path, {"step": "10", "loss": "1.5"})
    assert read_lines(path) == [{"step": "10", "loss": "1.5"}]
