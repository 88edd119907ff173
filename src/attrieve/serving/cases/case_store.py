"""What changes of case folders have in common: who may, and that the ledger is told in the same commit."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from attrieve.errors import InputError
from attrieve.serving.access.roles import Actor
from attrieve.serving.cases.case import (
    Case,
    CaseStatus,
    Item,
    MemberRole,
    NotAllowedInCaseError,
    Page,
    UnknownCaseError,
)
from attrieve.serving.cases.case_rows import read_case
from attrieve.serving.cases.erased_rows import ErasedRows, Holds
from attrieve.serving.cases.tables import TABLES
from attrieve.serving.problems import Problem, ProblemError
from attrieve.serving.state.database import StateDatabase
from attrieve.serving.state.ledger import Action, Ledger

NUMBER_MOST, TITLE_MOST, PURPOSE_MOST, NAME_MOST, NOTE_MOST = 64, 200, 2000, 200, 10_000
"""Most characters of each text."""

PAGE_SIZE = 50
HITS_MOST = 10_000
"""Most hits one case may hold."""

_RANK = {MemberRole.READER: 0, MemberRole.EDITOR: 1, MemberRole.OWNER: 2}


class CaseStore:
    """Opens cases for reading and for changes.

    Args:
        database: of the service; the tables are made if they are missing.
        ledger: where every change is recorded.
        clock: seconds since 1970.
    """

    def __init__(
        self, database: StateDatabase, ledger: Ledger, *, clock: Callable[[], float] | None = None
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._now = clock or (lambda: datetime.now(UTC).timestamp())
        self._deleted: list[Callable[[int], object]] = []
        self._erased = ErasedRows(database, self._now)
        database.ensure("cases", TABLES)

    def look_in(self, gallery: Holds) -> None:
        """Have a gallery asked whether rows that were erased have come back."""
        self._erased.holds = gallery

    def when_deleted(self, tell: Callable[[int], object]) -> None:
        """Have somebody told the identifier of every case that is deleted, within the same commit."""
        self._deleted.append(tell)

    @contextmanager
    def _changing(
        self, actor: Actor, case: int, needed: MemberRole, *, closed_too: bool = False
    ) -> Iterator[tuple[sqlite3.Connection, Case]]:
        """Open a case for a change, if it may be changed."""
        with self._database.transaction() as connection:
            before = visible_case(connection, actor, case)
            require_role(actor, before, needed)
            if before.status is CaseStatus.CLOSED and not closed_too:
                told = f"case {before.number!r} is closed; its owner can open it again"
                raise ProblemError(Problem.CONFLICT, told)
            yield connection, before
            connection.execute("UPDATE cases SET changed_at = ? WHERE id = ?", [self._now(), case])

    def _listed(
        self,
        actor: Actor,
        case: int,
        table: str,
        read: Callable[[sqlite3.Row], Item],
        *,
        order: str,
        page: int,
        page_size: int,
        **wanted: object,
    ) -> Page[Item]:
        """Return a page of what a case holds in a table, of rows whose columns hold what is wanted.

        Raises:
            UnknownCaseError: if there is none that the asker may see.
            InputError: for pages that cannot be.
        """
        known = {"case_id": case, **{name: value for name, value in wanted.items() if value is not None}}
        where = f"FROM {table} WHERE {' AND '.join(f'{name} = ?' for name in known)}"
        values = list(known.values())
        with self._database.snapshot() as connection:
            visible_case(connection, actor, case)
            [total] = connection.execute(f"SELECT count(*) {where}", values).fetchone()
            rows = connection.execute(
                f"SELECT * {where} ORDER BY {order} LIMIT ? OFFSET ?",
                [*values, page_size, offset_of(page, page_size)],
            ).fetchall()
            return Page(tuple(map(read, rows)), total, page, page_size)

    def _record(
        self,
        actor: Actor,
        case: Case,
        what: str,
        *,
        action: Action = Action.CASE,
        query: str | None = None,
        keys: Sequence[str] = (),
        **details: Any,
    ) -> None:
        self._ledger.record(
            actor,
            action,
            purpose=case.purpose,
            case=case.number,
            query=query,
            details={"what": what, "case_id": case.id, **details},
            keys=keys,
        )


def visible_case(connection: sqlite3.Connection, actor: Actor, case: int) -> Case:
    """Return a case, if somebody may see it; raises UnknownCaseError otherwise."""
    found = read_case(connection, case)
    if actor.through != "local" and found.role_of(actor.name) is None:
        raise UnknownCaseError(case)
    return found


def require_role(actor: Actor, case: Case, needed: MemberRole) -> None:
    """Refuse who is not at least that in a case; raises NotAllowedInCaseError."""
    role = case.role_of(actor.name)
    if actor.through != "local" and (role is None or _RANK[role] < _RANK[needed]):
        raise NotAllowedInCaseError(needed)


def offset_of(page: int, page_size: int) -> int:
    """Return how many items stand before a page; raises InputError for pages that cannot be."""
    if page < 1 or page_size < 1 or page * page_size >= 2**62:
        raise InputError(f"pages count from 1 and hold at least 1, got page {page} of {page_size}")
    return (page - 1) * page_size


def plain_json(value: Mapping[str, Any]) -> str:
    """Return a value as JSON; raises InputError if it is none."""
    try:
        return json.dumps(dict(value), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"cannot be kept in a case: {error}") from error
