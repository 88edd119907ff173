"""A worker does jobs, reports, stops when told, and leaves to others what it could not end."""

import errno
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from attrieve.errors import GalleryBusyError, ImageError, StorageError
from attrieve.serving.access.roles import Actor, Role
from attrieve.serving.jobs.claims import MOST_ATTEMPTS
from attrieve.serving.jobs.job import JobKind, JobState
from attrieve.serving.jobs.queue import JobQueue
from attrieve.serving.jobs.run import JobCancelled, JobRun
from attrieve.serving.jobs.worker import JobWorker
from attrieve.serving.state.database import StateDatabase

KIM = Actor("kim", Role.CURATOR, "session")
WAIT_S = 60.0


@pytest.fixture
def now() -> list[float]:
    return [1e9]


@pytest.fixture
def queue(tmp_path: Path, now: list[float]) -> Iterator[JobQueue]:
    database = StateDatabase(tmp_path / "state.sqlite")
    yield JobQueue(database, clock=lambda: now[0])
    database.close()


def worker(queue: JobQueue, work: Callable[[JobRun], Mapping[str, Any]], beat_s: float = 0.01) -> JobWorker:
    return JobWorker(queue, {JobKind.COMPACT: work}, poll_s=0.01, beat_s=beat_s)


def test_a_job_is_done_and_its_progress_is_seen_meanwhile(queue: JobQueue) -> None:
    seen, go_on = threading.Event(), threading.Event()

    def work(run: JobRun) -> Mapping[str, Any]:
        run.report(1, 4, "halfway")
        run.report(2, 4, "halfway")
        seen.set()
        assert go_on.wait(WAIT_S)
        run.report(4, 4)
        return {"rows": run.job.payload["rows"]}

    number = queue.submit(JobKind.COMPACT, {"rows": 7}, KIM).number
    doing = worker(queue, work)
    doing.start()
    assert seen.wait(WAIT_S)
    while queue.get(number).done != 2:
        time.sleep(0.005)
    job = queue.get(number)
    assert (job.total, job.message, job.share_done) == (4, "halfway", 0.5)
    assert job.rate_per_s is not None
    go_on.set()
    while not queue.get(number).state.is_final:
        time.sleep(0.005)
    job = queue.get(number)
    assert (job.state, job.result, job.done) == (JobState.DONE, {"rows": 7}, 4)
    assert doing.stop(WAIT_S)


def test_errors_of_ours_are_told_and_mistakes_are_not(
    queue: JobQueue, caplog: pytest.LogCaptureFixture
) -> None:
    """What an unexpected error says is for the log alone."""

    def fail(run: JobRun) -> Mapping[str, Any]:
        raise {"image": ImageError("no picture"), "other": KeyError("secret")}[run.job.payload["how"]]

    for how in ("image", "other"):
        queue.submit(JobKind.COMPACT, {"how": how}, KIM)
        assert worker(queue, fail).run_one()
    other, image = queue.find()
    assert image.problem is not None
    assert (image.problem.kind, image.problem.detail) == ("image", "no picture")
    assert other.problem is not None
    assert (other.state, other.problem.kind) == (JobState.FAILED, "internal")
    assert "secret" not in other.problem.detail
    assert "secret" in caplog.text


