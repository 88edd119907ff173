"""Jobs that people ask for, cancel and try again, each with its entry in the ledger in the same commit."""

from collections.abc import Callable, Mapping, Sequence
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
        queue: Callable[[JobQueue], Job],
        *,
        keys: Sequence[str] = (),
        details: Mapping[str, Any] | None = None,
    ) -> Job:
        """Queue a job and record that it was asked for, in one commit.

        Args:
            queue: puts the job in the queue it is given, by its ``submit``.
            keys: of the rows it is about.
            details: more for the ledger than the job's payload.

        Raises:
            StorageError: if the disk refuses; nothing is queued then.
        """
        with self._database.transaction():
            job = queue(self.jobs)
            self._tell(job.actor, job, "asked for", keys=keys, details={**job.payload, **(details or {})})
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

    def _tell(
        self,
        actor: Actor,
        job: Job,
        what: str,
        *,
        keys: Sequence[str] = (),
        details: Mapping[str, Any] | None = None,
    ) -> None:
        told = {"what": f"{job.kind.value} {what}", "job": job.number, **(details or {})}
        self._ledger.record(
            actor, _ACTIONS[job.kind], purpose=job.purpose, case=job.case, details=told, keys=keys
        )
