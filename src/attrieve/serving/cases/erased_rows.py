"""Rows that are being erased, or were of late: what somebody has read of one before is not kept after."""

import sqlite3
from collections.abc import Callable, Sequence

from attrieve.serving.problems import Problem, ProblemError
from attrieve.serving.state.database import StateDatabase

REMEMBERED_S = 30 * 86_400.0
"""No request takes so long, and no process serves a snapshot so old: its files are gone before."""

Holds = Callable[[Sequence[str]], set[str]]
"""Says which rows the gallery on the disk holds now."""


class ErasedRows:
    """Remembers keys from the record of their erasure on.

    Args:
        database: of the service, with the tables of cases.
        now: seconds since 1970.
    """

    def __init__(self, database: StateDatabase, now: Callable[[], float]) -> None:
        self._database = database
        self._now = now
        self.holds: Holds = lambda _: set()

    def begin(self, keys: Sequence[str]) -> None:
        """Say that rows are being erased; within a transaction it joins it."""
        now = self._now()
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM erased_rows WHERE abs(? - erased_at) > ?", [now, REMEMBERED_S])
            connection.executemany(
                "INSERT OR REPLACE INTO erased_rows VALUES (?, ?, 0)", [(key, now) for key in keys]
            )

    def end(self, keys: Sequence[str]) -> None:
        """Say that the gallery holds the rows no longer."""
        with self._database.transaction() as connection:
            connection.executemany("UPDATE erased_rows SET gone = 1 WHERE key = ?", [(key,) for key in keys])

    def require_none(self, connection: sqlite3.Connection, keys: Sequence[str]) -> None:
        """Refuse rows that are erased, unless they have come back into the gallery since.

        Within the transaction in which something is to be kept of them: an erasure begins before it, and is
        seen here, or after it, and finds what was kept.

        Raises:
            ProblemError: ``person-not-found``.
            StorageError: if the gallery cannot be looked at.
        """
        gone: dict[str, bool] = {}
        for key in keys:
            for row in connection.execute("SELECT gone FROM erased_rows WHERE key = ?", [key]):
                gone[key] = bool(row["gone"])
        if not gone:
            return
        back = self.holds([key for key, done in gone.items() if done])
        for key in gone:
            if key not in back:
                told = f"the gallery holds no row {key!r}; it was erased"
                raise ProblemError(Problem.PERSON_NOT_FOUND, told)
