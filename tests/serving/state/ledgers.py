"""Ledgers for tests, and what an attacker with the file in hand can do to them."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from os import environ
from pathlib import Path

from attrieve.serving.access.roles import Actor, Role
from attrieve.serving.state.database import StateDatabase
from attrieve.serving.state.ledger import DATABASE_FILE, Action, Ledger
from attrieve.serving.state.ledger_check import LedgerCheck, check_ledger
from attrieve.serving.state.ledger_retention import remove_entries_before
from attrieve.serving.state.ledger_seal import SignedHead
from attrieve.serving.state.signing import SigningKey

KIM = Actor("kim", Role.SEARCHER, "session")
LEE = Actor("lee", Role.CURATOR, "key", "0123456789ab")
LOCAL = Actor("root", Role.ADMINISTRATOR, "local")
START_S = datetime(2024, 5, 1, tzinfo=UTC).timestamp()
HERE = Path(__file__).parent


class Clock:
    """A clock that goes as it is told."""

    def __init__(self, now_s: float = START_S) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


def fill(ledger: Ledger, clock: Clock, count: int, *, minutes: float = 1.0) -> None:
    """Record different things, a minute apart."""
    for number in range(count):
        clock.now_s += 60 * minutes
        ledger.record(
            (KIM, LEE)[number % 2],
            (Action.SEARCH, Action.VIEW, Action.EXPORT)[number % 3],
            purpose=("missing child", None)[number % 2],
            case=f"{number}/24",
            query={"hat": number / 10} if number % 3 else "red jacket, ünsicher",
            details={"rows": number},
            keys=[f"{number:016x}"],
        )


def make(folder: Path, count: int = 6, *, retained_from: int = 1) -> None:
    """Make a ledger and close it, so that all of it lies in one file."""
    clock = Clock()
    ledger = Ledger.open(folder, clock=clock)
    fill(ledger, clock, count)
    if retained_from > 1:
        moment = datetime.fromtimestamp(START_S + 60 * retained_from, UTC)
        assert remove_entries_before(ledger, moment, LOCAL) == retained_from - 1
    ledger.write_head_file()
    ledger.database.forget_deleted()
    ledger.database.close()


def check(folder: Path, *, anchor: SignedHead | None = None) -> LedgerCheck:
    """Check the ledger of a folder as the command does: without making anything."""
    database = StateDatabase(folder / DATABASE_FILE)
    try:
        return check_ledger(database, SigningKey.open(folder).public_key, anchor=anchor)
    finally:
        database.close()


@contextmanager
def attack(folder: Path) -> Iterator[sqlite3.Connection]:
    """Write into the file without the triggers, which are put back afterwards."""
    connection = sqlite3.connect(folder / DATABASE_FILE, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("BEGIN")
    triggers = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    try:
        yield connection
    except BaseException:
        connection.close()
        raise
    for _, statement in triggers:
        connection.execute(statement)
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def copied(source: Path, target: Path) -> Path:
    """Return a copy of a state folder."""
    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(source, target)
    return target


def start_recording(folder: Path, name: str, entries: int, limit: int = 0) -> subprocess.Popen[str]:
    """Start a process that records; return it once it is ready to begin."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "recording.py"), str(folder), name, str(entries), str(limit)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**environ, "PYTHONFAULTHANDLER": "1"},
    )
    assert process.stdout is not None
    ready = process.stdout.readline()
    if ready != "ready\n":
        assert process.stderr is not None
        raise AssertionError(process.stderr.read())
    return process
