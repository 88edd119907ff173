"""How many searches run at once, how many wait, and what the others are told."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import anyio
import anyio.to_thread

from attrieve.serving.problems import Problem, ProblemError

Result = TypeVar("Result")


class SearchRoom:
    """Places for work that keeps cores busy.

    Args:
        at_once: how much of it runs side by side, at least 1.
        queue: how much may wait; more is refused at once, so that an overload costs nothing.
        retry_seconds: when those who are refused shall come back.
        waited: told how many seconds each one waited.
        refused: called for each one that is refused.
    """

    def __init__(
        self,
        at_once: int,
        queue: int,
        *,
        retry_seconds: int = 2,
        waited: Callable[[float], object] | None = None,
        refused: Callable[[], object] | None = None,
    ) -> None:
        self.at_once = at_once
        self.queue = queue
        self._retry = retry_seconds
        self._waited = waited
        self._refused = refused
        self._places = threading.Semaphore(at_once)
        self._lock = threading.Lock()
        self._inside = 0
        self._threads: anyio.CapacityLimiter | None = None

    @property
    def waiting(self) -> int:
        """How many wait now."""
        return max(0, self._inside - self.at_once)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Wait for a place and hold it; for code that runs in a thread of its own.

        Raises:
            ProblemError: ``overloaded``, if too many wait already.
        """
        self._enter()
        try:
            yield from self._held(time.perf_counter())
        finally:
            self._leave()

    async def run(self, work: Callable[[], Result]) -> Result:
        """Do work in a thread when a place is free; for code of the event loop.

        Raises:
            ProblemError: ``overloaded``, if too many wait already.
        """
        self._enter()
        try:
            if self._threads is None:
                # Who waits, waits in the event loop: a thread for each would take memory for nothing.
                self._threads = anyio.CapacityLimiter(self.at_once)
            return await anyio.to_thread.run_sync(
                self._work, work, time.perf_counter(), limiter=self._threads
            )
        finally:
            self._leave()

    def _work(self, work: Callable[[], Result], begun: float) -> Result:
        with contextmanager(self._held)(begun):
            return work()

    def _held(self, begun: float) -> Iterator[None]:
        with self._places:
            if self._waited is not None:
                self._waited(time.perf_counter() - begun)
            yield

    def _enter(self) -> None:
        with self._lock:
            if self._inside >= self.at_once + self.queue:
                if self._refused is not None:
                    self._refused()
                raise ProblemError(
                    Problem.OVERLOADED,
                    f"{self.queue} searches are waiting already; come back in {self._retry} s",
                    headers={"Retry-After": str(self._retry)},
                )
            self._inside += 1

    def _leave(self) -> None:
        with self._lock:
            self._inside -= 1
