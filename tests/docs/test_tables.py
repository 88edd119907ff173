"""Writing and checking all generated documents."""

from pathlib import Path

import pytest
import tables

from docs.made_up import write_row


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one marked table, a hand-written page, and a little to show."""
    (tmp_path / "docs").mkdir()
    marked = "# Title\n<!-- table: paper-headline -->\nold\n<!-- end of table -->\nafter\n"
    (tmp_path / "README.md").write_text(marked, "utf-8")
    (tmp_path / "docs" / "by-hand.md").write_text("words\n", "utf-8")
    write_row(tmp_path / "results", "attributes-mobilenetv2", [20.0, 21.0])
    monkeypatch.setattr(tables, "ROOT", tmp_path)
    monkeypatch.setattr(tables, "RESULTS", tmp_path / "results")
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["tables.py", *arguments])
    return tables.main()


def test_a_check_writes_nothing_and_tells_what_is_stale(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1 until the documents were written, 0 then, 1 again with a new record."""
    before = (project / "README.md").read_text("utf-8")
    assert run(monkeypatch, "--check") == 1
    assert "README.md" in capsys.readouterr().out
    assert (project / "README.md").read_text("utf-8") == before
    assert not (project / "docs" / "results").exists()
    assert run(monkeypatch) == 0
    assert run(monkeypatch, "--check") == 0
    write_row(project / "results", "attributes-mobilenetv2", [20.0, 21.0, 25.0])
    assert run(monkeypatch, "--check") == 1


def test_page_figures_and_tables_are_written_the_rest_is_left(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A figure that no page shows any more goes; text around a table stays."""
    folder = project / "docs" / "results"
    (folder / "figures").mkdir(parents=True)
    (folder / "figures" / "old.svg").write_text("<svg/>", "utf-8")
    assert run(monkeypatch, "--check") == 1
    assert (folder / "figures" / "old.svg").exists()
    assert run(monkeypatch) == 0
    assert [path.name for path in (folder / "figures").iterdir()] == ["paper-cpu-rows.svg"]
    assert "20.5 ±" in (folder / "paper.md").read_text("utf-8")
    readme = (project / "README.md").read_text("utf-8")
    assert readme.startswith("# Title\n<!-- table: paper-headline -->\n| model |")
    assert readme.endswith("<!-- end of table -->\nafter\n")
    assert (project / "docs" / "by-hand.md").read_text("utf-8") == "words\n"


def test_a_mark_that_names_no_table_is_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the names there are."""
    (project / "README.md").write_text("<!-- table: papper -->\n<!-- end of table -->\n", "utf-8")
    with pytest.raises(SystemExit, match="paper-headline"):
        run(monkeypatch)
