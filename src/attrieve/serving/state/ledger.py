"""The ledger: who did what, when, what for and with which rows; written once, never changed.

Every entry holds the SHA-256 of the one before, so that a change, a removal or another order breaks the
chain; and after every entry the ledger's end is signed with the installation's key, so that cutting entries
off the end is noticed too. What that cannot show: ``docs/service-access.md``.

An entry is on the disk when :meth:`Ledger.record` returns. Threads that record at the same moment share one
commit; other processes wait their turn.

>>> import tempfile
>>> from attrieve.serving.access.roles import Actor, Role
>>> folder = tempfile.TemporaryDirectory()
>>> ledger = Ledger.open(Path(folder.name))
>>> kim = Actor("kim", Role.SEARCHER, "session")
>>> ledger.record(kim, Action.SEARCH, purpose="missing child", case="7/24", query="red jacket").sequence
1
>>> [entry.case for entry in ledger.entries(who="kim")], ledger.verify().clean
(['7/24'], True)
>>> ledger.database.close()
>>> folder.cleanup()
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attrieve.errors import InputError, StorageError
from attrieve.serving.access.roles import Actor
from attrieve.serving.state.database import StateDatabase
from attrieve.serving.state.ledger_check import LedgerCheck, check_ledger
from attrieve.serving.state.ledger_entry import NOTHING_BEFORE, Action, Draft, LedgerEntry
from attrieve.serving.state.ledger_head_file import HeadFile
from attrieve.serving.state.ledger_seal import SignedHead
from attrieve.serving.state.ledger_tables import LEDGER_TABLES
from attrieve.serving.state.reserve import RESERVE_FILE, Reserve
from attrieve.serving.state.signing import SigningKey

__all__ = ["Action", "Ledger", "LedgerEntry"]

DATABASE_FILE = "state.sqlite"
MOST_TOGETHER = 256
"""How many entries share one commit at most."""


class Ledger:
    """The entries of one installation.

    Args:
        database: where they lie.
        key: the installation's.
        clock: seconds since 1970.
    """

    def __init__(
        self, database: StateDatabase, key: SigningKey, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.database = database
        self.key = key
        self.clock = clock
        self.reserve = Reserve(database.path.with_name(RESERVE_FILE))
        self._waiting: list[_Waiting] = []
        self._waiting_guard = threading.Lock()
        self._writing = threading.Lock()
        self._head_file = HeadFile(database, key.public_key)
        database.ensure("ledger", [LEDGER_TABLES])
        with database.transaction() as connection:
            empty = SignedHead.signed(0, NOTHING_BEFORE, key)
            connection.execute(
                "INSERT OR IGNORE INTO ledger_head"
                " SELECT 1, ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM ledger)"
                " AND NOT EXISTS (SELECT 1 FROM ledger_tombstones)",
                [empty.sequence, empty.hash, empty.signature],
            )

    @classmethod
    def open(cls, state: Path | str, *, clock: Callable[[], float] = time.time) -> "Ledger":
        """Open the ledger of a state folder, for what works without the service.

        Raises:
            StorageError: if the folder cannot be read or written.
        """
        state = Path(state)
        return cls(StateDatabase(state / DATABASE_FILE), SigningKey.open(state), clock=clock)

    def record(
        self,
        actor: Actor,
        action: Action,
        *,
        purpose: str | None = None,
        case: str | None = None,
        query: Any = None,
        details: Mapping[str, Any] | None = None,
        keys: Sequence[str] = (),
    ) -> LedgerEntry:
        """Write an entry; it is on the disk when this returns.

        Within :meth:`StateDatabase.transaction` it is written with the rest of the transaction, or not.

        Args:
            actor: who did it.
            action: what was done.
            purpose: what for, as stated.
            case: number of the case, as stated.
            query: the description searched for: text, or anything JSON knows.
            details: whatever else tells what was done, as JSON knows it; no names or pictures of people.
            keys: of the gallery rows shown, exported, marked, added or deleted.

        Returns:
            The entry, with its place and its hash.

        Raises:
            InputError: if query or details are not JSON.
            StorageError: if the disk refuses; nothing is recorded then, and what was to be recorded must not
                be done.
        """
        draft = Draft(actor, Action(action), purpose, case, query, details or {}, tuple(keys)).checked()
        if self.database.in_transaction:
            with self.database.transaction() as connection:
                self.database.after_commit(self._head_file.soon)
                return self._append(connection, [draft])[0]
        waiting = _Waiting(draft)
        with self._waiting_guard:
            self._waiting.append(waiting)
        with self._writing:
            if not waiting.done:
                self._write_those_waiting(waiting)
        if waiting.error is not None:
            raise waiting.error
        assert waiting.entry is not None
        return waiting.entry

    def entries(
        self,
        *,
        who: str | None = None,
        action: Action | str | None = None,
        case: str | None = None,
        purpose: str | None = None,
        key: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: int | None = None,
        before: int | None = None,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> list[LedgerEntry]:
        """Return entries by sequence; all conditions given must hold.

        Args:
            who: name of the account.
            action: what was done.
            case: number of the case.
            purpose: as stated, word for word.
            key: of a gallery row: what was done with one picture.
            since: from this moment on, by the clock at the time.
            until: before this moment.
            after: only sequences greater than this; for paging.
            before: only sequences smaller than this; for paging newest first.
            newest_first: in the opposite order.
            limit: at most so many.
        """
        wanted = _Wanted.of(who, action, case, purpose, key, since, until, after, before)
        order = "DESC" if newest_first else "ASC"
        rows = self.database.rows(
            f"SELECT entry, hash FROM ledger{wanted.clause} ORDER BY sequence {order} LIMIT ?",
            [*wanted.parameters, -1 if limit is None else limit],
        )
        return [_read(row) for row in rows]

    def count(
        self,
        *,
        who: str | None = None,
        action: Action | str | None = None,
        case: str | None = None,
        purpose: str | None = None,
        key: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> int:
        """Return how many entries meet the conditions of :meth:`entries`."""
        wanted = _Wanted.of(who, action, case, purpose, key, since, until, None, None)
        rows = self.database.rows(f"SELECT count(*) FROM ledger{wanted.clause}", wanted.parameters)
        return int(rows[0][0])

    def every_entry(self, *, page: int = 1000) -> Iterator[LedgerEntry]:
        """Yield all entries by sequence without holding them all in memory."""
        after = 0
        while found := self.entries(after=after, limit=page):
            yield from found
            after = found[-1].sequence

    def head(self) -> SignedHead:
        """Return where the ledger ends, signed: kept elsewhere, it shows later that nothing was cut off."""
        rows = self.database.rows("SELECT sequence, hash, signature FROM ledger_head")
        if not rows:
            raise StorageError(
                f"the head of the ledger in {self.database.path} is gone: attrieve ledger verify tells more"
            )
        return SignedHead(*rows[0])

    def verify(self, *, anchor: SignedHead | None = None) -> LedgerCheck:
        """Look for changed, missing, misplaced and cut off entries.

        Args:
            anchor: a head of this ledger that was kept elsewhere.
        """
        return check_ledger(self.database, self.key.public_key, anchor=anchor)

    def write_head_file(self) -> None:
        """Write the head beside the database now; the service does it when it stops.

        Raises:
            StorageError: if the disk refuses, or the file holds a head that is not on this ledger.
            InputError: if the file holds no head at all.
        """
        self._head_file.write()

    def _write_those_waiting(self, mine: "_Waiting") -> None:
        """Write what has gathered in one commit; ``mine`` is among it or comes in the next round."""
        while not mine.done:
            with self._waiting_guard:
                together = self._waiting[:MOST_TOGETHER]
                del self._waiting[:MOST_TOGETHER]
            try:
                entries = self._committed([waiting.draft for waiting in together])
                for waiting, entry in zip(together, entries, strict=True):
                    waiting.entry = entry
            except BaseException as error:
                for waiting in together:
                    waiting.error = error
                if not isinstance(error, Exception):
                    raise
            finally:
                for waiting in together:
                    waiting.done = True
        self._head_file.soon()

    def _committed(self, drafts: Sequence[Draft]) -> list[LedgerEntry]:
        """Write entries in one commit; where the disk is full, into the room kept for them."""
        try:
            with self.database.transaction() as connection:
                return self._append(connection, drafts)
        except StorageError:
            if not self.reserve.give_up():
                raise
        with self.database.transaction() as connection:
            return self._append(connection, drafts)

    def _append(self, connection: sqlite3.Connection, drafts: Sequence[Draft]) -> list[LedgerEntry]:
        head = connection.execute("SELECT sequence, hash FROM ledger_head").fetchone()
        if head is None:
            raise StorageError(
                f"the head of the ledger in {self.database.path} is gone, so nothing can follow it:"
                " attrieve ledger verify tells more"
            )
        sequence, digest = int(head["sequence"]), str(head["hash"])
        last = connection.execute("SELECT time FROM ledger WHERE sequence = ?", [sequence]).fetchone()
        before_s = datetime.fromisoformat(last["time"]).timestamp() if last else 0.0
        entries = []
        for draft in drafts:
            now_s = self.clock()
            sequence += 1
            text, entry = draft.placed(sequence, digest, now_s, before_s)
            connection.execute(
                "INSERT INTO ledger (sequence, entry, hash) VALUES (?, ?, ?)", [sequence, text, entry.hash]
            )
            digest, before_s = entry.hash, now_s
            entries.append(entry)
        signed = SignedHead.signed(sequence, digest, self.key)
        connection.execute(
            "UPDATE ledger_head SET sequence = ?, hash = ?, signature = ?",
            [signed.sequence, signed.hash, signed.signature],
        )
        return entries


@dataclass(eq=False)
class _Waiting:
    """An entry that a thread waits for."""

    draft: Draft
    entry: LedgerEntry | None = None
    error: BaseException | None = None
    done: bool = False


@dataclass(frozen=True)
class _Wanted:
    """A WHERE clause and its parameters."""

    clause: str
    parameters: list[Any] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        who: str | None,
        action: str | None,
        case: str | None,
        purpose: str | None,
        key: str | None,
        since: datetime | None,
        until: datetime | None,
        after: int | None,
        before: int | None,
    ) -> "_Wanted":
        conditions = {
            "who = ?": who,
            "action = ?": action,
            "case_number = ?": case,
            "purpose = ?": purpose,
            "EXISTS (SELECT 1 FROM json_each(entry, '$.keys') WHERE value = ?)": key,
            "time >= ?": None if since is None else _utc(since),
            "time < ?": None if until is None else _utc(until),
            "sequence > ?": after,
            "sequence < ?": before,
        }
        given = {condition: value for condition, value in conditions.items() if value is not None}
        return cls(" WHERE " + " AND ".join(given) if given else "", list(given.values()))


def _utc(moment: datetime) -> str:
    """Return a moment as entries hold it; one without a zone is taken for UTC."""
    try:
        utc = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise InputError(f"{moment.isoformat()} is before or after all time") from None
    return utc.isoformat(timespec="microseconds")


def _read(row: sqlite3.Row) -> LedgerEntry:
    try:
        return LedgerEntry.from_text(row["entry"], row["hash"])
    except (ValueError, TypeError) as error:
        raise StorageError(
            f"an entry of the ledger cannot be read ({error}): attrieve ledger verify tells which"
        ) from error
