"""What a case folder holds of words: notes and saved searches."""

from collections.abc import Mapping
from typing import Any

from attrieve.serving.access.roles import Actor
from attrieve.serving.cases.case import MemberRole, Note, Page, SavedQuery, clean_text
from attrieve.serving.cases.case_rows import read_hit, read_note, read_query, read_saved_query
from attrieve.serving.cases.case_store import (
    NAME_MOST,
    NOTE_MOST,
    PAGE_SIZE,
    CaseStore,
    plain_json,
    require_role,
    visible_case,
)
from attrieve.serving.problems import Problem, ProblemError


class CaseNotes(CaseStore):
    """Notes; each stays as it was written."""

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
                read_hit(connection, before, key)
            made = connection.execute(
                "INSERT INTO case_notes (case_id, author, written_at, text, key) VALUES (?, ?, ?, ?, ?)",
                [case, actor.name, self._now(), text, key],
            ).lastrowid
            self._record(actor, before, "note added", keys=() if key is None else (key,), note=made)
            row = connection.execute("SELECT * FROM case_notes WHERE id = ?", [made]).fetchone()
            return read_note(row)

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
                require_role(actor, before, MemberRole.OWNER)
            connection.execute("DELETE FROM case_notes WHERE id = ?", [note])
            self._record(actor, before, "note deleted", note=note, author=row["author"])

    def notes(
        self, actor: Actor, case: int, *, key: str | None = None, page: int = 1, page_size: int = PAGE_SIZE
    ) -> Page[Note]:
        """Return notes in the order they were written; with a key, those about one hit."""
        return self._listed(
            actor, case, "case_notes", read_note, order="id", page=page, page_size=page_size, key=key
        )


class CaseQueries(CaseStore):
    """Saved searches."""

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
                [case, name, text, plain_json(request), actor.name, self._now()],
            ).lastrowid
            assert made is not None
            self._record(actor, before, "query saved", query=text, saved_query=made)
            return read_query(connection, before, made)

    def query(self, actor: Actor, case: int, query: int) -> SavedQuery:
        """Return a saved query.

        Raises:
            UnknownCaseError: if there is none that the asker may see.
            ProblemError: if the case holds no such query.
        """
        with self._database.snapshot() as connection:
            return read_query(connection, visible_case(connection, actor, case), query)

    def queries(
        self, actor: Actor, case: int, *, page: int = 1, page_size: int = PAGE_SIZE
    ) -> Page[SavedQuery]:
        """Return saved queries in the order they were saved."""
        return self._listed(
            actor, case, "case_queries", read_saved_query, order="id", page=page, page_size=page_size
        )

    def delete_query(self, actor: Actor, case: int, query: int) -> None:
        """Forget a saved query; hits it found stay. Raises as :meth:`save_query`."""
        with self._changing(actor, case, MemberRole.EDITOR) as (connection, before):
            saved = read_query(connection, before, query)
            connection.execute("DELETE FROM case_queries WHERE id = ?", [query])
            self._record(actor, before, "query deleted", query=saved.text, saved_query=query)
