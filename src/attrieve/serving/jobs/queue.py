"""The jobs of a service, in its database: asked for, looked at, cancelled, tried again."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from attrieve.serving.access.roles import Actor
from attrieve.serving.jobs.claims import JobClaims
from attrieve.serving.jobs.job import Job, JobKind, JobState
from attrieve.serving.jobs.job_store import job_of
from attrieve.serving.problems import Problem, ProblemError


class JobQueue(JobClaims):
    """Jobs that wait, run or have ended."""

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
        return [job_of(row) for row in rows]

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

    def ended_before(self, moment: datetime) -> int:
        """Return how many jobs ended before a moment."""
        [row] = self._database.rows("SELECT count(*) AS n FROM jobs WHERE ended_at < ?", [moment.timestamp()])
        return int(row["n"])

    def forget_before(self, moment: datetime) -> int:
        """Delete jobs that ended before a moment, for their numbers never to return; return how many."""
        with self._database.transaction() as connection:
            return connection.execute("DELETE FROM jobs WHERE ended_at < ?", [moment.timestamp()]).rowcount
