"""A thread that claims jobs and does them, one after the other."""

import logging
import re
import threading
from collections.abc import Mapping

from attrieve.errors import AttrieveError, GalleryBusyError, StorageError
from attrieve.serving.jobs.claims import MOST_ATTEMPTS, Claim, Order
from attrieve.serving.jobs.job import JobKind, JobProblem, JobState
from attrieve.serving.jobs.queue import JobQueue
from attrieve.serving.jobs.run import JobCancelled, JobInterrupted, JobRun, JobWork
from attrieve.serving.plain_words import plain_words

POLL_S = 1.0
BEAT_S = 1.0
"""How often a worker looks for jobs, and how often it tells the queue how far it is."""

BUSY_WAIT_S = 2.0
BUSY_WAIT_MOST_S = 60.0
STORAGE_WAIT_S = 30.0

_log = logging.getLogger("attrieve.jobs")


class JobWorker:
    """Does jobs until it is stopped.

    Args:
        queue: where jobs come from.
        work: what does each kind; kinds that are missing fail.
        poll_s: seconds between looks at an empty queue; :meth:`wake` makes it look at once.
        beat_s: seconds between words to the queue while a job runs; well below the lease.
    """

    def __init__(
        self,
        queue: JobQueue,
        work: Mapping[JobKind, JobWork],
        *,
        poll_s: float = POLL_S,
        beat_s: float = BEAT_S,
    ) -> None:
        self._queue = queue
        self._work = dict(work)
        self._poll_s = poll_s
        self._beat_s = beat_s
        self._awake = threading.Event()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._current: JobRun | None = None
        self._thread: threading.Thread | None = None
        self._busy_waits: dict[int, float] = {}

    def start(self) -> None:
        """Begin; nothing happens if it has begun."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop, name="attrieve-jobs", daemon=True)
            self._thread.start()

    def wake(self) -> None:
        """Look for jobs now."""
        self._awake.set()

    def stop(self, wait_s: float = 20.0) -> bool:
        """Let the running job go back to the queue and end; return whether the thread has ended.

        A thread that does not end in time holds nobody up: it ends with the process, and its job is claimed
        again when the lease has run out.
        """
        self._stopping.set()
        self._awake.set()
        with self._lock:
            if self._current is not None:
                self._current.interrupt()
        if self._thread is None:
            return True
        self._thread.join(wait_s)
        return not self._thread.is_alive()

    def run_one(self) -> bool:
        """Claim one job and do it; False if none was there."""
        claim = self._queue.claim()
        if claim is None:
            return False
        self._do(claim)
        return True

    def _loop(self) -> None:
        while not self._stopping.is_set():
            self._awake.clear()
            try:
                if self.run_one():
                    continue
            except StorageError as error:
                _log.error("the job queue cannot be used: %s", error)
            except Exception:
                _log.exception("a mistake of ours while doing a job")
            self._awake.wait(self._poll_s)

    def _do(self, claim: Claim) -> None:
        run = JobRun(claim.job)
        with self._lock:
            self._current = run
        if self._stopping.is_set():
            run.interrupt()
        ended = threading.Event()
        keeper = threading.Thread(
            target=self._keep, args=(claim, run, ended), name="attrieve-job-lease", daemon=True
        )
        keeper.start()
        try:
            self._attempt(claim, run)
        finally:
            ended.set()
            keeper.join()
            with self._lock:
                self._current = None

    def _attempt(self, claim: Claim, run: JobRun) -> None:
        job = claim.job
        try:
            work = self._work.get(job.kind)
            if work is None:
                raise AttrieveError(f"this service does no jobs of kind {job.kind.value!r}")
            result = work(run)
        except JobCancelled as cancelled:
            self._tell(claim, run)
            self._queue.finish(claim, cancelled.result, state=JobState.CANCELLED)
        except JobInterrupted:
            self._queue.put_back(claim, message="goes on when the service is back")
        except GalleryBusyError as error:
            wait_s = self._busy_waits.get(job.number, BUSY_WAIT_S)
            self._busy_waits[job.number] = min(2 * wait_s, BUSY_WAIT_MOST_S)
            self._queue.put_back(claim, wait_s=wait_s, message="waits: " + plain_words(error))
            return
        except StorageError as error:
            if job.attempts >= MOST_ATTEMPTS:
                self._fail(claim, error)
            else:
                _log.warning("job %d waits: %s", job.number, error)
                wait_s = STORAGE_WAIT_S * job.attempts
                message = "tried again soon: " + plain_words(error)
                self._queue.put_back(claim, wait_s=wait_s, message=message, counted=True)
        except AttrieveError as error:
            self._fail(claim, error)
        except Exception:
            _log.exception("job %d (%s) failed by a mistake of ours", job.number, job.kind.value)
            told = "a mistake in the service; its log has the particulars"
            self._queue.fail(claim, JobProblem("internal", told))
        else:
            self._tell(claim, run)
            self._queue.finish(claim, result)
        self._busy_waits.pop(job.number, None)

    def _fail(self, claim: Claim, error: AttrieveError) -> None:
        _log.warning("job %d (%s) failed: %s", claim.job.number, claim.job.kind.value, error)
        self._queue.fail(claim, JobProblem(problem_kind(error), plain_words(error)))

    def _keep(self, claim: Claim, run: JobRun, ended: threading.Event) -> None:
        """Renew the lease until the work ends."""
        while not ended.wait(self._beat_s):
            try:
                order = self._tell(claim, run)
            except StorageError as error:  # the lease may run out; then the job is done again
                _log.warning("cannot renew the lease of job %d: %s", claim.job.number, error)
                continue
            if order.lost:
                run.interrupt()
                return
            if order.cancel:
                run.cancel()

    def _tell(self, claim: Claim, run: JobRun) -> Order:
        done, total, rate, message = run.state()
        return self._queue.renew(claim, done=done, total=total, rate_per_s=rate, message=message)


def problem_kind(error: AttrieveError) -> str:
    """Return a short name for a kind of error.

    >>> problem_kind(StorageError("full"))
    'storage'
    """
    words = re.findall(r"[A-Z][a-z]*", type(error).__name__.removesuffix("Error"))
    return "-".join(word.lower() for word in words) or "attrieve"
