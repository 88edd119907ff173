"""The case folders of a service; every change stands in the ledger, in the same commit as the change."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from attrieve.errors import InputError
from attrieve.gallery.database.keys import key_numbers
from attrieve.serving.access.roles import Actor
from attrieve.serving.cases.case import (
    Case,
    CaseStatus,
    HitToSave,
    Mark,
    Member,
    MemberRole,
    NotAllowedInCaseError,
    Note,
    Page,
    SavedHit,
    SavedQuery,
    UnknownCaseError,
    clean_text,
)
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


class Cases:
    """Case folders; who is no member of one cannot tell that it exists.

    Whoever works on the machine itself without accounts ("local") sees all cases and may do everything.

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
        database.ensure("cases", TABLES)

    def when_deleted(self, tell: Callable[[int], object]) -> None:
        """Have somebody told the identifier of every case that is deleted, within the same commit."""
        self._deleted.append(tell)

    # cases

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
            case = _case(connection, made)
            self._record(actor, case, "created", members={m.name: m.role.value for m in case.members})
            return case

    def get(self, actor: Actor, case: int) -> Case:
        """Return a case.

        Raises:
            UnknownCaseError: if there is none that the asker may see.
        """
        with self._database.snapshot() as connection:
            return _visible(connection, actor, case)

    def numbered(self, actor: Actor, number: str) -> Case:
        """Return the case of a file number; raises as :meth:`get`."""
        with self._database.snapshot() as connection:
            row = connection.execute("SELECT id FROM cases WHERE number = ?", [number]).fetchone()
            if row is None:
                raise UnknownCaseError(number)
            try:
                return _visible(connection, actor, row["id"])
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
                [*values, page_size, _offset(page, page_size)],
            ).fetchall()
            return Page(tuple(_case(connection, row["id"]) for row in rows), total, page, page_size)

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
            after = _case(connection, case)
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
        after = _case(connection, case)
        if not any(member.role is MemberRole.OWNER for member in after.members):
            raise ProblemError(Problem.CONFLICT, "a case needs an owner; make somebody else its owner first")
        self._record(actor, after, "members", **what)
        return after

    # notes

    def add_note(self, actor: Actor, case: int, text: str, *, key: str | None = None) -> Note:
        """Write something down.

        Args:
            actor: its author.
            case: where.
            text: at most 10,000 characters.
            key: of a hit of the case that it is about, or None.

        Raises:
            UnknownCaseError: if there is none that the asker may see.
            NotAllowedInCaseError: for readers.
            InputError: for a text that is missing or too long.
            ProblemError: if the case is closed, or holds no such hit.
        """
        text = clean_text(text, "note", NOTE_MOST, least=1)
        with self._changing(actor, case, MemberRole.EDITOR) as (connection, before):
            if key is not None:
                _hit(connection, before, key)
            made = connection.execute(
                "INSERT INTO case_notes (case_id, author, written_at, text, key) VALUES (?, ?, ?, ?, ?)",
                [case, actor.name, self._now(), text, key],
            ).lastrowid
            self._record(actor, before, "note added", keys=() if key is None else (key,), note=made)
            row = connection.execute("SELECT * FROM case_notes WHERE id = ?", [made]).fetchone()
            return _note(row)

    def delete_note(self, actor: Actor, case: int, note: int) -> None:
        """Delete a note; its author may, and the owner of the case.

        Raises:
            UnknownCaseError: if there is none that the asker may see.
            NotAllowedInCaseError: for others.
            ProblemError: if the case is closed, or holds no such note.
        """
        with self._changing(actor, case, MemberRole.EDITOR) as (connection, before):
            row = connection.execute(
                "SELECT * FROM case_notes WHERE id = ? AND case_id = ?", [note, case]
            ).fetchone()
            if row is None:
                raise ProblemError(Problem.NOT_FOUND, f"case {before.number!r} holds no note {note}")
            if row["author"] != actor.name:
                _require(actor, before, MemberRole.OWNER)
            connection.execute("DELETE FROM case_notes WHERE id = ?", [note])
            self._record(actor, before, "note deleted", note=note, author=row["author"])

    def notes(
        self, actor: Actor, case: int, *, key: str | None = None, page: int = 1, page_size: int = PAGE_SIZE
    ) -> Page[Note]:
        """Return notes in the order they were written; with a key, those about one hit."""
        about = "" if key is None else " AND key = ?"
        values: list[object] = [case, *([] if key is None else [key])]
        with self._database.snapshot() as connection:
            _visible(connection, actor, case)
            where = f"FROM case_notes WHERE case_id = ?{about}"
            [total] = connection.execute(f"SELECT count(*) {where}", values).fetchone()
            rows = connection.execute(
                f"SELECT * {where} ORDER BY id LIMIT ? OFFSET ?",
                [*values, page_size, _offset(page, page_size)],
            ).fetchall()
            return Page(tuple(map(_note, rows)), total, page, page_size)

    # queries

    def save_query(
        self, actor: Actor, case: int, request: Mapping[str, Any], *, text: str, name: str = ""
    ) -> SavedQuery:
        """Keep a search.

        Args:
            actor: who keeps it.
            case: where.
            request: the whole search as the search interface takes it.
            text: the description as it was understood.
            name: what to call it; empty takes the description's beginning.

        Raises:
            UnknownCaseError: if there is none that the asker may see.
            NotAllowedInCaseError: for readers.
            InputError: for a text that is too long.
            ProblemError: if the case is closed.
        """
        text = clean_text(text, "description", NOTE_MOST)
        name = clean_text(name, "name", NAME_MOST) or text[:80] or "everything"
        with self._changing(actor, case, MemberRole.EDITOR) as (connection, before):
            made = connection.execute(
                "INSERT INTO case_queries (case_id, name, text, request, author, saved_at)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                [case, name, text, _json(request), actor.name, self._now()],
            ).lastrowid
            assert made is not None
            self._record(actor, before, "query saved", query=text, saved_query=made)
            return _query(connection, before, made)

    def query(self, actor: Actor, case: int, query: int) -> SavedQuery:
        """Return a saved query.

        Raises:
            UnknownCaseError: if there is none that the asker may see.
            ProblemError: if the case holds no such query.
        """
        with self._database.snapshot() as connection:
            return _query(connection, _visible(connection, actor, case), query)

    def queries(
        self, actor: Actor, case: int, *, page: int = 1, page_size: int = PAGE_SIZE
    ) -> Page[SavedQuery]:
        """Return saved queries in the order they were saved."""
        with self._database.snapshot() as connection:
            before = _visible(connection, actor, case)
            rows = connection.execute(
                "SELECT id FROM case_queries WHERE case_id = ? ORDER BY id LIMIT ? OFFSET ?",
                [case, page_size, _offset(page, page_size)],
            ).fetchall()
            found = tuple(_query(connection, before, row["id"]) for row in rows)
            return Page(found, before.queries, page, page_size)

    def delete_query(self, actor: Actor, case: int, query: int) -> None:
        """Forget a saved query; hits it found stay. Raises as :meth:`save_query`."""
        with self._changing(actor, case, MemberRole.EDITOR) as (connection, before):
            saved = _query(connection, before, query)
            connection.execute("DELETE FROM case_queries WHERE id = ?", [query])
            self._record(actor, before, "query deleted", query=saved.text, saved_query=query)

    # hits and marks

    def save_hits(self, actor: Actor, case: int, hits: Sequence[HitToSave]) -> tuple[SavedHit, ...]:
        """Choose hits; one that is there already gets the new facts and keeps its mark.

        Raises:
            UnknownCaseError: if there is none that the asker may see.
            NotAllowedInCaseError: for readers.
            InputError: for a key that is none, or too many hits.
            ProblemError: if the case is closed, or holds no query that is named.
        """
        key_numbers([hit.key for hit in hits])
        with self._changing(actor, case, MemberRole.EDITOR) as (connection, before):
            for hit in hits:
                if hit.query is not None:
                    _query(connection, before, hit.query)
                connection.execute(
                    "INSERT INTO case_hits (case_id, key, facts, query_id, saved_by, saved_at)"
                    " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (case_id, key) DO UPDATE SET"
                    " facts = excluded.facts, query_id = coalesce(excluded.query_id, query_id),"
                    " erased_at = NULL",
                    [case, hit.key, _json(hit.facts), hit.query, actor.name, self._now()],
                )
            after = _case(connection, case)
            if after.hits > HITS_MOST:
                raise InputError(f"a case holds at most {HITS_MOST:,} hits; this would make {after.hits:,}")
            keys = [hit.key for hit in hits]
            self._record(actor, after, "hits saved", keys=keys)
            return tuple(_hit(connection, after, key) for key in keys)

    def hit(self, actor: Actor, case: int, key: str) -> SavedHit:
        """Return one saved hit.

        Raises:
            UnknownCaseError: if there is none that the asker may see.
            ProblemError: if the case holds no such hit.
        """
        with self._database.snapshot() as connection:
            return _hit(connection, _visible(connection, actor, case), key)

    def hits(
        self,
        actor: Actor,
        case: int,
        *,
        mark: Mark | None = None,
        page: int = 1,
        page_size: int = PAGE_SIZE,
    ) -> Page[SavedHit]:
        """Return saved hits in the order they were saved; with a mark, only those that bear it."""
        about = "" if mark is None else " AND mark = ?"
        values: list[object] = [case, *([] if mark is None else [mark.value])]
        with self._database.snapshot() as connection:
            _visible(connection, actor, case)
            where = f"FROM case_hits WHERE case_id = ?{about}"
            [total] = connection.execute(f"SELECT count(*) {where}", values).fetchone()
            rows = connection.execute(
                f"SELECT * {where} ORDER BY saved_at, key LIMIT ? OFFSET ?",
                [*values, page_size, _offset(page, page_size)],
            ).fetchall()
            return Page(tuple(map(_saved_hit, rows)), total, page, page_size)

    def remove_hit(self, actor: Actor, case: int, key: str) -> None:
        """Take a hit out of a case; notes about it stay.

        Raises:
            UnknownCaseError: if there is none that the asker may see.
            NotAllowedInCaseError: for readers.
            ProblemError: if the case is closed, or holds no such hit.
        """
        with self._changing(actor, case, MemberRole.EDITOR) as (connection, before):
            _hit(connection, before, key)
            connection.execute("DELETE FROM case_hits WHERE case_id = ? AND key = ?", [case, key])
            self._record(actor, before, "hit removed", keys=[key])

    def mark(self, actor: Actor, case: int, key: str, mark: Mark | None) -> SavedHit:
        """Say what one thinks of a hit; None takes the mark away. Raises as :meth:`remove_hit`."""
        with self._changing(actor, case, MemberRole.EDITOR) as (connection, before):
            was = _hit(connection, before, key).mark
            connection.execute(
                "UPDATE case_hits SET mark = ?, marked_by = ?, marked_at = ? WHERE case_id = ? AND key = ?",
                [None if mark is None else mark.value, actor.name, self._now(), case, key],
            )
            told = {"mark": mark and mark.value, "was": was and was.value}
            self._record(actor, before, "marked", action=Action.MARK, keys=[key], **told)
            return _hit(connection, before, key)

    def marks(self, actor: Actor, case: int) -> dict[str, Mark]:
        """Return the mark of every hit that bears one; raises as :meth:`get`."""
        with self._database.snapshot() as connection:
            _visible(connection, actor, case)
            rows = connection.execute(
                "SELECT key, mark FROM case_hits WHERE case_id = ? AND mark IS NOT NULL ORDER BY key", [case]
            ).fetchall()
            return {row["key"]: Mark(row["mark"]) for row in rows}

    # erasure

    def erase(self, keys: Sequence[str]) -> dict[int, list[str]]:
        """Forget what cases know of rows that are erased everywhere; that they were chosen stays.

        Within a transaction it joins it. It records nothing: whoever erases does.

        Returns:
            The keys that were found, by case.
        """
        found: dict[int, list[str]] = {}
        with self._database.transaction() as connection:
            for key in keys:
                rows = connection.execute("SELECT case_id FROM case_hits WHERE key = ?", [key]).fetchall()
                for row in rows:
                    found.setdefault(row["case_id"], []).append(key)
                connection.execute(
                    "UPDATE case_hits SET facts = '{}', erased_at = ? WHERE key = ?", [self._now(), key]
                )
        return found

    # inside

    @contextmanager
    def _changing(
        self, actor: Actor, case: int, needed: MemberRole, *, closed_too: bool = False
    ) -> Iterator[tuple[sqlite3.Connection, Case]]:
        """Open a case for a change, if it may be changed."""
        with self._database.transaction() as connection:
            before = _visible(connection, actor, case)
            _require(actor, before, needed)
            if before.status is CaseStatus.CLOSED and not closed_too:
                told = f"case {before.number!r} is closed; its owner can open it again"
                raise ProblemError(Problem.CONFLICT, told)
            yield connection, before
            connection.execute("UPDATE cases SET changed_at = ? WHERE id = ?", [self._now(), case])

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


