"""The table of jobs: how it is made, how a row is read, and how a job ends."""

import json
import sqlite3
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from attrieve.serving.access.roles import Actor, Role
from attrieve.serving.jobs.job import Job, JobKind, JobProblem, JobState
from attrieve.serving.jobs.leases import LeaseClock
from attrieve.serving.problems import Problem, ProblemError
from attrieve.serving.state.database import StateDatabase

LEASE_S = 20.0
"""A job whose worker was not heard of for so long is claimed again."""

_TABLES = [
    """
    CREATE TABLE jobs (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        state TEXT NOT NULL,
        payload TEXT NOT NULL,
        actor TEXT NOT NULL,
        role TEXT NOT NULL,
        through TEXT NOT NULL,
        actor_key TEXT,
        purpose TEXT,
        case_id TEXT,
        created_at REAL NOT NULL,
        not_before REAL NOT NULL,
        started_at REAL,
        ended_at REAL,
        attempts INTEGER NOT NULL DEFAULT 0,
        done INTEGER NOT NULL DEFAULT 0,
        total INTEGER,
        rate REAL,
        message TEXT,
        cancel_requested INTEGER NOT NULL DEFAULT 0,
        result TEXT,
        problem_kind TEXT,
        problem TEXT,
        writes_gallery INTEGER NOT NULL,
        token TEXT,
        lease_boot TEXT,
        lease_until REAL
    ) STRICT;
    CREATE INDEX jobs_by_state ON jobs (state, not_before, number);
    """
]


class UnknownJobError(ProblemError):
    """No job has this number."""

    def __init__(self, number: int) -> None:
        told = f"there is no job {number}; GET /api/v1/jobs lists those there are"
        super().__init__(Problem.JOB_NOT_FOUND, told)


class JobStore:
    """Opens the table.

    Args:
        database: of the service; the table is made if it is missing.
        lease_s: how long a lease holds.
        clock: seconds since 1970, for what people read.
        lease_clock: for leases.
    """

    def __init__(
        self,
        database: StateDatabase,
        *,
        lease_s: float = LEASE_S,
        clock: Callable[[], float] | None = None,
        lease_clock: LeaseClock | None = None,
    ) -> None:
        self._database = database
        self._lease_clock = lease_clock or LeaseClock.of_this_machine()
        self._now = clock or (lambda: datetime.now(UTC).timestamp())
        self.lease_s = lease_s
        database.ensure("jobs", _TABLES)

    def _end(
        self,
        connection: sqlite3.Connection,
        number: int,
        state: JobState,
        *,
        result: Mapping[str, Any] | None = None,
        problem: JobProblem | None = None,
    ) -> None:
        connection.execute(
            "UPDATE jobs SET state = ?, ended_at = ?, result = ?, problem_kind = ?, problem = ?, rate = NULL,"
            " message = NULL, token = NULL, lease_boot = NULL, lease_until = NULL WHERE number = ?",
            [
                state.value,
                self._now(),
                None if result is None else json.dumps(result),
                None if problem is None else problem.kind,
                None if problem is None else problem.detail,
                number,
            ],
        )

    def _one(self, connection: sqlite3.Connection, number: int) -> Job:
        row = None
        if 0 < number < 2**63:
            row = connection.execute("SELECT * FROM jobs WHERE number = ?", [number]).fetchone()
        if row is None:
            raise UnknownJobError(number)
        return job_of(row)


def job_of(row: sqlite3.Row) -> Job:
    """Return the job of a row."""
    problem = None if row["problem"] is None else JobProblem(row["problem_kind"], row["problem"])
    return Job(
        number=row["number"],
        kind=JobKind(row["kind"]),
        state=JobState(row["state"]),
        payload=json.loads(row["payload"]),
        actor=Actor(row["actor"], Role(row["role"]), row["through"], row["actor_key"]),
        purpose=row["purpose"],
        case=row["case_id"],
        created_at=_moment(row["created_at"]),
        not_before=_moment(row["not_before"]),
        started_at=None if row["started_at"] is None else _moment(row["started_at"]),
        ended_at=None if row["ended_at"] is None else _moment(row["ended_at"]),
        attempts=row["attempts"],
        done=row["done"],
        total=row["total"],
        rate_per_s=row["rate"],
        message=row["message"],
        cancel_requested=bool(row["cancel_requested"]),
        result=None if row["result"] is None else json.loads(row["result"]),
        problem=problem,
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
