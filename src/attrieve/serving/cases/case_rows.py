"""From rows of the database to what a case folder holds."""

import json
import sqlite3
from datetime import UTC, datetime

from attrieve.serving.cases.case import (
    Case,
    CaseStatus,
    Mark,
    Member,
    MemberRole,
    Note,
    SavedHit,
    SavedQuery,
    UnknownCaseError,
)
from attrieve.serving.problems import Problem, ProblemError


def read_case(connection: sqlite3.Connection, case: int) -> Case:
    """Return a case; raises UnknownCaseError if there is none."""
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


def read_note(row: sqlite3.Row) -> Note:
    """Return a note."""
    return Note(row["id"], row["author"], _moment(row["written_at"]), row["text"], row["key"])


def read_query(connection: sqlite3.Connection, case: Case, query: int) -> SavedQuery:
    """Return a saved query; raises ProblemError if the case holds none of this number."""
    row = None
    if 0 < query < 2**63:
        row = connection.execute(
            "SELECT * FROM case_queries WHERE id = ? AND case_id = ?", [query, case.id]
        ).fetchone()
    if row is None:
        raise ProblemError(Problem.NOT_FOUND, f"case {case.number!r} holds no query {query}")
    return read_saved_query(row)


def read_saved_query(row: sqlite3.Row) -> SavedQuery:
    """Return a saved query."""
    return SavedQuery(
        row["id"],
        row["name"],
        row["text"],
        json.loads(row["request"]),
        row["author"],
        _moment(row["saved_at"]),
    )


def read_hit(connection: sqlite3.Connection, case: Case, key: str) -> SavedHit:
    """Return a saved hit; raises ProblemError if the case holds none of this key."""
    row = connection.execute(
        "SELECT * FROM case_hits WHERE case_id = ? AND key = ?", [case.id, key]
    ).fetchone()
    if row is None:
        raise ProblemError(Problem.NOT_FOUND, f"case {case.number!r} holds no hit {key!r}")
    return read_saved_hit(row)


def read_saved_hit(row: sqlite3.Row) -> SavedHit:
    """Return a saved hit."""
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