def _visible(connection: sqlite3.Connection, actor: Actor, case: int) -> Case:
    found = _case(connection, case)
    if actor.through != "local" and found.role_of(actor.name) is None:
        raise UnknownCaseError(case)
    return found


def _require(actor: Actor, case: Case, needed: MemberRole) -> None:
    role = case.role_of(actor.name)
    if actor.through != "local" and (role is None or _RANK[role] < _RANK[needed]):
        raise NotAllowedInCaseError(needed)


def _require_free(connection: sqlite3.Connection, number: str) -> None:
    if connection.execute("SELECT 1 FROM cases WHERE number = ?", [number]).fetchone():
        told = f"there is a case {number!r}; take another number, or ask its owner to make you a member"
        raise ProblemError(Problem.CONFLICT, told)


def _name(name: str) -> str:
    return clean_text(name, "member's name", NAME_MOST, least=1)


def _offset(page: int, page_size: int) -> int:
    if page < 1 or page_size < 1 or page * page_size >= 2**62:
        raise InputError(f"pages count from 1 and hold at least 1, got page {page} of {page_size}")
    return (page - 1) * page_size


def _json(value: Mapping[str, Any]) -> str:
    try:
        return json.dumps(dict(value), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"cannot be kept in a case: {error}") from error


def _case(connection: sqlite3.Connection, case: int) -> Case:
    row = None
    if 0 < case < 2**63:
        row = connection.execute(
            "SELECT *, (SELECT count(*) FROM case_notes WHERE case_id = cases.id) AS notes,"
            " (SELECT count(*) FROM case_queries WHERE case_id = cases.id) AS queries,"
            " (SELECT count(*) FROM case_hits WHERE case_id = cases.id) AS hits FROM cases WHERE id = ?",
            [case],
        ).fetchone()
    if row is None:
        raise UnknownCaseError(case)
    members = connection.execute(
        "SELECT name, role FROM case_members WHERE case_id = ? ORDER BY name", [case]
    ).fetchall()
    return Case(
        id=row["id"],
        number=row["number"],
        title=row["title"],
        purpose=row["purpose"],
        status=CaseStatus(row["status"]),
        created_by=row["created_by"],
        created_at=_moment(row["created_at"]),
        changed_at=_moment(row["changed_at"]),
        members=tuple(Member(member["name"], MemberRole(member["role"])) for member in members),
        notes=row["notes"],
        queries=row["queries"],
        hits=row["hits"],
    )


