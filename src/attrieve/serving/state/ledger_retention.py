"""Removing old entries from a ledger so that it can still be checked.

Entries leave from the front alone. A tombstone in their place, signed, holds the hash that the first entry
left names as its predecessor's; and the last entry tells that they were removed. What they said is gone.
"""

from datetime import UTC, datetime
from sqlite3 import Connection

from attrieve.serving.access.roles import Actor
from attrieve.serving.state.ledger import Ledger
from attrieve.serving.state.ledger_entry import Action
from attrieve.serving.state.ledger_seal import Tombstone


def remove_entries_before(ledger: Ledger, moment: datetime, actor: Actor) -> int:
    """Remove the entries written before a moment, by the clock at their time; return how many.

    The first entry from the moment on, and all behind it, stay: also those that the clock, set back, called
    older.

    Args:
        ledger: of the installation.
        moment: with a time zone.
        actor: who does it; "local" for the service itself.

    Raises:
        StorageError: if the disk refuses; nothing is removed then.
    """
    database = ledger.database
    before = moment.astimezone(UTC).isoformat(timespec="microseconds")
    with database.transaction() as connection:
        old = _old(connection, before)
        if old is None:
            return 0
        first, through = old
        digest, newest = connection.execute(
            "SELECT (SELECT hash FROM ledger WHERE sequence = ?),"
            " (SELECT max(time) FROM ledger WHERE sequence <= ?)",
            [through, through],
        ).fetchone()
        count = through - first + 1
        told = {"what": "ledger", "entries": count, "first": first, "through": through, "before": before}
        ledger.record(actor, Action.RETENTION, details=told)
        number = 1 + connection.execute("SELECT count(*) FROM ledger_tombstones").fetchone()[0]
        removed = datetime.fromtimestamp(ledger.clock(), UTC).isoformat(timespec="microseconds")
        stone = Tombstone(number, first, through, digest, newest, removed)
        connection.execute(
            "INSERT INTO ledger_tombstones (number, statement, signature) VALUES (?, ?, ?)",
            [number, stone.statement, ledger.key.sign(stone.statement.encode("ascii"))],
        )
        connection.execute("DELETE FROM ledger WHERE sequence <= ?", [through])
    database.forget_deleted()
    return count


def _old(connection: Connection, before: str) -> tuple[int, int] | None:
    """Return the first and the last of the entries to remove, or None if there are none."""
    first, last, stays = connection.execute(
        "SELECT min(sequence), max(sequence), (SELECT min(sequence) FROM ledger WHERE time >= ?) FROM ledger",
        [before],
    ).fetchone()
    if first is None:
        return None
    through = int(last) if stays is None else int(stays) - 1
    return (int(first), through) if through >= first else None
