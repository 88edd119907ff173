"""Threads for compiled loops that hold no interpreter lock."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache


def run_all(tasks: Sequence[Callable[[], None]], threads: int) -> None:
    """Run tasks, the caller taking part; safe to call from many threads at once.

    Tasks must not wait for each other. The first error is raised, after all have ended. A caller that has
    done all the work does not wait for threads that are busy with that of others.
    """
    if threads <= 1 or len(tasks) <= 1:
        for task in tasks:
            task()
        return
    waiting = iter(tasks)

    def work() -> None:
        # `next` of a built-in iterator is one step under the interpreter lock, so no task runs twice.
        for task in waiting:
            task()

    futures = [_pool(os.getpid()).submit(work) for _ in range(min(threads, len(tasks)) - 1)]
    try:
        work()
    finally:
        errors = [future.exception() for future in futures if not future.cancel()]
    for error in errors:
        if error is not None:
            raise error


def default_threads() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@lru_cache(maxsize=1)
def _pool(process: int) -> ThreadPoolExecutor:
    # By process, since a fork copies the object and not its threads.
    return ThreadPoolExecutor(max(1, default_threads()), thread_name_prefix=f"exact-search-{process}")
