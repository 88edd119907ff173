"""Failed attempts to sign in: after a few, one has to wait, twice as long each time.

Counted for names and for addresses, in the database, so that all processes count together; names that are
no account's are counted like others, so that nobody learns which are.
"""

import hashlib
import math
import time
from collections.abc import Callable

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

FREE_FOR_NAME = 5
"""Failures after which a name has to wait."""
FREE_FOR_ADDRESS = 20
"""Failures after which an address has to wait; several people can share one."""
LONGEST_S = 900.0
FORGOTTEN_S = 86_400.0


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

    def begin(self, name: str, address: str) -> None:
        """Count an attempt, before the password is looked at, so that many at once do not slip through.

        Raises:
            ProblemError: 429 if one has to wait; the attempt is not made then.
        """
        now = self._clock()
        subjects = {_name(name): FREE_FOR_NAME, _address(address): FREE_FOR_ADDRESS}
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM sign_in_attempts WHERE abs(? - last_s) > ?", [now, FORGOTTEN_S])
            waits_s = [
                # a clock that was set back must not make the wait longer than it ever is
                min(LONGEST_S, until_s - now)
                for (until_s,) in connection.execute(
                    "SELECT until_s FROM sign_in_attempts WHERE subject IN (?, ?)", list(subjects)
                )
            ]
            if any(wait_s > 0 for wait_s in waits_s):
                wait_s = math.ceil(max(waits_s))
                raise ProblemError(
                    Problem.TOO_MANY_REQUESTS,
                    f"too many attempts to sign in; wait {wait_s} seconds",
                    headers={"Retry-After": str(wait_s)},
                )
            for subject, free in subjects.items():
                failures = 1 + next(
                    (
                        int(row[0])
                        for row in connection.execute(
                            "SELECT failures FROM sign_in_attempts WHERE subject = ?", [subject]
                        )
                    ),
                    0,
                )
                wait_s = min(LONGEST_S, 2.0 ** min(failures - free, 20)) if failures >= free else 0.0
                connection.execute(
                    "INSERT OR REPLACE INTO sign_in_attempts VALUES (?, ?, ?, ?)",
                    [subject, failures, now + wait_s, now],
                )

    def succeeded(self, name: str, address: str) -> None:
        """Forget the failures of a name; of an address only this attempt, or one account would free it."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM sign_in_attempts WHERE subject = ?", [_name(name)])
            connection.execute(
                "UPDATE sign_in_attempts SET failures = failures - 1, until_s = 0 WHERE subject = ?",
                [_address(address)],
            )


def _name(name: str) -> str:
    """Return a fixed length for whatever was typed: people type passwords there too."""
    return "name:" + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()


def _address(address: str) -> str:
    return "address:" + address
