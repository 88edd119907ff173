"""Failed attempts to sign in: after a few, one has to wait, twice as long each time.

Counted in the database, so that all processes count together, and apart for each place that guesses: what
strangers do must not keep out who has been here before (docs/decisions/0014-guessing.md). Names that are no
account's are counted like others, so that nobody learns which are.
"""

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from attrieve.serving.problems import Problem, ProblemError
from attrieve.serving.state.database import StateDatabase

TABLES = """
CREATE TABLE sign_in_attempts (
    subject TEXT PRIMARY KEY,
    failures INTEGER NOT NULL,
    until_s REAL NOT NULL,
    last_s REAL NOT NULL
) STRICT;
"""

FREE = 5
"""Failures after which a name has to wait in one place."""
FREE_FOR_ADDRESS = 20
"""Failures after which an address has to wait, whatever the names; several people can share one."""
FREE_FOR_STRANGERS = 20
"""Failures after which a name has to wait wherever it has not signed in before."""
LONGEST_S = 900.0
FORGOTTEN_S = 86_400.0


@dataclass(frozen=True)
class Counter:
    """What failures are counted under.

    Args:
        subject: who, where.
        free: failures after which one waits.
        shared: whether others are counted there, too, so that one's success does not set it to nothing.
    """

    subject: str
    free: int = FREE
    shared: bool = False


def counters_of_device(name: str, device: str) -> tuple[Counter, ...]:
    """Return where a browser is counted that a name has signed in with: nobody else is."""
    return (Counter("device:" + _hash(name, device)),)


def counters_of_address(name: str, address: str, *, known: bool) -> tuple[Counter, ...]:
    """Return where an address is counted that guesses at a name.

    Args:
        name: as it was typed.
        address: where the attempt comes from.
        known: whether the name has signed in from there; if not, all strangers are counted together.
    """
    here = Counter("place:" + _hash(name, address))
    everything = Counter("address:" + address, FREE_FOR_ADDRESS, shared=True)
    strangers = Counter("strangers:" + _hash(name), FREE_FOR_STRANGERS, shared=True)
    return (here, everything) if known else (here, everything, strangers)


def counters_of_session(token: str) -> tuple[Counter, ...]:
    """Return where somebody is counted who has signed in and is asked for the password again."""
    return (Counter("session:" + _hash(token)),)


class Attempts:
    """Counts attempts.

    Args:
        database: where they are counted.
        clock: seconds since 1970.
    """

    def __init__(self, database: StateDatabase, *, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        database.ensure("sign-in-attempts", [TABLES])

    def begin(self, counters: Sequence[Counter]) -> None:
        """Count an attempt, before the password is looked at, so that many at once do not slip through.

        Raises:
            ProblemError: 429 if one has to wait; the attempt is not made then.
        """
        now = self._clock()
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM sign_in_attempts WHERE abs(? - last_s) > ?", [now, FORGOTTEN_S])
            failures: dict[str, int] = {}
            longest_s = 0.0
            for counter in counters:
                for row in connection.execute(
                    "SELECT failures, until_s FROM sign_in_attempts WHERE subject = ?", [counter.subject]
                ):
                    failures[counter.subject] = row["failures"]
                    # a clock that was set back must not make the wait longer than it ever is
                    longest_s = max(longest_s, min(LONGEST_S, row["until_s"] - now))
            if longest_s > 0:
                seconds = math.ceil(longest_s)
                raise ProblemError(
                    Problem.TOO_MANY_REQUESTS,
                    f"too many attempts to sign in; wait {seconds} seconds",
                    headers={"Retry-After": str(seconds)},
                )
            for counter in counters:
                failed = failures.get(counter.subject, 0) + 1
                connection.execute(
                    "INSERT OR REPLACE INTO sign_in_attempts VALUES (?, ?, ?, ?)",
                    [counter.subject, failed, now + _wait_s(failed - counter.free), now],
                )

    def succeeded(self, counters: Sequence[Counter]) -> None:
        """Forget the failures of who is counted alone; where others are counted, only this attempt.

        Or one account would free an address, and everybody who comes to work would free those who guess.
        """
        with self._database.transaction() as connection:
            for counter in counters:
                connection.execute(
                    "UPDATE sign_in_attempts SET failures = failures - 1, until_s = 0 WHERE subject = ?"
                    if counter.shared
                    else "DELETE FROM sign_in_attempts WHERE subject = ?",
                    [counter.subject],
                )


def _wait_s(beyond: int) -> float:
    return min(LONGEST_S, 2.0 ** min(beyond, 20)) if beyond >= 0 else 0.0


def _hash(*parts: str) -> str:
    """Return a fixed length for whatever was typed: people type passwords in the place of names, too."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
