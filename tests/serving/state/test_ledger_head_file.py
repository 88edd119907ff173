"""The head beside the database: always the newest, never younger than what is checked, never written over."""

import os
import sqlite3
import threading
import time
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from attrieve.serving.state import ledger_check, ledger_head_file
from attrieve.serving.state.database import StateDatabase
from attrieve.serving.state.ledger import DATABASE_FILE, Action, Ledger
from attrieve.serving.state.ledger_head_file import HeadFile
from attrieve.serving.state.ledger_retention import remove_entries_before
from attrieve.serving.state.ledger_seal import HEAD_FILE, SignedHead
from serving.state.ledgers import KIM, LOCAL, START_S, Clock, check, copied, fill, make


def kept(folder: Path) -> SignedHead:
    return SignedHead.read(folder / HEAD_FILE)


def wait_for_head(folder: Path, sequence: int) -> None:
    until = time.monotonic() + 30
    while kept(folder).sequence != sequence:
        assert time.monotonic() < until, (kept(folder).sequence, sequence)
        time.sleep(0.02)


def test_the_last_of_a_burst_is_in_it_though_nothing_follows(tmp_path: Path) -> None:
    """Many entries within a second, then silence: the file does not stay at the first."""
    ledger = Ledger.open(tmp_path)
    for _ in range(20):
        ledger.record(KIM, Action.SEARCH)
    wait_for_head(tmp_path, 20)
    ledger.database.close()


def test_entries_of_transactions_are_in_it_once_they_are_on_the_disk(tmp_path: Path) -> None:
    """Sign-ins, changes of accounts and erasures are recorded with what they do."""
    ledger = Ledger.open(tmp_path)
    with ledger.database.transaction():
        ledger.record(KIM, Action.SIGN_IN)
        assert not (tmp_path / HEAD_FILE).exists()
    wait_for_head(tmp_path, 1)
    with suppress(KeyError), ledger.database.transaction():
        ledger.record(KIM, Action.SIGN_IN)
        raise KeyError
    assert len(ledger.entries()) == 1
    ledger.database.close()
    assert kept(tmp_path).sequence == 1
    assert check(tmp_path).clean


def test_closing_leaves_the_newest_head(tmp_path: Path) -> None:
    """A command records and ends at once."""
    ledger = Ledger.open(tmp_path)
    for _ in range(5):
        ledger.record(KIM, Action.SEARCH)
    ledger.database.close()
    assert kept(tmp_path).sequence == 5


def test_a_check_beside_a_running_service_finds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entries and head that come while it looks are younger than what it looks at."""
    make(tmp_path)
    ledger = Ledger.open(tmp_path)
    chain = ledger_check._Check.chain

    def slow(self: ledger_check._Check, connection: sqlite3.Connection) -> None:
        chain(self, connection)
        other = Ledger.open(tmp_path)
        other.record(KIM, Action.SEARCH)
        other.write_head_file()
        other.database.close()

    monkeypatch.setattr(ledger_check._Check, "chain", slow)
    assert ledger.verify().problems == ()
    ledger.database.close()


@pytest.mark.parametrize("more", [1, 30], ids=["still shorter", "longer again"])
def test_a_service_that_goes_on_over_an_older_database_does_not_hide_it(tmp_path: Path, more: int) -> None:
    """The head that shows what is missing is not written over, however much follows."""
    folder, older = tmp_path / "state", tmp_path / "older"
    make(folder)
    copied(folder, older)
    clock = Clock()
    ledger = Ledger.open(folder, clock=clock)
    fill(ledger, clock, 4)
    ledger.database.close()
    evidence = kept(folder)
    (folder / DATABASE_FILE).write_bytes((older / DATABASE_FILE).read_bytes())
    ledger = Ledger.open(folder)
    for _ in range(more):
        ledger.record(KIM, Action.SEARCH)
    ledger.database.close()
    assert kept(folder) == evidence
    assert any(HEAD_FILE in problem for problem in check(folder).problems)


@pytest.mark.parametrize("content", [b"{}", b"no head at all", b"\xff"])
def test_a_head_that_cannot_be_read_is_told_by_its_name_alone(tmp_path: Path, content: bytes) -> None:
    """An auditor may read it in a browser elsewhere, to whom the server's folders are nothing."""
    ledger = Ledger.open(tmp_path)
    ledger.record(KIM, Action.SEARCH)
    ledger.database.close()
    (tmp_path / HEAD_FILE).write_bytes(content)
    [problem] = check(tmp_path).problems
    assert HEAD_FILE in problem
    assert str(tmp_path) not in problem


def test_a_ledger_that_was_emptied_is_noticed_after_a_new_start(tmp_path: Path) -> None:
    """A service begins anew where it finds no tables; the head beside it knows better."""
    make(tmp_path)
    evidence = kept(tmp_path)
    for left in tmp_path.glob("state.sqlite*"):
        left.unlink()
    ledger = Ledger.open(tmp_path)
    for _ in range(evidence.sequence + 3):
        ledger.record(KIM, Action.SEARCH)
    ledger.database.close()
    assert kept(tmp_path) == evidence
    assert not check(tmp_path).clean


