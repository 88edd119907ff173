"""Removing exports: recorded first, then the file; and what a kill or the disk leaves is removed later."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from attrieve.errors import StorageError
from attrieve.serving.cases.cases import Cases
from attrieve.serving.cases.export_index import ExportIndex, ExportKind
from attrieve.serving.problems import Problem, ProblemError
from attrieve.serving.state.database import StateDatabase
from attrieve.serving.state.ledger import Ledger

KEY = "00000000000000aa"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.open(tmp_path)


@pytest.fixture
def index(tmp_path: Path, ledger: Ledger) -> ExportIndex:
    """One export, of one row, that lies in a file."""
    Cases(ledger.database, ledger)  # the tables the index looks at
    made = ExportIndex(tmp_path, ledger.database)
    add(made, ledger.database)
    assert file_of(tmp_path).exists()
    return made


def add(index: ExportIndex, database: StateDatabase) -> None:
    kept = index.add(
        1,
        case=1,
        case_number="7/24",
        kind=ExportKind.PDF,
        created_by="kim",
        created_at=datetime(2024, 5, 1, tzinfo=UTC),
        content=b"%PDF",
        keys=[],
    )
    assert kept is not None
    with database.transaction() as connection:
        connection.execute("INSERT INTO export_keys VALUES (1, ?)", [KEY])


def file_of(folder: Path) -> Path:
    return folder / "exports" / "1.pdf"


def removed(index: ExportIndex) -> bool:
    return index.get(1, 1).removed_at is not None


def test_what_is_not_recorded_is_not_removed(index: ExportIndex, ledger: Ledger, tmp_path: Path) -> None:
    """The entry that fails undoes the erasure; the file, its index and its keys are as they were."""

    def failing() -> None:
        with ledger.database.transaction():
            assert index.erase([KEY]) == [1]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert file_of(tmp_path).read_bytes() == b"%PDF"
    assert not removed(index)
    assert index.content(index.get(1, 1)) == b"%PDF"
    assert index.erase([KEY]) == [1]
    assert removed(index)
    assert not file_of(tmp_path).exists()


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"%PDG")])
def test_a_file_that_is_gone_or_damaged_is_told_without_its_place(
    index: ExportIndex, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    damage(file_of(tmp_path))
    with pytest.raises(ProblemError, match="make a new export") as caught:
        index.content(index.get(1, 1))
    assert caught.value.problem is Problem.STORAGE_REFUSED
    assert str(tmp_path) not in str(caught.value)
    assert str(tmp_path) in str(caught.value.__cause__)


def test_the_file_of_a_killed_process_goes_at_the_next_start(
    index: ExportIndex, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the commit and the file, the process may end."""

    def killed() -> None:
        raise SystemExit

    monkeypatch.setattr(index, "_delete_files", killed)
    with pytest.raises(SystemExit):
        index.erase([KEY])
    assert removed(index)
    assert file_of(tmp_path).exists()
    ExportIndex(tmp_path, ledger.database)
    assert not file_of(tmp_path).exists()


def test_a_disk_that_refuses_is_told_and_tried_again(
    index: ExportIndex, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next removal, of whatever else, takes the file along."""

    def refused(self: Path, missing_ok: bool = False) -> None:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as refusing:
        refusing.setattr(Path, "unlink", refused)
        with pytest.raises(StorageError, match="Read-only"):
            index.erase([KEY])
    assert file_of(tmp_path).exists()
    assert index.remove_of_case(99) == 0
    assert not file_of(tmp_path).exists()


def test_an_export_made_again_is_not_deleted_with_its_forerunner(
    index: ExportIndex, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job was repeated after the file should have gone."""
    monkeypatch.setattr(index, "_delete_files", lambda: None)
    assert index.erase([KEY]) == [1]
    monkeypatch.undo()
    add(index, ledger.database)
    assert index.remove_of_case(99) == 0
    assert file_of(tmp_path).read_bytes() == b"%PDF"
    assert not removed(index)
