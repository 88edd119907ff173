"""Several processes, kills and full disks: what was acknowledged is there."""

import random
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from attrieve.errors import StorageError
from attrieve.serving.state.ledger import Action, Ledger
from serving.state.ledgers import KIM, check, start_recording
from small_disk import small_file_system


def acknowledged(lines: list[str]) -> dict[int, int]:
    """Return the sequences that were told in whole lines, and the numbers of what was recorded."""
    return {
        int(parts[0]): int(parts[1])
        for line in lines
        if line.endswith("\n") and len(parts := line.split()) == 2 and parts[0].isdecimal()
    }


def test_processes_take_turns(tmp_path: Path) -> None:
    """Four write at once: no entry is lost, none twice, each process's in its order."""
    Ledger.open(tmp_path).database.close()
    processes = [start_recording(tmp_path, f"process-{number}", 15) for number in range(4)]
    told = {}
    for number, process in enumerate(processes):
        out, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        told[f"process-{number}"] = acknowledged(out.splitlines(keepends=True))
    ledger = Ledger.open(tmp_path)
    entries = ledger.entries()
    assert [entry.sequence for entry in entries] == list(range(1, 61))
    for name, sequences in told.items():
        mine = {entry.sequence: entry.query for entry in entries if entry.who == name}
        assert mine == {sequence: f"{name} {number}" for sequence, number in sequences.items()}
        assert list(sequences.values()) == sorted(sequences.values()) == list(range(15))
    assert ledger.verify().clean
    ledger.database.close()


@pytest.mark.parametrize("kills", [3, pytest.param(40, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])])
def test_kill_9_loses_nothing_acknowledged(tmp_path: Path, kills: int) -> None:
    """Killed at any moment while two processes record; the chain is whole, all that was told is in it."""
    told: dict[int, str] = {}
    for kill in range(kills):
        processes = [start_recording(tmp_path, f"{kill}-{number}", 0) for number in range(2)]
        time.sleep(random.Random(kill).uniform(0.02, 0.4))
        for process in processes:
            process.kill()
        for number, process in enumerate(processes):
            out, errors = process.communicate(timeout=60)
            assert "Traceback" not in errors, errors
            numbers = acknowledged(out.splitlines(keepends=True))
            told |= {sequence: f"{kill}-{number} {query}" for sequence, query in numbers.items()}
        assert check(tmp_path).clean
    ledger = Ledger.open(tmp_path)
    found = {entry.sequence: entry.query for entry in ledger.entries()}
    assert told.items() <= found.items()
    assert len(told) > kills
    ledger.database.close()


def test_a_full_disk_is_told_and_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    """The system refuses in the middle of recording; with room again the ledger goes on."""
    process = start_recording(tmp_path, "kim", 0, limit=600_000)
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    lines = out.splitlines(keepends=True)
    assert lines[-1].startswith("refused cannot use"), lines[-1]
    assert str(tmp_path) in lines[-1]
    told = acknowledged(lines)
    assert len(told) > 10
    assert check(tmp_path).clean
    ledger = Ledger.open(tmp_path)
    assert set(told) <= {entry.sequence for entry in ledger.entries()}
    ledger.record(KIM, Action.SEARCH)
    assert ledger.verify().clean
    ledger.database.close()


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    """It is named, with what to do."""
    (tmp_path / "state.sqlite").write_bytes(b"not SQLite, but long enough to be looked at " * 20)
    with pytest.raises(StorageError, match=r"state\.sqlite is damaged"):
        Ledger.open(tmp_path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of six mebibytes, where mounting is allowed."""
    with small_file_system(tmp_path / "disk", 6) as folder:
        yield folder


def test_searches_are_recorded_on_a_full_disk_for_some_while(small_disk: Path) -> None:
    """In the room kept for it; then it is told. With room again the reserve is made anew."""
    ledger = Ledger.open(small_disk)
    ledger.reserve.size = 1 << 20
    assert ledger.reserve.keep()
    ballast = small_disk / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    recorded = 0
    told = ""
    while not told:
        try:
            ledger.record(KIM, Action.SEARCH, query="red jacket", keys=["00000000000000aa"] * 50)
            recorded += 1
        except StorageError as error:
            told = str(error)
    assert "full" in told
    assert recorded > 20
    assert not ledger.reserve.path.exists()
    assert not ledger.reserve.keep()
    ballast.unlink()
    assert ledger.record(KIM, Action.SEARCH).sequence == recorded + 1
    assert ledger.reserve.keep()
    assert ledger.verify().clean
    ledger.database.close()