def test_a_head_kept_elsewhere_is_held_against_the_tombstone(tmp_path: Path) -> None:
    """Who has the key cannot put another history before a tombstone that covers the head kept."""
    clock = Clock()
    ledger = Ledger.open(tmp_path / "real", clock=clock)
    fill(ledger, clock, 3)
    before = ledger.head()
    fill(ledger, clock, 1)
    at = ledger.head()
    fill(ledger, clock, 2)
    assert remove_entries_before(ledger, datetime.fromtimestamp(START_S + 60 * 5, UTC), LOCAL) == 4
    assert ledger.verify(anchor=at).clean
    told = ledger.verify(anchor=before).problems
    assert len(told) == 1
    assert "cannot be compared" in told[0]

    (tmp_path / "forged").mkdir()
    (tmp_path / "forged" / "signing-key.pem").write_bytes((tmp_path / "real/signing-key.pem").read_bytes())
    clock.now_s = START_S
    forged = Ledger.open(tmp_path / "forged", clock=clock)
    fill(forged, clock, 6, minutes=0.9)
    moment = datetime.fromtimestamp(START_S + 54 * 5, UTC)
    assert remove_entries_before(forged, moment, LOCAL) == 4
    assert any("written anew" in problem for problem in forged.verify(anchor=at).problems)
    ledger.database.close()
    forged.database.close()


def test_closing_waits_for_a_head_that_is_being_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that writes reads the database; its connection is not closed under it."""
    ledger = Ledger.open(tmp_path)
    ledger.record(KIM, Action.SEARCH)  # written at once
    writing, go_on, closed = threading.Event(), threading.Event(), threading.Event()
    real = HeadFile.write

    def slow(self: HeadFile) -> None:
        writing.set()
        assert go_on.wait(30)
        assert not closed.is_set()
        real(self)

    monkeypatch.setattr(HeadFile, "write", slow)
    ledger.record(KIM, Action.SEARCH)  # written later, by the thread
    assert writing.wait(30)

    def close() -> None:
        ledger.database.close()
        closed.set()

    closing = threading.Thread(target=close)
    closing.start()
    assert not closed.wait(0.2)
    go_on.set()
    closing.join(30)
    assert closed.is_set()
    assert kept(tmp_path).sequence == 2


def writes_by_thread(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """Count the writes of the file by the thread that makes them."""
    threads: Counter[int] = Counter()
    real = HeadFile.write

    def counted(self: HeadFile) -> None:
        threads[threading.get_ident()] += 1
        real(self)

    monkeypatch.setattr(HeadFile, "write", counted)
    return threads


def test_whatever_is_put_off_is_written_by_one_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many entries and seconds: one thread more than before, one connection, and none afterwards."""
    monkeypatch.setattr(ledger_head_file, "EVERY_S", 0.02)
    before = set(threading.enumerate())
    started: set[threading.Thread] = set()
    ledger = Ledger.open(tmp_path)
    writes = writes_by_thread(monkeypatch)
    until = time.monotonic() + 30
    while sum(writes.values()) - writes[threading.get_ident()] < 10:
        assert time.monotonic() < until, writes
        ledger.record(KIM, Action.SEARCH)
        started |= set(threading.enumerate()) - before
    assert [thread.name for thread in started] == ["ledger-head"]
    assert len(writes) == 2  # this one, and the one that stands
    ledger.database.close()
    assert set(threading.enumerate()) <= before
    assert kept(tmp_path).sequence == len(ledger.entries())


def test_it_is_written_at_most_once_in_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once at the first entry, and once at closing for all that followed within the time."""
    monkeypatch.setattr(ledger_head_file, "EVERY_S", 600.0)
    writes = writes_by_thread(monkeypatch)
    ledger = Ledger.open(tmp_path)
    for _ in range(50):
        ledger.record(KIM, Action.SEARCH)
    assert sum(writes.values()) == 1
    ledger.database.close()
    assert sum(writes.values()) == 2
    assert kept(tmp_path).sequence == 50


def test_after_a_thread_that_found_nothing_to_do_comes_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quiet service keeps neither thread nor connection for it, and loses nothing."""
    monkeypatch.setattr(ledger_head_file, "EVERY_S", 0.1)
    monkeypatch.setattr(ledger_head_file, "IDLE_S", 0.05)
    before = set(threading.enumerate())
    ledger = Ledger.open(tmp_path)
    for turn in (1, 2):
        ledger.record(KIM, Action.SEARCH)
        ledger.record(KIM, Action.SEARCH)
        wait_for_head(tmp_path, 2 * turn)
        until = time.monotonic() + 30
        while set(threading.enumerate()) - before:
            assert time.monotonic() < until
            time.sleep(0.01)
    ledger.database.close()


def test_a_ledger_is_used_again_after_closing(tmp_path: Path) -> None:
    """Closing ends the thread; what is recorded afterwards is put off as before."""
    ledger = Ledger.open(tmp_path)
    for _ in range(3):
        ledger.record(KIM, Action.SEARCH)
        ledger.record(KIM, Action.SEARCH)
        ledger.database.close()
    assert kept(tmp_path).sequence == 6


def test_without_room_for_a_thread_it_is_written_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recording does not fail on it."""

    def refused(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    ledger = Ledger.open(tmp_path)
    monkeypatch.setattr(threading.Thread, "start", refused)
    for sequence in (1, 2, 3):
        ledger.record(KIM, Action.SEARCH)
        assert kept(tmp_path).sequence == sequence
    ledger.database.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_has_a_thread_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stood in the parent does not stand in the child, though the child remembers it."""
    monkeypatch.setattr(ledger_head_file, "EVERY_S", 600.0)
    written = tmp_path / "written"
    database = StateDatabase(tmp_path / "state.sqlite")
    head = HeadFile(database, "")
    monkeypatch.setattr(head, "write", lambda: written.write_text(f"{os.getpid()}"))
    head.soon()
    head.soon()  # put off, for the parent's thread
    written.unlink()
    child = os.fork()
    if child == 0:
        try:
            head.soon()
            os._exit(0 if written.read_text() == f"{os.getpid()}" else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    database.close()
