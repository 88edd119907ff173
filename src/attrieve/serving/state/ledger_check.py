"""Looking for what was done to a ledger behind its back."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from attrieve.errors import AttrieveError
from attrieve.serving.state.database import StateDatabase, single_statements
from attrieve.serving.state.ledger_entry import NOTHING_BEFORE
from attrieve.serving.state.ledger_seal import HEAD_FILE, SignedHead, Tombstone
from attrieve.serving.state.ledger_tables import LEDGER_TABLES
from attrieve.serving.state.signing import verify_signature

MOST_PROBLEMS = 100
"""How many are told; one change can break much."""
GIVEN = "the head given"


@dataclass(frozen=True)
class LedgerCheck:
    """What a check found.

    Args:
        entries: how many there are.
        removed: how many retention has removed.
        problems: one sentence each; empty if the ledger is as it was written.
        head: where it ends, or None if that is gone.
        clock_went_back: sequences of entries before which the clock was set back; no fault of the ledger.
    """

    entries: int
    removed: int
    problems: tuple[str, ...]
    head: SignedHead | None
    clock_went_back: tuple[int, ...]

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.problems


def check_ledger(
    database: StateDatabase, public_key: str, *, anchor: SignedHead | None = None
) -> LedgerCheck:
    """Compare a ledger with its hashes, its signed head and the head beside the database.

    Args:
        database: where the ledger lies; nothing is written.
        public_key: of the installation, 64 hexadecimal digits.
        anchor: a head of this ledger that was kept elsewhere; what was written before it must be there.

    Raises:
        StorageError: if the database cannot be read at all.
    """
    check = _Check(public_key)
    # read before the database is looked at: a service that runs beside goes on writing both
    kept = check.kept(database.path.with_name(HEAD_FILE))
    if anchor is not None:
        kept[GIVEN] = anchor
    with database.snapshot() as connection:
        try:
            check.tables(connection)
            check.tombstones(connection)
            check.chain(connection)
            head = check.head(connection)
            check.anchors(connection, kept)
            check.indexes(connection)
        except sqlite3.OperationalError as error:
            check.found(f"the check stopped: {error}")
            head = None
    return LedgerCheck(
        check.entries, check.through, tuple(check.problems[:MOST_PROBLEMS]), head, tuple(check.back)
    )


class _Check:
    def __init__(self, public_key: str) -> None:
        self.public_key = public_key
        self.problems: list[str] = []
        self.entries = 0
        self.through = 0
        self.last = 0
        self.last_hash = NOTHING_BEFORE
        self.back: list[int] = []
        self.removed_ends: dict[int, str] = {}

    def found(self, problem: str) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)

    def tables(self, connection: sqlite3.Connection) -> None:
        """The tables and triggers are those this version makes."""
        expected = {_named(statement): _plain(statement) for statement in single_statements(LEDGER_TABLES)}
        stored = {
            str(row["name"]): _plain(str(row["sql"]))
            for row in connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL")
        }
        for name, statement in expected.items():
            if name not in stored:
                self.found(f"{name} is missing from the database")
            elif stored[name] != statement:
                self.found(f"{name} is not defined as attrieve defines it")
        for row in connection.execute("SELECT name, tbl_name FROM sqlite_schema WHERE type = 'trigger'"):
            if str(row["tbl_name"]).startswith("ledger") and row["name"] not in expected:
                self.found(f"trigger {row['name']} was added to the ledger")

    def tombstones(self, connection: sqlite3.Connection) -> None:
        """They are signed, and each begins where the one before ends."""
        for expected, row in enumerate(
            connection.execute("SELECT number, statement, signature FROM ledger_tombstones ORDER BY number"),
            1,
        ):
            number, statement, signature = row
            name = f"tombstone {number}"
            if not isinstance(statement, str) or not isinstance(signature, str):
                self.found(f"{name} is not text")
                continue
            if not verify_signature(self.public_key, statement.encode(), signature):
                self.found(f"{name} is not signed by this installation")
                continue
            stone = Tombstone.from_statement(statement)
            if stone.number != number or number != expected or stone.first != self.through + 1:
                self.found(f"{name} stands where another one should, or one before it is missing")
            self.through, self.last, self.last_hash = stone.through, stone.through, stone.hash
            self.removed_ends[stone.through] = stone.hash

    def chain(self, connection: sqlite3.Connection) -> None:
        """Every entry has its hash and names the one before."""
        for sequence, entry, digest in connection.execute(
            "SELECT sequence, entry, hash FROM ledger ORDER BY sequence"
        ):
            self.entries += 1
            name = f"entry {sequence}"
            if not isinstance(entry, str):
                self.found(f"{name} was changed: it is not text")
                self.last = sequence
                continue
            real = hashlib.sha256(entry.encode("utf-8", "surrogatepass")).hexdigest()
            if real != digest:
                self.found(f"{name} was changed: its content does not have its hash")
            inside, previous, back_s = _read(entry)
            if inside != sequence:
                self.found(f"{name} was moved: it says it is entry {inside}")
            if sequence <= self.through:
                self.found(f"{name} stands where entries were removed through {self.through}")
            elif sequence != self.last + 1:
                self.found(_missing(self.last + 1, sequence - 1))
            elif previous != self.last_hash:
                self.found(f"{name} does not follow on the one before: one of them was changed")
            if back_s:
                self.back.append(sequence)
            self.last, self.last_hash = sequence, real

    def head(self, connection: sqlite3.Connection) -> SignedHead | None:
        """The signed head is where the entries end."""
        rows = connection.execute("SELECT sequence, hash, signature FROM ledger_head").fetchall()
        if len(rows) != 1:
            self.found("the signed head is gone: whether entries were cut off the end cannot be told")
            return None
        head = SignedHead(*rows[0])
        if not head.genuine(self.public_key):
            self.found("the head is not signed by this installation")
        if head.sequence > self.last:
            self.found(f"{_missing(self.last + 1, head.sequence)}: cut off the end")
        elif head.sequence < self.last:
            self.found(f"{_missing(head.sequence + 1, self.last, 'added')} behind the signed end")
        elif head.hash != self.last_hash:
            self.found(f"the last entry is not the one that was signed as entry {head.sequence}")
        return head

    def kept(self, file: Path) -> dict[str, SignedHead]:
        """Return the head beside the database by its name, if there is one."""
        if file.exists():
            try:
                return {f"the head in {file.name}": SignedHead.read(file)}
            except AttrieveError as error:
                self.found(str(error).replace(str(file), file.name))  # auditors read it from elsewhere, too
        return {}

    def anchors(self, connection: sqlite3.Connection, kept: Mapping[str, SignedHead]) -> None:
        """Heads kept outside the database are on the chain."""
        for name, head in kept.items():
            if not head.genuine(self.public_key):
                self.found(f"{name} is not signed by this installation")
                continue
            if head.sequence > self.last:
                self.found(
                    f"the ledger ends at {self.last}, before {name}, {head.sequence}: entries were cut off"
                )
                continue
            row = connection.execute("SELECT hash FROM ledger WHERE sequence = ?", [head.sequence]).fetchone()
            digest = row["hash"] if row is not None else self.removed_ends.get(head.sequence)
            if digest is None and head.sequence > 0 and name == GIVEN:
                self.found(
                    f"{name}, {head.sequence}, lies among the entries removed through {self.through}, so it"
                    " cannot be compared: give a newer one"
                )
            elif digest is not None and digest != head.hash:
                self.found(f"entry {head.sequence} is not the one in {name}: the ledger was written anew")

    def indexes(self, connection: sqlite3.Connection) -> None:
        """What one searches by finds every entry."""
        for row in connection.execute("PRAGMA integrity_check('ledger')"):
            if row[0] != "ok":
                self.found(f"the file is damaged: {row[0]}")


def _read(entry: str) -> tuple[object, object, object]:
    try:
        content = json.loads(entry)
        return content["sequence"], content["previous"], content["clock_back_s"]
    except (ValueError, KeyError, TypeError):
        return None, None, None


def _missing(first: int, last: int, what: str = "missing") -> str:
    return f"entry {first} is {what}" if first == last else f"entries {first} to {last} are {what}"


def _named(statement: str) -> str:
    """Return what a CREATE statement makes.

    >>> _named("CREATE TABLE ledger (x) STRICT;")
    'ledger'
    """
    return statement.split()[2]


def _plain(statement: str) -> str:
    return " ".join(statement.rstrip(";").split())


def lines(check: LedgerCheck) -> Iterator[str]:
    """Say it in lines to read."""
    if check.clean:
        yield f"{check.entries:,} entries, as they were written"
    else:
        yield f"{check.entries:,} entries, {len(check.problems)} problems"
        yield from check.problems
    if check.removed:
        yield f"{check.removed:,} older ones were removed by retention, with signed tombstones"
    if check.clock_went_back:
        yield f"the clock was set back before {len(check.clock_went_back)} entries; their order stands"
