"""Tasks of many callers on one pool of threads."""

import threading

import pytest

from attrieve.gallery.exact.threads import default_threads, run_all


def test_every_task_runs_once_and_the_first_error_is_raised() -> None:
    """Whatever thread it runs on; an error waits for all that had begun."""
    done: list[int] = []
    run_all([lambda number=number: done.append(number) for number in range(500)], 3)  # type: ignore[misc]
    assert sorted(done) == list(range(500))

    def fail() -> None:
        raise ValueError("of a task")

    with pytest.raises(ValueError, match="of a task"):
        run_all([fail] * 4, 3)


def test_nobody_waits_for_threads_that_work_for_others() -> None:
    """While another caller's tasks hold every thread of the pool, a caller does all its work alone."""
    held, let_go = threading.Semaphore(0), threading.Event()

    def hold() -> None:
        held.release()
        assert let_go.wait(60)

    threads = default_threads() + 1  # the pool's and the other caller
    other = threading.Thread(target=run_all, args=([hold] * threads, threads))
    other.start()
    try:
        for _ in range(threads):
            assert held.acquire(timeout=60)
        ran_on: list[int] = []
        mine = threading.Thread(
            target=run_all, args=([lambda: ran_on.append(threading.get_ident())] * 5, threads)
        )
        mine.start()
        mine.join(30)
        assert not mine.is_alive()
        assert ran_on == [mine.ident] * 5
    finally:
        let_go.set()
        other.join(60)
