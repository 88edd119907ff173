"""Jobs that people ask for, cancel and try again, each with its entry in the ledger in the same commit."""

from collections.abc import Mapping
from typing import Any

from attrieve.serving.access.roles import Actor
from attrieve.serving.jobs.job import Job, JobKind
from attrieve.serving.jobs.queue import JobQueue
from attrieve.serving.jobs.worker import JobWorker
from attrieve.serving.state.ledger import Action, Ledger

_ACTIONS = {
    JobKind.ADD_IMAGES: Action.ADDITION,
    JobKind.DELETE_ROWS: Action.DELETION,
    JobKind.COMPACT: Action.REINDEXING,
    JobKind.REEMBED: Action.REINDEXING,
    JobKind.EXPORT_CASE: Action.EXPORT,
}


class JobOrders:
    """Takes orders for jobs.

    Args:
        jobs: where they go.
        worker: woken for them.
        ledger: where they are recorded, in the database of the jobs.
    """

    def __init__(self, jobs: JobQueue, worker: JobWorker, ledger: Ledger) -> None:
        self.jobs = jobs
        self.worker = worker
        self._ledger = ledger
        self._database = ledger.database

    def submit(
        self,
        kind: JobKind,
        payload: Mapping[str, Any],
        actor: Actor,
        *,
        purpose: str | None = None,
        case: str | None = None,
        keys: list[str] | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> Job:
        """Queue a job and record that it was asked for, in one commit.

        Raises:
            StorageError: if the disk refuses; nothing is queued then.
        """
        with self._database.transaction():
            job = self.jobs.submit(kind, payload, actor, purpose=purpose, case=case)
            asked = {
                "what": f"{kind.value} asked for",
                "job": job.number,
                **payload,
                **(details or {}),
            }
            self._ledger.record(
                actor, _ACTIONS[kind], purpose=purpose, case=case, details=asked, keys=keys or ()
            )
        self.worker.wake()
        return job

    def cancel(self, number: int, actor: Actor) -> Job:
        """Cancel a job and record it; raises as :meth:`~attrieve.serving.jobs.queue.JobQueue.cancel`."""
        with self._database.transaction():
            job = self.jobs.cancel(number)
            self._tell(actor, job, "cancelled")
        return job

    def retry(self, number: int, actor: Actor) -> Job:
        """Retry a job and record it; raises as :meth:`~attrieve.serving.jobs.queue.JobQueue.retry`."""
        with self._database.transaction():
            job = self.jobs.retry(number)
            self._tell(actor, job, "tried again")
        self.worker.wake()
        return job

    def _tell(self, actor: Actor, job: Job, what: str) -> None:
        details = {"what": f"{job.kind.value} {what}", "job": job.number}
        self._ledger.record(actor, _ACTIONS[job.kind], purpose=job.purpose, case=job.case, details=details)
