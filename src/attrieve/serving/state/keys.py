"""API keys of programs: shown once, kept as a hash, with a role and an end.

A key reads ``attrieve_PREFIX_SECRET``. The prefix is public: lists and the ledger name the key by it.
"""

import hashlib
import hmac
import re
import secrets
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from attrieve.errors import InputError, StorageError, UnknownNameError
from attrieve.serving.access.roles import Role
from attrieve.serving.state.database import StateDatabase
from attrieve.serving.state.names import checked_name
from attrieve.serving.state.sessions import CLOCK_MAY_DIFFER_S

TABLES = """
CREATE TABLE api_keys (
    prefix TEXT PRIMARY KEY,
    secret TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    created_s REAL NOT NULL,
    ends_s REAL NOT NULL,
    used_s REAL,
    revoked INTEGER NOT NULL DEFAULT 0
) STRICT;
"""

DAY_S = 86_400.0
LONGEST_DAYS = 3650
USED_EVERY_S = 60.0
"""How often at most it is written down that a key was used."""
_KEY = re.compile(r"attrieve_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True)
class ApiKey:
    """What is known of a key.

    Args:
        prefix: its public beginning, 12 hexadecimal digits.
        name: of the program it was made for.
        role: what it may do.
        created_s: when, in seconds since 1970.
        ends_s: from when on it is refused.
        used_s: when it was last used, to the minute, or None.
        revoked: whether it was taken back.
    """

    prefix: str
    name: str
    role: Role
    created_s: float
    ends_s: float
    used_s: float | None
    revoked: bool


class ApiKeys:
    """The keys of an installation.

    Args:
        database: where they lie.
        clock: seconds since 1970.
    """

    def __init__(self, database: StateDatabase, *, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        database.ensure("api-keys", [TABLES])

    def create(self, name: str, role: Role, *, days: float) -> tuple[str, ApiKey]:
        """Make a key.

        Args:
            name: of the program it is for.
            role: what it may do.
            days: how long it is good for.

        Returns:
            The key itself, which is not kept and cannot be shown again, and what is known of it.

        Raises:
            InputError: for a name or a number of days that cannot be used.
        """
        checked_name(name)
        if not 0 < days <= LONGEST_DAYS:
            raise InputError(f"a key is good for more than 0 and at most {LONGEST_DAYS} days, not {days:g}")
        prefix, secret, now = secrets.token_hex(6), secrets.token_urlsafe(32), self._clock()
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO api_keys (prefix, secret, name, role, created_s, ends_s)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                [prefix, _kept(secret), name, role.value, now, now + days * DAY_S],
            )
        return f"attrieve_{prefix}_{secret}", self.get(prefix)

    def get(self, prefix: str) -> ApiKey:
        """Return what is known of a key.

        Raises:
            UnknownNameError: if there is none with this prefix.
        """
        rows = self._database.rows("SELECT * FROM api_keys WHERE prefix = ?", [prefix])
        if not rows:
            raise UnknownNameError("key", prefix, [key.prefix for key in self.all()])
        return _key(rows[0])

    def all(self) -> list[ApiKey]:
        """Return all keys, oldest first, ended and revoked ones included."""
        return [_key(row) for row in self._database.rows("SELECT * FROM api_keys ORDER BY created_s, prefix")]

    def find(self, text: str) -> ApiKey | None:
        """Return the key somebody brought if it is genuine, also when it has ended; see :meth:`refusal`."""
        parts = _KEY.fullmatch(text)
        if parts is None:
            return None
        rows = self._database.rows("SELECT * FROM api_keys WHERE prefix = ?", [parts[1]])
        kept = rows[0]["secret"] if rows else _kept("nobody's")
        if not hmac.compare_digest(kept, _kept(parts[2])) or not rows:
            return None
        return _key(rows[0])

    def refusal(self, key: ApiKey) -> str | None:
        """Return why a genuine key is refused, or None if it is good."""
        now = self._clock()
        if key.revoked:
            return f"the key {key.prefix} was revoked; ask an administrator for another"
        if now >= key.ends_s:
            return f"the key {key.prefix} has ended; ask an administrator to rotate it"
        if key.created_s > now + CLOCK_MAY_DIFFER_S:
            return f"the key {key.prefix} is newer than this machine's clock says it is now; set the clock"
        return None

    def used(self, key: ApiKey) -> None:
        """Write down that a key was used, if there is room; no request is refused for that."""
        now = self._clock()
        if key.used_s is None or abs(now - key.used_s) >= USED_EVERY_S:
            with suppress(StorageError), self._database.transaction() as connection:
                connection.execute("UPDATE api_keys SET used_s = ? WHERE prefix = ?", [now, key.prefix])

    def rotate(self, prefix: str, *, days: float, overlap_s: float = 0.0) -> tuple[str, ApiKey]:
        """Make a successor with the same name and role, and end the old key.

        Args:
            prefix: of the old key.
            days: how long the new one is good for.
            overlap_s: seconds the old one stays good, so that programs can be given the new one.

        Raises:
            UnknownNameError: if there is none with this prefix.
            InputError: if it was revoked or has ended, or for a number of days that cannot be used.
        """
        with self._database.transaction() as connection:
            old = self.get(prefix)
            if refusal := self.refusal(old):
                raise InputError(f"cannot rotate: {refusal}")
            text, new = self.create(old.name, old.role, days=days)
            ends_s = min(old.ends_s, self._clock() + max(0.0, overlap_s))
            connection.execute("UPDATE api_keys SET ends_s = ? WHERE prefix = ?", [ends_s, prefix])
        return text, new

    def revoke(self, prefix: str) -> ApiKey:
        """Take a key back at once.

        Raises:
            UnknownNameError: if there is none with this prefix.
        """
        self.get(prefix)
        with self._database.transaction() as connection:
            connection.execute("UPDATE api_keys SET revoked = 1 WHERE prefix = ?", [prefix])
        return self.get(prefix)


def _kept(secret: str) -> str:
    """Return what is kept of a secret: its hash; with 256 random bits nothing slower is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _key(row: sqlite3.Row) -> ApiKey:
    return ApiKey(
        row["prefix"],
        row["name"],
        Role(row["role"]),
        row["created_s"],
        row["ends_s"],
        row["used_s"],
        bool(row["revoked"]),
    )
