"""How often somebody may ask: a bucket of tokens for each key, account or address.

All processes that share a state folder count together, in a small SQLite file of its own. A request takes its
token in one transaction that waits for no disk (``synchronous=OFF``): what a loss of power takes is at most a
minute's count. Where the file cannot be used, full disk included, each process counts by itself; the file
never keeps anybody from what is allowed.
"""

import logging
import os
import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

MOST_BUCKETS = 10_000
BUCKETS_FILE = "requests.sqlite"
FULL_AFTER_S = 60.0
"""Seconds in which an empty bucket fills."""
TIDY_EVERY = 2000
"""Tokens between two removals of full buckets."""
WAIT_S = 1.0
"""How long a process waits for the others' turn before it counts by itself."""
ALONE_S = 10.0
"""How long it counts by itself then, before it tries the file again."""

log = logging.getLogger(__name__)


def _taken(full_s: float | None, now_s: float, per_minute: float) -> tuple[float, float]:
    """Take a token from a bucket, kept as the moment when it will be full again.

    The generic cell rate algorithm, ITU-T I.371. A moment that no bucket can have is of another boot's clock,
    and counts as full.

    Returns:
        When it will be full then, and 0.0; or the moment as it was, and how many seconds until there is one.
    """
    if full_s is None or not now_s < full_s <= now_s + FULL_AFTER_S + 1e-6:
        full_s = now_s
    after_s = full_s + 60.0 / per_minute
    wait_s = after_s - now_s - FULL_AFTER_S
    return (full_s, wait_s) if wait_s > 1e-9 else (after_s, 0.0)


class RateLimit:
    """Buckets that hold one minute's tokens and are filled evenly, counted in this process.

    Args:
        per_minute: tokens a minute, and the most a bucket holds.
        clock: seconds that never go back.

    >>> limit = RateLimit(2.0, clock=lambda: 0.0)
    >>> limit.take("kim"), limit.take("kim"), limit.take("kim"), limit.take("lee")
    (0.0, 0.0, 30.0, 0.0)
    """

    def __init__(self, per_minute: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._full_s: OrderedDict[str, float] = OrderedDict()
        self._guard = threading.Lock()

    def take(self, who: str) -> float:
        """Take a token; return 0, or if there is none, how many seconds until there is one."""
        with self._guard:
            full_s, wait_s = _taken(self._full_s.get(who), self._clock(), self.per_minute)
            self._full_s[who] = full_s
            self._full_s.move_to_end(who)
            while len(self._full_s) > MOST_BUCKETS:
                self._full_s.popitem(last=False)
        return wait_s


class SharedRateLimit:
    """The same, counted together by all processes that use one file.

    Args:
        path: of the file; made if it is missing, and readable by its owner alone.
        name: of the limit, for several share a file.
        per_minute: tokens a minute, and the most a bucket holds.
        clock: seconds that never go back, the same in all processes of a machine.
    """

    def __init__(
        self, path: Path, name: str, per_minute: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.path = path
        self._name = name
        self._clock = clock
        self._alone = RateLimit(per_minute, clock=clock)
        self._guard = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._until_tidy = 0
        self._alone_until_s: float | None = None

    def take(self, who: str) -> float:
        """Take a token; return 0, or if there is none, how many seconds until there is one."""
        with self._guard:
            if self._alone_until_s is None or time.monotonic() >= self._alone_until_s:
                try:
                    wait_s = self._take(f"{self._name} {who}")
                except (sqlite3.Error, OSError) as error:
                    if self._alone_until_s is None:
                        log.warning("each process counts requests by itself: %s: %s", self.path, error)
                    self._alone_until_s = time.monotonic() + ALONE_S
                    self._forget()
                else:
                    self._alone_until_s = None
                    return wait_s
        return self._alone.take(who)

    def close(self) -> None:
        """Close the file; it is opened again when it is needed."""
        with self._guard:
            self._forget()

    def _take(self, who: str) -> float:
        connection = self._opened()
        connection.execute("BEGIN IMMEDIATE")
        try:
            row = connection.execute("SELECT full_s FROM buckets WHERE who = ?", [who]).fetchone()
            now_s = self._clock()
            full_s, wait_s = _taken(row[0] if row else None, now_s, self._alone.per_minute)
            if not wait_s:
                connection.execute("INSERT OR REPLACE INTO buckets VALUES (?, ?)", [who, full_s])
            if self._until_tidy <= 0:
                # a bucket that is full need not be kept, nor one of another boot's clock
                connection.execute(
                    "DELETE FROM buckets WHERE full_s NOT BETWEEN ? AND ?", [now_s, now_s + FULL_AFTER_S + 1]
                )
                self._until_tidy = TIDY_EVERY
            self._until_tidy -= 1
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        return wait_s

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            connection = sqlite3.connect(
                self.path.absolute(), timeout=WAIT_S, isolation_level=None, check_same_thread=False
            )
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = OFF")
                connection.execute(
                    "CREATE TABLE IF NOT EXISTS buckets (who TEXT PRIMARY KEY, full_s REAL NOT NULL)"
                    " STRICT, WITHOUT ROWID"
                )
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _forget(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