def test_where_the_disk_refused_is_for_the_log(
    queue: JobQueue, now: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    """Neither while a job waits nor when it has failed is a path of the server shown."""

    def fail(run: JobRun) -> Mapping[str, Any]:
        raise StorageError("cannot write /srv/people/gallery") from OSError(errno.ENOSPC, "no room")

    number = queue.submit(JobKind.COMPACT, {}, KIM).number
    told = []
    while not queue.get(number).state.is_final:
        assert worker(queue, fail).run_one()
        job = queue.get(number)
        told.append(job.message if job.problem is None else job.problem.detail)
        now[0] += 3600
    assert len(told) == MOST_ATTEMPTS
    assert all("the disk is full" in str(words) and "/srv" not in str(words) for words in told)
    assert caplog.text.count("/srv/people/gallery") == MOST_ATTEMPTS


def test_a_kind_nobody_does_fails(queue: JobQueue) -> None:
    number = queue.submit(JobKind.REEMBED, {}, KIM).number
    assert worker(queue, lambda _: {}).run_one()
    assert queue.get(number).state is JobState.FAILED
    assert not worker(queue, lambda _: {}).run_one()


def test_a_gallery_somebody_else_writes_to_is_waited_for(queue: JobQueue, now: list[float]) -> None:
    """As often as need be, ever longer, without counting."""
    busy = [8]

    def work(run: JobRun) -> Mapping[str, Any]:
        busy[0] -= 1
        if busy[0] > 0:
            raise GalleryBusyError("another process is writing")
        return {}

    number = queue.submit(JobKind.COMPACT, {}, KIM).number
    doing = worker(queue, work)
    waits = []
    while not queue.get(number).state.is_final:
        before = now[0]
        while not doing.run_one():
            now[0] += 1.0
        waits.append(now[0] - before)
    assert queue.get(number).state is JobState.DONE
    assert waits == [0, 2, 4, 8, 16, 32, 60, 60]


def test_a_full_disk_is_waited_for_some_time(queue: JobQueue, now: list[float]) -> None:
    room = [False]

    def work(run: JobRun) -> Mapping[str, Any]:
        if not room[0]:
            raise StorageError("the disk is full")
        return {}

    number = queue.submit(JobKind.COMPACT, {}, KIM).number
    doing = worker(queue, work)
    for _ in range(MOST_ATTEMPTS):
        assert doing.run_one()
        now[0] += 1000.0
    job = queue.get(number)
    assert job.problem is not None
    assert (job.state, job.problem.kind) == (JobState.FAILED, "storage")
    room[0] = True
    queue.retry(number)
    assert doing.run_one()
    assert queue.get(number).state is JobState.DONE


def test_cancelling_a_running_job(queue: JobQueue) -> None:
    """What it did until then is told."""
    begun = threading.Event()

    def work(run: JobRun) -> Mapping[str, Any]:
        begun.set()
        try:
            while True:
                run.pause(WAIT_S)
        except JobCancelled:
            raise JobCancelled({"added": 3}) from None

    number = queue.submit(JobKind.COMPACT, {}, KIM).number
    doing = worker(queue, work)
    doing.start()
    assert begun.wait(WAIT_S)
    queue.cancel(number)
    while not queue.get(number).state.is_final:
        time.sleep(0.005)
    assert (queue.get(number).state, queue.get(number).result) == (JobState.CANCELLED, {"added": 3})
    doing.stop(WAIT_S)


def test_a_worker_that_is_stopped_gives_its_job_back(queue: JobQueue) -> None:
    """The next one does it."""
    begun = threading.Event()

    def work(run: JobRun) -> Mapping[str, Any]:
        begun.set()
        run.pause(WAIT_S)
        return {}

    number = queue.submit(JobKind.COMPACT, {}, KIM).number
    doing = worker(queue, work)
    doing.start()
    assert begun.wait(WAIT_S)
    assert doing.stop(WAIT_S)
    job = queue.get(number)
    assert (job.state, job.attempts) == (JobState.QUEUED, 0)
    assert worker(queue, lambda _: {"done": True}).run_one()
    assert queue.get(number).result == {"done": True}


def test_several_workers_share_the_jobs(queue: JobQueue) -> None:
    """Each is done once."""
    done: list[int] = []
    workers = [
        JobWorker(queue, {JobKind.EXPORT_CASE: lambda run: done.append(run.job.number) or {}}, poll_s=0.01)
        for _ in range(3)
    ]
    numbers = [queue.submit(JobKind.EXPORT_CASE, {}, KIM).number for _ in range(12)]
    for each in workers:
        each.start()
    while queue.waiting():
        time.sleep(0.005)
    for each in workers:
        assert each.stop(WAIT_S)
    assert sorted(done) == numbers
