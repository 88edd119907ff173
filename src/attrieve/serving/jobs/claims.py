"""Jobs under lease: several processes may claim, and any may be killed.

A job is claimed under a lease. Its worker renews the lease while it works; if the worker dies, the lease runs
out and the job is claimed again, by whoever comes first. What a job does can therefore happen twice and must
not mind. A worker whose lease was lost is told so at its next word.
"""

import secrets
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from attrieve.serving.jobs.job import Job, JobProblem, JobState
from attrieve.serving.jobs.job_store import JobStore

MOST_ATTEMPTS = 5
"""A job that ended its process so often is not tried again."""


@dataclass(frozen=True)
class Claim:
    """A job under lease.

    Args:
        job: as it was when it was claimed.
        token: proves the lease; of a later claim there is another.
    """

    job: Job
    token: str


@dataclass(frozen=True)
class Order:
    """What a worker is told when it renews its lease.

    Args:
        lost: the lease ran out and another worker has the job, or it has ended: stop, and write nothing.
        cancel: the job was asked to stop.
    """

    lost: bool
    cancel: bool


class JobClaims(JobStore):
    """What a worker asks for and tells."""

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
                    told = f"the service ended {MOST_ATTEMPTS} times at work on this; find out why, and retry"
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
    ) -> Order:
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
