"""What a job's work sees of the queue: a place to report to, and the word to stop."""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from attrieve.errors import AttrieveError
from attrieve.serving.jobs.job import Job

RATE_WINDOW_S = 30.0
"""The rate is that of the last half minute."""


class JobCancelled(AttrieveError):  # noqa: N818 - no fault: somebody asked for it
    """The job was asked to stop; carries what it did until then."""

    def __init__(self, result: Mapping[str, Any] | None = None) -> None:
        super().__init__("the job was cancelled")
        self.result = dict(result or {})


class JobInterrupted(AttrieveError):  # noqa: N818 - no fault: the service ends, or the lease was lost
    """The worker has to let the job go; it will be done by another one."""


class JobRun:
    """One attempt at a job; safe to use from several threads.

    Args:
        job: what to do.
        clock: seconds that never go back.
    """

    def __init__(self, job: Job, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.job = job
        self._clock = clock
        self._lock = threading.Lock()
        self._samples: deque[tuple[float, int]] = deque()
        self._done = 0
        self._total: int | None = None
        self._message: str | None = None
        self._cancelled = threading.Event()
        self._interrupted = threading.Event()

    def report(self, done: int, total: int | None = None, message: str | None = None) -> None:
        """Say how far it is, and stop here if it has to.

        Raises:
            JobCancelled: if somebody cancelled the job.
            JobInterrupted: if the service ends or the lease was lost.
        """
        self.note(done, total, message)
        self.check()

    def note(self, done: int, total: int | None = None, message: str | None = None) -> None:
        """Say how far it is, and go on."""
        with self._lock:
            self._done, self._total, self._message = done, total, message
            now = self._clock()
            self._samples.append((now, done))
            while len(self._samples) > 2 and self._samples[1][0] <= now - RATE_WINDOW_S:
                self._samples.popleft()

    def check(self) -> None:
        """Stop here if it has to; raises as :meth:`report`."""
        if self._interrupted.is_set():
            raise JobInterrupted("the service ends, or another worker has taken the job over")
        if self._cancelled.is_set():
            raise JobCancelled

    def pause(self, seconds: float) -> None:
        """Wait, but no longer than until the job has to stop; raises as :meth:`report`."""
        until = self._clock() + seconds
        while (left := until - self._clock()) > 0:
            self.check()
            self._interrupted.wait(min(left, 0.2))
        self.check()

    def cancel(self) -> None:
        """Have the work stop at its next word."""
        self._cancelled.set()

    def interrupt(self) -> None:
        """Have the work let go at its next word."""
        self._interrupted.set()

    def state(self) -> tuple[int, int | None, float | None, str | None]:
        """Return units done, their total, units per second of late, and what it is at."""
        with self._lock:
            rate = None
            if len(self._samples) > 1:
                (since, before), (now, done) = self._samples[0], self._samples[-1]
                rate = (done - before) / (now - since) if now > since else None
            return self._done, self._total, rate, self._message


JobWork = Callable[[JobRun], Mapping[str, Any]]
"""Does a job, or goes on with one that was interrupted; returns the result as plain JSON values."""
