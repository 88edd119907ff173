"""Accounts of people: name, role, and a password of which only a hash is kept."""

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass

from attrieve.errors import UnknownNameError
from attrieve.serving.access.passwords import Passwords, check_password
from attrieve.serving.access.roles import Role
from attrieve.serving.problems import Problem, ProblemError
from attrieve.serving.state.database import StateDatabase
from attrieve.serving.state.names import checked_name

TABLES = """
CREATE TABLE accounts (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    password TEXT,
    disabled INTEGER NOT NULL DEFAULT 0,
    removed INTEGER NOT NULL DEFAULT 0,
    created_s REAL NOT NULL,
    password_set_s REAL NOT NULL,
    signed_in_s REAL
) STRICT;
"""


@dataclass(frozen=True)
class Account:
    """Somebody who may sign in.

    Args:
        name: unique for ever: that of a removed account is not given again, or the ledger would be unclear.
        role: what the account may do.
        disabled: whether signing in is refused for now.
        created_s: when, in seconds since 1970.
        password_set_s: when the password was last set.
        signed_in_s: when the account last signed in, or None.
    """

    name: str
    role: Role
    disabled: bool
    created_s: float
    password_set_s: float
    signed_in_s: float | None


class Accounts:
    """The accounts of an installation. Recording changes in the ledger is up to
    :mod:`attrieve.serving.access.administration`.

    Args:
        database: where they lie.
        passwords: makes and checks hashes.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        database: StateDatabase,
        passwords: Passwords | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._passwords = passwords or Passwords()
        self._clock = clock
        database.ensure("accounts", [TABLES])

    def add(self, name: str, role: Role, password: str) -> Account:
        """Make an account.

        Raises:
            InputError: if the name cannot be used.
            ProblemError: 422 for a weak password, 409 if the name is or was an account's.
        """
        checked_name(name)
        check_password(password, name)
        kept, now = self._passwords.hash(password), self._clock()
        with self._database.transaction() as connection:
            if connection.execute("SELECT 1 FROM accounts WHERE name = ?", [name]).fetchone():
                raise ProblemError(
                    Problem.CONFLICT,
                    f"the name {name!r} is or was an account's; names are not given twice, so that the ledger"
                    " stays clear",
                )
            connection.execute(
                "INSERT INTO accounts (name, role, password, created_s, password_set_s)"
                " VALUES (?, ?, ?, ?, ?)",
                [name, role.value, kept, now, now],
            )
        return self.get(name)

    def get(self, name: str) -> Account:
        """Return an account.

        Raises:
            UnknownNameError: if there is none of this name.
        """
        rows = self._database.rows("SELECT * FROM accounts WHERE name = ? AND NOT removed", [name])
        if not rows:
            raise UnknownNameError("account", name, [account.name for account in self.all()])
        return _account(rows[0])

    def all(self) -> list[Account]:
        """Return all accounts by name."""
        return [
            _account(row)
            for row in self._database.rows("SELECT * FROM accounts WHERE NOT removed ORDER BY name")
        ]

    def known(self, name: str) -> bool:
        """Whether a name is or was an account's."""
        return bool(self._database.rows("SELECT 1 FROM accounts WHERE name = ?", [name]))

    def check(self, name: str, password: str) -> Account | None:
        """Return the account if the password is right and it may sign in; as slow for unknown names."""
        rows = self._database.rows("SELECT * FROM accounts WHERE name = ? AND NOT removed", [name])
        kept = rows[0]["password"] if rows else None
        right = self._passwords.matches(kept, password)
        if not right or not rows or rows[0]["disabled"]:
            return None
        if self._passwords.outdated(str(kept)):
            self._update(name, "password = ?", self._passwords.hash(password))
        self._update(name, "signed_in_s = ?", self._clock())
        return _account(rows[0])

    def set_password(self, name: str, password: str) -> Account:
        """Give an account another password; ending its sessions is up to the caller.

        Raises:
            UnknownNameError: if there is none of this name.
            ProblemError: 422 for a weak password.
        """
        self.get(name)
        check_password(password, name)
        kept = self._passwords.hash(password)
        self._update(name, "password = ?, password_set_s = ?", kept, self._clock())
        return self.get(name)

    def set_role(self, name: str, role: Role) -> Account:
        """Give an account another role; it holds from the next request on.

        Raises:
            UnknownNameError: if there is none of this name.
        """
        self.get(name)
        self._update(name, "role = ?", role.value)
        return self.get(name)

    def set_disabled(self, name: str, *, disabled: bool) -> Account:
        """Forbid or allow signing in.

        Raises:
            UnknownNameError: if there is none of this name.
        """
        self.get(name)
        self._update(name, "disabled = ?", int(disabled))
        return self.get(name)

    def remove(self, name: str) -> None:
        """Remove an account; only its name is kept, so that it is not given again.

        Raises:
            UnknownNameError: if there is none of this name.
        """
        self.get(name)
        self._update(name, "removed = 1, disabled = 1, password = NULL, signed_in_s = NULL")

    def _update(self, name: str, what: str, *values: object) -> None:
        with self._database.transaction() as connection:
            connection.execute(f"UPDATE accounts SET {what} WHERE name = ?", [*values, name])


def _account(row: sqlite3.Row) -> Account:
    return Account(
        row["name"],
        Role(row["role"]),
        bool(row["disabled"]),
        row["created_s"],
        row["password_set_s"],
        row["signed_in_s"],
    )
