"""The jobs of a service, in its database: several processes may add and claim, and any may be killed.

A job is claimed under a lease. Its worker renews the lease while it works; if the worker dies, the lease runs
out and the job is claimed again, by whoever comes first. What a job does can therefore happen twice and must
not mind. A worker whose lease was lost is told so at its next word.
"""

import json
import secrets
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from attrieve.serving.access.roles import Actor, Role
from attrieve.serving.jobs.job import Job, JobKind, JobProblem, JobState
from attrieve.serving.jobs.leases import LeaseClock
from attrieve.serving.problems import Problem, ProblemError
from attrieve.serving.state.database import StateDatabase

LEASE_S = 20.0
"""A job whose worker was not heard of for so long is claimed again."""

MOST_ATTEMPTS = 5
"""A job that ended its process so often is not tried again."""

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


@dataclass(frozen=True)
class Claim:
    """A job under lease.

    Args:
        job: as it was when it was claimed.
        token: proves the lease; of a later claim there is another.
    """

    job: Job
    token: str


class JobQueue:
    """Jobs that wait, run or have ended.

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

    def submit(
        self,
        kind: JobKind,
        payload: Mapping[str, Any],
        actor: Actor,
        *,
        purpose: str | None = None,
        case: str | None = None,
        not_before: datetime | None = None,
    ) -> Job:
        """Put a job in the queue; it is on the disk when this returns.

        Args:
            kind: what is to be done.
            payload: what it needs to know; plain JSON values.
            actor: who asks for it.
            purpose: what for.
            case: identifier of the case it belongs to.
            not_before: it is not begun earlier; None is now.

        Raises:
            StorageError: if the disk refuses.
        """
        now = self._now()
        begin = now if not_before is None else not_before.timestamp()
        with self._database.transaction() as connection:
            number = connection.execute(
                "INSERT INTO jobs (kind, state, payload, actor, role, through, actor_key, purpose, case_id,"
                " created_at, not_before, writes_gallery) VALUES (?, 'queued', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    kind.value,
                    json.dumps(payload),
                    actor.name,
                    actor.role.value,
                    actor.through,
                    actor.key,
                    purpose,
                    case,
                    now,
                    begin,
                    int(kind.writes_gallery),
                ],
            ).lastrowid
            assert number is not None
            return self._one(connection, number)

    def get(self, number: int) -> Job:
        """Return a job.

        Raises:
            UnknownJobError: if there is none of this number.
        """
        with self._database.snapshot() as connection:
            return self._one(connection, number)

    def find(
        self,
        *,
        states: Sequence[JobState] = (),
        kinds: Sequence[JobKind] = (),
        actor: str | None = None,
        case: str | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[Job]:
        """Return jobs, newest first.

        Args:
            states: only these; none means all.
            kinds: only these; none means all.
            actor: only those this person started.
            case: only those of this case.
            before: only those of a smaller number, for the next page.
            limit: at most so many.
        """
        terms, values = ["1"], list[object]()
        for column, wanted in (("state", states), ("kind", kinds)):
            if wanted:
                terms.append(f"{column} IN ({', '.join('?' * len(wanted))})")
                values += [each.value for each in wanted]
        for term, value in (("actor = ?", actor), ("case_id = ?", case), ("number < ?", before)):
            if value is not None:
                terms.append(term)
                values.append(value)
        rows = self._database.rows(
            f"SELECT * FROM jobs WHERE {' AND '.join(terms)} ORDER BY number DESC LIMIT ?", [*values, limit]
        )
        return [_job(row) for row in rows]

    def cancel(self, number: int) -> Job:
        """Ask a job to stop: one that waits is cancelled at once, one that runs at its next word.

        A job that has ended stays as it is.

        Raises:
            UnknownJobError: if there is none of this number.
        """
        with self._database.transaction() as connection:
            self._one(connection, number)
            connection.execute(
                "UPDATE jobs SET state = 'cancelled', ended_at = ?, cancel_requested = 1, message = NULL"
                " WHERE number = ? AND state = 'queued'",
                [self._now(), number],
            )
            connection.execute(
                "UPDATE jobs SET cancel_requested = 1 WHERE number = ? AND state = 'running'", [number]
            )
            return self._one(connection, number)

    def retry(self, number: int) -> Job:
        """Put a job that failed or was cancelled in the queue again; what it did already it will not redo.

        Raises:
            UnknownJobError: if there is none of this number.
            ProblemError: a conflict, if it waits, runs or is done.
        """
        with self._database.transaction() as connection:
            job = self._one(connection, number)
            if job.state not in (JobState.FAILED, JobState.CANCELLED):
                told = f"job {number} is {job.state.value}; only one that failed or was cancelled is retried"
                raise ProblemError(Problem.CONFLICT, told)
            connection.execute(
                "UPDATE jobs SET state = 'queued', attempts = 0, cancel_requested = 0, ended_at = NULL,"
                " problem_kind = NULL, problem = NULL, result = NULL, not_before = ? WHERE number = ?",
                [self._now(), number],
            )
            return self._one(connection, number)

    def waiting(self) -> int:
        """Return how many jobs wait or run."""
        [row] = self._database.rows("SELECT count(*) AS n FROM jobs WHERE state IN ('queued', 'running')")
        return int(row["n"])

    def forget_before(self, moment: datetime) -> int:
        """Delete jobs that ended before a moment; return how many there were."""
        with self._database.transaction() as connection:
            return connection.execute("DELETE FROM jobs WHERE ended_at < ?", [moment.timestamp()]).rowcount

    def claim(self) -> Claim | None:
        """Take the oldest job that may run now, or None if there is none.

        A job whose lease has run out may; one that writes to the gallery may not while another such runs.
        One that has been begun too often fails instead.
        """
        now, boot, until = self._now(), self._lease_clock.boot, self._lease_clock.now() + self.lease_s
        with self._database.transaction() as connection:
            while True:
                row = self._claimable(connection, now)
                if row is None:
                    return None
                if row["cancel_requested"]:
                    self._end(connection, row["number"], JobState.CANCELLED)
                elif row["attempts"] >= MOST_ATTEMPTS:
                    told = f"the service ended {MOST_ATTEMPTS} times while it was at work on this"
                    self._end(
                        connection, row["number"], JobState.FAILED, problem=JobProblem("given-up", told)
                    )
                else:
                    break
            token = secrets.token_hex(16)
            connection.execute(
                "UPDATE jobs SET state = 'running', token = ?, lease_boot = ?, lease_until = ?, rate = NULL,"
                " attempts = attempts + 1, started_at = coalesce(started_at, ?), message = NULL"
                " WHERE number = ?",
                [token, boot, until, now, row["number"]],
            )
            return Claim(self._one(connection, row["number"]), token)

    def _claimable(self, connection: sqlite3.Connection, now: float) -> sqlite3.Row | None:
        # A lease ending later than any lease given now can end is from a clock that was started anew.
        lease_now = self._lease_clock.now()
        held = "state = 'running' AND lease_boot = :boot AND lease_until > :now AND lease_until <= :latest"
        row: sqlite3.Row | None = connection.execute(
            f"SELECT number, attempts, cancel_requested FROM jobs"
            f" WHERE ((state = 'queued' AND not_before <= :today) OR (state = 'running' AND NOT ({held})))"
            f" AND NOT (writes_gallery AND EXISTS (SELECT 1 FROM jobs WHERE writes_gallery AND {held}))"
            f" ORDER BY number LIMIT 1",
            {
                "boot": self._lease_clock.boot,
                "now": lease_now,
                "latest": lease_now + 10 * self.lease_s,
                "today": now,
            },
        ).fetchone()
        return row

    def renew(
        self,
        claim: Claim,
        *,
        done: int,
        total: int | None,
        rate_per_s: float | None,
        message: str | None,
    ) -> "Order":
        """Prolong a lease and keep how far the job is; return what its worker is to do."""
        with self._database.transaction() as connection:
            changed = connection.execute(
                "UPDATE jobs SET lease_boot = ?, lease_until = ?, done = ?, total = ?, rate = ?, message = ?"
                " WHERE number = ? AND token = ? AND state = 'running'",
                [
                    self._lease_clock.boot,
                    self._lease_clock.now() + self.lease_s,
                    done,
                    total,
                    rate_per_s,
                    message,
                    claim.job.number,
                    claim.token,
                ],
            ).rowcount
            if not changed:
                return Order(lost=True, cancel=False)
            return Order(lost=False, cancel=self._one(connection, claim.job.number).cancel_requested)

    def finish(self, claim: Claim, result: Mapping[str, Any], *, state: JobState = JobState.DONE) -> bool:
        """End a job with its result; False if the lease was lost, and nothing changed."""
        with self._database.transaction() as connection:
            if not self._holds(connection, claim):
                return False
            self._end(connection, claim.job.number, state, result=result)
            return True

    def fail(self, claim: Claim, problem: JobProblem) -> bool:
        """End a job that cannot be done; False if the lease was lost, and nothing changed."""
        with self._database.transaction() as connection:
            if not self._holds(connection, claim):
                return False
            self._end(connection, claim.job.number, JobState.FAILED, problem=problem)
            return True

    def put_back(
        self, claim: Claim, *, wait_s: float = 0.0, message: str | None = None, counted: bool = False
    ) -> bool:
        """Let a job wait again; False if the lease was lost, and nothing changed.

        Args:
            claim: of the job.
            wait_s: how long at least.
            message: what it waits for.
            counted: whether this attempt counts among those that are granted.
        """
        with self._database.transaction() as connection:
            if not self._holds(connection, claim):
                return False
            connection.execute(
                "UPDATE jobs SET state = 'queued', token = NULL, lease_boot = NULL, lease_until = NULL,"
                " attempts = attempts - ?, not_before = ?, message = ?, rate = NULL WHERE number = ?",
                [int(not counted), self._now() + wait_s, message, claim.job.number],
            )
            return True

    def _holds(self, connection: sqlite3.Connection, claim: Claim) -> bool:
        found = connection.execute(
            "SELECT 1 FROM jobs WHERE number = ? AND token = ? AND state = 'running'",
            [claim.job.number, claim.token],
        ).fetchone()
        return found is not None

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
        return _job(row)


@dataclass(frozen=True)
class Order:
    """What a worker is told when it renews its lease.

    Args:
        lost: the lease ran out and another worker has the job, or it has ended: stop, and write nothing.
        cancel: the job was asked to stop.
    """

    lost: bool
    cancel: bool


def _job(row: sqlite3.Row) -> Job:
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
