"""What is recorded is there, in order, and cannot be changed through the database."""

import hashlib
import json
import sqlite3
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from attrieve.errors import InputError
from attrieve.serving.state.ledger import DATABASE_FILE, Action, Ledger, LedgerEntry
from serving.state.ledgers import KIM, LEE, START_S, Clock, fill


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path, clock: Clock) -> Ledger:
    return Ledger.open(tmp_path, clock=clock)


def test_an_entry_says_what_was_handed_in(ledger: Ledger) -> None:
    """Who, when, what for, which case, what and which rows; and the same when it is read again."""
    entry = ledger.record(
        LEE,
        Action.EXPORT,
        purpose="missing child",
        case="7/24",
        query={"hat": 0.5},
        details={"format": "zip"},
        keys=["0a", "0b"],
    )
    assert (entry.sequence, entry.who, entry.role, entry.through) == (1, "lee", "curator", "key")
    assert (entry.key, entry.action, entry.purpose) == ("0123456789ab", Action.EXPORT, "missing child")
    assert (entry.case, entry.query, entry.details) == ("7/24", {"hat": 0.5}, {"format": "zip"})
    assert entry.keys == ("0a", "0b")
    assert entry.time == "2024-05-01T00:00:00.000000+00:00"
    assert ledger.entries() == [entry]


def test_the_chain_by_hand(ledger: Ledger, clock: Clock, tmp_path: Path) -> None:
    """Each hash is that of the stored text, which holds the hash before; the first holds zeros."""
    fill(ledger, clock, 5)
    stored = sqlite3.connect(tmp_path / DATABASE_FILE).execute("SELECT entry, hash FROM ledger").fetchall()
    previous = "0" * 64
    for text, digest in stored:
        assert json.loads(text)["previous"] == previous
        previous = hashlib.sha256(text.encode()).hexdigest()
        assert digest == previous
    assert ledger.head().hash == previous


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger SET entry = '{}'",
        "UPDATE ledger SET hash = 'x' WHERE sequence = 2",
        "DELETE FROM ledger WHERE sequence = 1",
        "DELETE FROM ledger",
        "INSERT INTO ledger (sequence, entry, hash) VALUES (9, '{}', 'x')",
        "INSERT INTO ledger (sequence, entry, hash) VALUES (0, '{}', 'x')",
        "INSERT OR REPLACE INTO ledger (sequence, entry, hash) VALUES (2, '{}', 'x')",
        "UPDATE ledger_head SET sequence = 1",
        "UPDATE ledger_head SET hash = 'x'",
        "DELETE FROM ledger_head",
    ],
)
def test_the_database_refuses_what_a_ledger_never_does(
    ledger: Ledger, clock: Clock, tmp_path: Path, statement: str
) -> None:
    """Triggers stop every change, also of a program that knows nothing of attrieve."""
    fill(ledger, clock, 3)
    before = ledger.entries()
    outside = sqlite3.connect(tmp_path / DATABASE_FILE)
    with pytest.raises(sqlite3.IntegrityError, match="ledger"):
        outside.execute(statement)
    outside.close()
    assert ledger.entries() == before
    assert ledger.verify().clean


def test_entries_are_found_by_every_condition(ledger: Ledger, clock: Clock) -> None:
    """Compared with a plain filter over all entries."""
    fill(ledger, clock, 30)
    everything = ledger.entries()
    since = datetime.fromtimestamp(START_S, UTC) + timedelta(minutes=10)
    until = since + timedelta(minutes=9)
    asked: list[tuple[dict[str, object], set[int]]] = [
        ({"who": "lee"}, {entry.sequence for entry in everything if entry.who == "lee"}),
        ({"action": Action.VIEW}, {entry.sequence for entry in everything if entry.action is Action.VIEW}),
        ({"case": "7/24"}, {8}),
        ({"purpose": "missing child"}, set(range(1, 31, 2))),
        ({"key": f"{4:016x}"}, {5}),
        ({"since": since, "until": until}, set(range(10, 19))),
        ({"after": 28}, {29, 30}),
        ({"before": 3}, {1, 2}),
        ({"who": "kim", "action": "view", "after": 10}, {11, 17, 23, 29}),
    ]
    for conditions, expected in asked:
        found = ledger.entries(**conditions)  # type: ignore[arg-type]
        assert {entry.sequence for entry in found} == expected, conditions
        if "after" not in conditions and "before" not in conditions:
            assert ledger.count(**conditions) == len(expected)  # type: ignore[arg-type]
    assert [entry.sequence for entry in ledger.entries(newest_first=True, limit=3)] == [30, 29, 28]
    assert list(ledger.every_entry(page=7)) == everything


