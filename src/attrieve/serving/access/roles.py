"""Who may do what: one table.

Least privilege: nobody gets what the role's work does not need. Who searches does not read the ledger, who
reads the ledger does not search, who manages accounts does neither; nobody can change a ledger entry.

>>> Actor("kim", Role.AUDITOR, "session").may(Permission.SEARCH)
False
>>> sorted(role.value for role in POLICY[Permission.DELETE])
['curator']
"""

import getpass
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Literal


class Role(StrEnum):
    """What somebody does with the service."""

    SEARCHER = "searcher"
    CURATOR = "curator"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


class Permission(StrEnum):
    """One thing that can be allowed; every route and page names exactly one."""

    SEARCH = "search"
    VIEW = "view"
    MARK = "mark"
    CASE = "case"
    EXPORT = "export"
    ADD = "add"
    DELETE = "delete"
    REINDEX = "reindex"
    JOBS = "jobs"
    READ_LEDGER = "read-ledger"
    MANAGE_ACCOUNTS = "manage-accounts"
    SEE_GALLERY = "see-gallery"
    SEE_VOCABULARY = "see-vocabulary"
    SEE_METRICS = "see-metrics"
    OWN_ACCOUNT = "own-account"


_EVERYBODY = frozenset(Role)
_SEARCHER = frozenset({Role.SEARCHER})
_CURATOR = frozenset({Role.CURATOR})
_ADMINISTRATOR = frozenset({Role.ADMINISTRATOR})

POLICY: Mapping[Permission, frozenset[Role]] = MappingProxyType(
    {
        Permission.SEARCH: _SEARCHER,
        Permission.VIEW: _SEARCHER | _CURATOR,
        Permission.MARK: _SEARCHER,
        Permission.CASE: _SEARCHER,
        Permission.EXPORT: _SEARCHER,
        Permission.ADD: _CURATOR,
        Permission.DELETE: _CURATOR,
        Permission.REINDEX: _CURATOR,
        Permission.JOBS: _CURATOR,
        Permission.READ_LEDGER: frozenset({Role.AUDITOR}),
        Permission.MANAGE_ACCOUNTS: _ADMINISTRATOR,
        Permission.SEE_GALLERY: _SEARCHER | _CURATOR | _ADMINISTRATOR,
        Permission.SEE_VOCABULARY: _EVERYBODY,
        Permission.SEE_METRICS: _ADMINISTRATOR,
        Permission.OWN_ACCOUNT: _EVERYBODY,
    }
)
"""The roles that have each permission."""

Through = Literal["local", "session", "key", "nobody"]
"""How somebody came in: on this machine without accounts, by the sign-in page, with a key, not at all."""


@dataclass(frozen=True)
class Actor:
    """Who asks.

    Args:
        name: of the account; with a key, of the account or program it was made for.
        role: what the actor does here.
        through: "local" for whoever uses this machine where there are no accounts, or the command line.
        key: the public beginning of the API key, if one was used.
    """

    name: str
    role: Role
    through: Through
    key: str | None = None

    def may(self, permission: Permission) -> bool:
        """Whether the actor has a permission; who owns the machine ("local") has all, "nobody" none."""
        if self.through in ("local", "nobody"):
            return self.through == "local"
        return self.role in POLICY[permission]


NOBODY = Actor("(nobody)", Role.SEARCHER, "nobody")
"""Whoever failed to come in; the ledger gives it no role."""


def local_actor() -> Actor:
    """Return the operating system's user, who may do everything on this machine anyway."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in containers
        name = "unknown"
    return Actor(name, Role.ADMINISTRATOR, "local")
