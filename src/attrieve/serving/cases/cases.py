"""The case folders of a service; every change stands in the ledger, in the same commit as the change."""

import sqlite3
from collections.abc import Mapping
from typing import Any

from attrieve.serving.access.roles import Actor
from attrieve.serving.cases.case import Case, CaseStatus, MemberRole, Page, UnknownCaseError, clean_text
from attrieve.serving.cases.case_hits import CaseHits
from attrieve.serving.cases.case_rows import read_case
from attrieve.serving.cases.case_store import (
    NAME_MOST,
    NUMBER_MOST,
    PAGE_SIZE,
    PURPOSE_MOST,
    TITLE_MOST,
    offset_of,
    visible_case,
)
from attrieve.serving.cases.case_words import CaseNotes, CaseQueries
from attrieve.serving.problems import Problem, ProblemError


class Cases(CaseNotes, CaseQueries, CaseHits):
    """Case folders; who is no member of one cannot tell that it exists.

    Whoever works on the machine itself without accounts ("local") sees all cases and may do everything.
    """

    def create(
        self,
        actor: Actor,
        *,
        number: str,
        title: str,
        purpose: str,
        members: Mapping[str, MemberRole] | None = None,
    ) -> Case:
        """Make a case; its maker owns it.

        Raises:
            InputError: for a text that is missing or too long.
            ProblemError: a conflict, if there is a case of this number.
        """
        number = clean_text(number, "case number", NUMBER_MOST, least=1)
        title = clean_text(title, "title", TITLE_MOST, least=1)
        purpose = clean_text(purpose, "purpose", PURPOSE_MOST, least=1)
        everybody = {_name(name): role for name, role in (members or {}).items()}
        everybody[actor.name] = MemberRole.OWNER
        now = self._now()
        with self._database.transaction() as connection:
            _require_free(connection, number)
            made = connection.execute(
                "INSERT INTO cases (number, title, purpose, status, created_by, created_at, changed_at)"
                " VALUES (?, ?, ?, 'open', ?, ?, ?)",
                [number, title, purpose, actor.name, now, now],
            ).lastrowid
            assert made is not None
            connection.executemany(
                "INSERT INTO case_members VALUES (?, ?, ?)",
                [(made, name, role.value) for name, role in everybody.items()],
            )
            case = read_case(connection, made)
            self._record(actor, case, "created", members={m.name: m.role.value for m in case.members})
            return case

    def get(self, actor: Actor, case: int) -> Case:
        """Return a case.

        Raises:
            UnknownCaseError: if there is none that the asker may see.
        """
        with self._database.snapshot() as connection:
            return visible_case(connection, actor, case)

    def numbered(self, actor: Actor, number: str) -> Case:
        """Return the case of a file number; raises as :meth:`get`."""
        with self._database.snapshot() as connection:
            row = connection.execute("SELECT id FROM cases WHERE number = ?", [number]).fetchone()
            if row is None:
                raise UnknownCaseError(number)
            try:
                return visible_case(connection, actor, row["id"])
            except UnknownCaseError:
                raise UnknownCaseError(number) from None

    def find(
        self,
        actor: Actor,
        *,
        text: str | None = None,
        status: CaseStatus | None = None,
        page: int = 1,
        page_size: int = PAGE_SIZE,
    ) -> Page[Case]:
        """Return the cases somebody may see, those changed last first.

        Args:
            actor: who asks.
            text: only those whose number or title holds it, without regard to case.
            status: only these.
            page: from 1.
            page_size: most cases of a page.
        """
        terms, values = ["1"], list[object]()
        if actor.through != "local":
            terms.append("id IN (SELECT case_id FROM case_members WHERE name = ?)")
            values.append(actor.name)
        if text:
            terms.append("(instr(lower(number), lower(?)) OR instr(lower(title), lower(?)))")
            values += [text, text]
        if status is not None:
            terms.append("status = ?")
            values.append(status.value)
        where = " AND ".join(terms)
        with self._database.snapshot() as connection:
            [total] = connection.execute(f"SELECT count(*) FROM cases WHERE {where}", values).fetchone()
            rows = connection.execute(
                f"SELECT id FROM cases WHERE {where} ORDER BY changed_at DESC, id DESC LIMIT ? OFFSET ?",
                [*values, page_size, offset_of(page, page_size)],
            ).fetchall()
            return Page(tuple(read_case(connection, row["id"]) for row in rows), total, page, page_size)

    def change(
        self,
        actor: Actor,
        case: int,
        *,
        number: str | None = None,
        title: str | None = None,
        purpose: str | None = None,
        status: CaseStatus | None = None,
    ) -> Case:
        """Change what is given; its owner may.

        Raises:
            UnknownCaseError: if there is none that the asker may see.
            NotAllowedInCaseError: for others than its owner.
            InputError: for a text that is missing or too long.
        """
        given = {
            "number": None if number is None else clean_text(number, "case number", NUMBER_MOST, least=1),
            "title": None if title is None else clean_text(title, "title", TITLE_MOST, least=1),
            "purpose": None if purpose is None else clean_text(purpose, "purpose", PURPOSE_MOST, least=1),
            "status": None if status is None else status.value,
        }
        changed = {name: value for name, value in given.items() if value is not None}
        with self._changing(actor, case, MemberRole.OWNER, closed_too=True) as (connection, before):
            if "number" in changed and changed["number"] != before.number:
                _require_free(connection, changed["number"])
            for name, value in changed.items():
                connection.execute(f"UPDATE cases SET {name} = ? WHERE id = ?", [value, case])
            after = read_case(connection, case)
            was = {name: getattr(before, name) for name in changed}
            self._record(actor, after, "changed", to=changed, was=was)
            return after

    def delete(self, actor: Actor, case: int) -> None:
        """Delete a case with everything in it and its exports, but not what the ledger says; its owner may.

        Raises:
            UnknownCaseError: if there is none that the asker may see.
            NotAllowedInCaseError: for others than its owner.
        """
        with self._changing(actor, case, MemberRole.OWNER, closed_too=True) as (connection, before):
            self._record(actor, before, "deleted", hits=before.hits, notes=before.notes)
            connection.execute("DELETE FROM cases WHERE id = ?", [case])
            for tell in self._deleted:
                tell(case)

    def set_member(self, actor: Actor, case: int, name: str, role: MemberRole) -> Case:
        """Let somebody see a case, or do more or less in it; its owner may.

        Raises:
            UnknownCaseError: if there is none that the asker may see.
            NotAllowedInCaseError: for others than its owner.
            ProblemError: a conflict, if nobody would own it.
        """
        name = _name(name)
        with self._changing(actor, case, MemberRole.OWNER, closed_too=True) as (connection, _):
            connection.execute(
                "INSERT INTO case_members VALUES (?, ?, ?)"
                " ON CONFLICT (case_id, name) DO UPDATE SET role = excluded.role",
                [case, name, role.value],
            )
            return self._members_changed(connection, actor, case, {"member": name, "role": role.value})

    def remove_member(self, actor: Actor, case: int, name: str) -> Case:
        """Hide a case from somebody; raises as :meth:`set_member`."""
        with self._changing(actor, case, MemberRole.OWNER, closed_too=True) as (connection, before):
            if before.role_of(name) is None:
                raise ProblemError(Problem.NOT_FOUND, f"{name!r} is no member of case {before.number!r}")
            connection.execute("DELETE FROM case_members WHERE case_id = ? AND name = ?", [case, name])
            return self._members_changed(connection, actor, case, {"member": name, "role": None})

    def _members_changed(
        self, connection: sqlite3.Connection, actor: Actor, case: int, what: Mapping[str, Any]
    ) -> Case:
        after = read_case(connection, case)
        if not any(member.role is MemberRole.OWNER for member in after.members):
            raise ProblemError(Problem.CONFLICT, "a case needs an owner; make somebody else its owner first")
        self._record(actor, after, "members", **what)
        return after


def _require_free(connection: sqlite3.Connection, number: str) -> None:
    if connection.execute("SELECT 1 FROM cases WHERE number = ?", [number]).fetchone():
        told = f"there is a case {number!r}; take another number, or ask its owner to make you a member"
        raise ProblemError(Problem.CONFLICT, told)


def _name(name: str) -> str:
    return clean_text(name, "member's name", NAME_MOST, least=1)