def test_a_clock_set_back_is_noted_and_the_order_stands(ledger: Ledger, clock: Clock) -> None:
    """By how much is told; sequence says what came first."""
    fill(ledger, clock, 2)
    clock.now_s -= 3600
    back = ledger.record(KIM, Action.SEARCH)
    clock.now_s += 1
    after = ledger.record(KIM, Action.SEARCH)
    assert (back.clock_back_s, after.clock_back_s) == (3600.0, 0.0)
    assert [entry.sequence for entry in ledger.entries()] == [1, 2, 3, 4]
    checked = ledger.verify()
    assert checked.clean
    assert checked.clock_went_back == (3,)


@pytest.mark.parametrize("nothing_json", [float("nan"), float("inf"), {1, 2}, Path("x")])
def test_what_is_not_json_is_refused(ledger: Ledger, nothing_json: object) -> None:
    """And nothing is recorded."""
    with pytest.raises(InputError, match="cannot be recorded"):
        ledger.record(KIM, Action.SEARCH, query=nothing_json)
    assert ledger.entries() == []


def test_any_text_can_be_recorded(ledger: Ledger) -> None:
    """Line breaks, quotes, zeros, other scripts; halves of characters become question marks."""
    for text in ["a\nb\r\x00", "'; DROP TABLE ledger; --", '"}', "حقيبة 🎒", ""]:
        assert ledger.record(KIM, Action.SEARCH, purpose=text, query=text).query == text
    assert ledger.record(KIM, Action.SEARCH, query="a\ud800b").query == "a?b"
    assert ledger.verify().clean


def test_with_the_transaction_or_not_at_all(ledger: Ledger) -> None:
    """What a failing transaction recorded is gone with it, and the chain goes on."""
    ledger.record(KIM, Action.SEARCH)

    def failing() -> None:
        with ledger.database.transaction():
            assert ledger.record(KIM, Action.VIEW).sequence == 2
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    with ledger.database.transaction():
        ledger.record(KIM, Action.EXPORT)
        ledger.record(KIM, Action.MARK)
    assert [entry.action for entry in ledger.entries()] == [Action.SEARCH, Action.EXPORT, Action.MARK]
    assert ledger.verify().clean


def test_threads_get_each_their_own_entry(ledger: Ledger) -> None:
    """Those that record at the same moment share a commit, and each gets what it handed in."""
    got: list[tuple[str, LedgerEntry]] = []
    together = threading.Barrier(8)

    def work(name: int) -> None:
        together.wait()
        for number in range(12):
            query = f"{name} {number}"
            got.append((query, ledger.record(KIM, Action.SEARCH, query=query)))

    threads = [threading.Thread(target=work, args=[name]) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(entry.sequence for _, entry in got) == list(range(1, 97))
    assert all(entry.query == query for query, entry in got)
    by_sequence = {entry.sequence: entry for _, entry in got}
    assert ledger.entries() == [by_sequence[sequence] for sequence in range(1, 97)]
    assert ledger.verify().clean


def test_one_bad_commit_fails_all_who_shared_it_and_no_one_else(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is told that an entry is safe which is not."""
    ledger.record(KIM, Action.SEARCH)
    with monkeypatch.context() as patch:
        patch.setattr(ledger.key, "sign", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            ledger.record(KIM, Action.VIEW)
    assert ledger.record(KIM, Action.MARK).sequence == 2
    assert [entry.action for entry in ledger.entries()] == [Action.SEARCH, Action.MARK]