def _note(row: sqlite3.Row) -> Note:
    return Note(row["id"], row["author"], _moment(row["written_at"]), row["text"], row["key"])


def _query(connection: sqlite3.Connection, case: Case, query: int) -> SavedQuery:
    row = None
    if 0 < query < 2**63:
        row = connection.execute(
            "SELECT * FROM case_queries WHERE id = ? AND case_id = ?", [query, case.id]
        ).fetchone()
    if row is None:
        raise ProblemError(Problem.NOT_FOUND, f"case {case.number!r} holds no query {query}")
    return SavedQuery(
        row["id"],
        row["name"],
        row["text"],
        json.loads(row["request"]),
        row["author"],
        _moment(row["saved_at"]),
    )


def _hit(connection: sqlite3.Connection, case: Case, key: str) -> SavedHit:
    row = connection.execute(
        "SELECT * FROM case_hits WHERE case_id = ? AND key = ?", [case.id, key]
    ).fetchone()
    if row is None:
        raise ProblemError(Problem.NOT_FOUND, f"case {case.number!r} holds no hit {key!r}")
    return _saved_hit(row)


def _saved_hit(row: sqlite3.Row) -> SavedHit:
    return SavedHit(
        key=row["key"],
        facts=json.loads(row["facts"]),
        query=row["query_id"],
        saved_by=row["saved_by"],
        saved_at=_moment(row["saved_at"]),
        mark=None if row["mark"] is None else Mark(row["mark"]),
        marked_by=row["marked_by"],
        marked_at=None if row["marked_at"] is None else _moment(row["marked_at"]),
        erased_at=None if row["erased_at"] is None else _moment(row["erased_at"]),
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
