"""Sessions of people who have signed in: a random token in the browser's cookie, only its hash in here."""

import hashlib
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from attrieve.errors import StorageError
from attrieve.serving.access.roles import Role
from attrieve.serving.state.database import StateDatabase

TABLES = """
CREATE TABLE sessions (
    token TEXT PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts (name),
    began_s REAL NOT NULL,
    seen_s REAL NOT NULL
) STRICT;
CREATE INDEX sessions_account ON sessions (account);
"""

CLOCK_MAY_DIFFER_S = 300.0
"""A session that begins later than this from now was begun before the clock was set back: it ends."""
SEEN_EVERY_S = 30.0
"""How often at most it is written down that somebody is still there."""


@dataclass(frozen=True)
class Session:
    """Somebody who is signed in.

    Args:
        account: name.
        role: of the account now.
        began_s: when it began, in seconds since 1970.
        ends_s: when it ends in any case.
    """

    account: str
    role: Role
    began_s: float
    ends_s: float


class Sessions:
    """The sessions of an installation.

    Args:
        database: where they lie, with the accounts.
        idle_s: seconds without a request after which a session ends.
        longest_s: seconds after which it ends in any case.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        database: StateDatabase,
        *,
        idle_s: float,
        longest_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._idle_s = idle_s
        self._longest_s = longest_s
        self._clock = clock
        database.ensure("sessions", [TABLES])

    def begin(self, account: str) -> str:
        """Begin a session and return its token, which is not kept."""
        token, now = secrets.token_urlsafe(32), self._clock()
        with self._database.transaction() as connection:
            connection.execute(
                "DELETE FROM sessions WHERE seen_s < ? OR began_s < ? OR began_s > ?",
                [now - self._idle_s, now - self._longest_s, now + CLOCK_MAY_DIFFER_S],
            )
            connection.execute("INSERT INTO sessions VALUES (?, ?, ?, ?)", [_kept(token), account, now, now])
        return token

    def find(self, token: str) -> Session | None:
        """Return the session of a token, or None if it has ended or the account may not sign in."""
        rows = self._database.rows(
            "SELECT account, role, began_s, seen_s FROM sessions JOIN accounts ON name = account"
            " WHERE token = ? AND NOT disabled AND NOT removed",
            [_kept(token)],
        )
        if not rows:
            return None
        account, role, began_s, seen_s = rows[0]
        now = self._clock()
        ends_s = began_s + self._longest_s
        if now >= ends_s or now - seen_s >= self._idle_s or began_s > now + CLOCK_MAY_DIFFER_S:
            with suppress(StorageError):  # it is over whether or not that can be written down
                self.end(token)
            return None
        if abs(now - seen_s) >= min(SEEN_EVERY_S, self._idle_s / 10):
            # on a full disk searches go on; what they must write, the ledger, has room kept for it
            with suppress(StorageError), self._database.transaction() as connection:
                connection.execute("UPDATE sessions SET seen_s = ? WHERE token = ?", [now, _kept(token)])
        return Session(account, Role(role), began_s, ends_s)

    def end(self, token: str) -> bool:
        """End a session; return whether there was one."""
        with self._database.transaction() as connection:
            return connection.execute("DELETE FROM sessions WHERE token = ?", [_kept(token)]).rowcount > 0

    def end_all(self, account: str, *, but: str | None = None) -> int:
        """End the sessions of an account, all but that of one token, and return how many."""
        with self._database.transaction() as connection:
            return connection.execute(
                "DELETE FROM sessions WHERE account = ? AND token IS NOT ?",
                [account, None if but is None else _kept(but)],
            ).rowcount


def _kept(token: str) -> str:
    """Return what is kept of a token: its hash; with 256 random bits nothing slower is needed."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
