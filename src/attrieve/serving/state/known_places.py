"""Where an account has signed in before: in which browsers, and from which addresses.

A browser is known by a cookie that says nothing but that; only its hash is kept here. What a place is known
for is to be counted apart from others (:mod:`attrieve.serving.state.attempts`); it opens nothing.
"""

import hashlib
import secrets
import time
from collections.abc import Callable

from attrieve.serving.state.database import StateDatabase

TABLES = """
CREATE TABLE known_places (
    account TEXT NOT NULL REFERENCES accounts (name),
    place TEXT NOT NULL,
    last_s REAL NOT NULL,
    PRIMARY KEY (account, place)
) STRICT;
"""

KNOWN_S = 90 * 86_400
"""How long a place stays known without anybody signing in there."""
PLACES_MOST = 20
"""Of an account; the newest ones. Each can guess apart from the others, so there must be an end."""


class KnownPlaces:
    """The places of all accounts.

    Args:
        database: where they are kept, with the accounts.
        clock: seconds since 1970.
    """

    def __init__(self, database: StateDatabase, *, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        database.ensure("known-places", [TABLES])

    def device(self, account: str, given: str | None) -> str:
        """Return what a browser is to be known by for an account: what it has if it is, or something new.

        Never what it has otherwise: that could have been planted there by somebody who knows it.
        """
        return given if given is not None and self.knows_device(account, given) else secrets.token_urlsafe(32)

    def knows_device(self, account: str, device: str) -> bool:
        """Whether somebody signed in to an account in this browser of late."""
        return self._knows(account, _device(device))

    def knows_address(self, account: str, address: str) -> bool:
        """Whether somebody signed in to an account from this address of late."""
        return self._knows(account, _address(address))

    def remember(self, account: str, *, device: str | None, address: str) -> None:
        """Keep where somebody has signed in; within a transaction it joins it."""
        places = [_address(address)] + ([] if device is None else [_device(device)])
        now = self._clock()
        with self._database.transaction() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO known_places VALUES (?, ?, ?)",
                [(account, place, now) for place in places],
            )
            connection.execute("DELETE FROM known_places WHERE abs(? - last_s) > ?", [now, KNOWN_S])
            connection.execute(
                "DELETE FROM known_places WHERE account = :account AND place NOT IN (SELECT place"
                " FROM known_places WHERE account = :account ORDER BY last_s DESC, place LIMIT :most)",
                {"account": account, "most": PLACES_MOST},
            )

    def _knows(self, account: str, place: str) -> bool:
        return bool(
            self._database.rows(
                "SELECT 1 FROM known_places WHERE account = ? AND place = ? AND abs(? - last_s) <= ?",
                [account, place, self._clock(), KNOWN_S],
            )
        )


def _device(device: str) -> str:
    return "device:" + hashlib.sha256(device.encode("utf-8", "surrogatepass")).hexdigest()


def _address(address: str) -> str:
    return "address:" + address
