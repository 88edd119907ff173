"""Jobs wait, are claimed under a lease, end once, and are claimed again when a worker was lost."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attrieve.serving.access.roles import Actor, Role
from attrieve.serving.jobs.claims import MOST_ATTEMPTS, Claim
from attrieve.serving.jobs.job import JobKind, JobProblem, JobState
from attrieve.serving.jobs.job_store import UnknownJobError
from attrieve.serving.jobs.leases import LeaseClock
from attrieve.serving.jobs.queue import JobQueue
from attrieve.serving.problems import ProblemError
from attrieve.serving.state.database import StateDatabase

KIM = Actor("kim", Role.CURATOR, "session")


@dataclass(frozen=True)
class SetClock(LeaseClock):
    """A lease clock that stands until it is moved."""

    at: list[float]

    def now(self) -> float:
        return self.at[0]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[StateDatabase]:
    opened = StateDatabase(tmp_path / "state.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def clock() -> SetClock:
    return SetClock("this start", [1000.0])


@pytest.fixture
def queue(database: StateDatabase, clock: SetClock) -> JobQueue:
    return JobQueue(database, lease_clock=clock)


def claimed(queue: JobQueue) -> Claim:
    claim = queue.claim()
    assert claim is not None
    return claim


def test_a_job_comes_back_as_it_was_submitted(queue: JobQueue) -> None:
    job = queue.submit(JobKind.ADD_IMAGES, {"images": ["ü", 3]}, KIM, purpose="a search", case="7/24")
    again = queue.get(job.number)
    assert again == job
    assert (again.kind, again.state, again.payload) == (
        JobKind.ADD_IMAGES,
        JobState.QUEUED,
        {"images": ["ü", 3]},
    )
    assert (again.actor, again.purpose, again.case) == (KIM, "a search", "7/24")
    assert abs(again.created_at - datetime.now(UTC)) < timedelta(minutes=1)


def test_each_job_is_claimed_once_and_ends_once(queue: JobQueue) -> None:
    number = queue.submit(JobKind.EXPORT_CASE, {}, KIM).number
    claim = claimed(queue)
    assert claim.job.number == number
    assert claim.job.state is JobState.RUNNING
    assert queue.claim() is None
    assert queue.finish(claim, {"file": "a.pdf"})
    assert not queue.fail(claim, JobProblem("late", "it was done before"))
    job = queue.get(number)
    assert (job.state, job.result, job.problem) == (JobState.DONE, {"file": "a.pdf"}, None)


def test_two_jobs_that_write_to_the_gallery_never_run_at_once(queue: JobQueue) -> None:
    """An export runs beside them; the second begins when the first has ended."""
    queue.submit(JobKind.ADD_IMAGES, {}, KIM)
    second = queue.submit(JobKind.COMPACT, {}, KIM).number
    export = queue.submit(JobKind.EXPORT_CASE, {}, KIM).number
    adding = claimed(queue)
    assert claimed(queue).job.number == export
    assert queue.claim() is None
    queue.finish(adding, {})
    assert claimed(queue).job.number == second


def test_a_lost_worker_loses_its_job_to_another(queue: JobQueue, clock: SetClock) -> None:
    """After the lease has run out, and not before; the lost one can write nothing any more."""
    queue.submit(JobKind.DELETE_ROWS, {}, KIM)
    lost = claimed(queue)
    clock.at[0] += queue.lease_s - 0.01
    assert queue.claim() is None
    clock.at[0] += 0.02
    claim = claimed(queue)
    assert claim.job.number == lost.job.number
    assert claim.job.attempts == 2
    assert queue.renew(lost, done=9, total=9, rate_per_s=None, message=None).lost
    assert not queue.finish(lost, {})
    assert not queue.put_back(lost)
    assert queue.finish(claim, {"deleted": 1})


def test_a_renewed_lease_holds(queue: JobQueue, clock: SetClock) -> None:
    queue.submit(JobKind.REEMBED, {}, KIM)
    claim = claimed(queue)
    for done in range(5):
        clock.at[0] += queue.lease_s - 1
        assert not queue.renew(claim, done=done, total=10, rate_per_s=2.0, message="describing").lost
    job = queue.get(claim.job.number)
    assert (job.done, job.total, job.seconds_left, job.message) == (4, 10, 3.0, "describing")
    assert queue.claim() is None


def test_leases_are_void_after_a_restart_of_the_machine(database: StateDatabase, clock: SetClock) -> None:
    """Whatever its clock says then; the time of day plays no part."""
    queue = JobQueue(database, lease_clock=clock)
    queue.submit(JobKind.COMPACT, {}, KIM)
    claimed(queue)
    restarted = JobQueue(database, lease_clock=SetClock("another start", [3.0]))
    assert claimed(restarted).job.attempts == 2
    nameless = JobQueue(database, lease_clock=SetClock("another start", [0.5 - 1e6]))
    assert claimed(nameless).job.attempts == 3, (
        "a lease that ends later than any can was given by another clock"
    )


def test_a_job_that_ends_the_process_again_and_again_is_given_up(queue: JobQueue, clock: SetClock) -> None:
    number = queue.submit(JobKind.ADD_IMAGES, {}, KIM).number
    for _ in range(MOST_ATTEMPTS):
        claimed(queue)
        clock.at[0] += queue.lease_s + 1
    assert queue.claim() is None
    job = queue.get(number)
    assert job.state is JobState.FAILED
    assert job.problem is not None
    assert job.problem.kind == "given-up"
    assert queue.retry(number).state is JobState.QUEUED
    assert claimed(queue).job.number == number


def test_cancelling(queue: JobQueue, clock: SetClock) -> None:
    """A waiting job is cancelled at once, a running one is told, an ended one stays."""
    waiting = queue.submit(JobKind.COMPACT, {}, KIM).number
    assert queue.cancel(waiting).state is JobState.CANCELLED
    queue.submit(JobKind.COMPACT, {}, KIM)
    claim = claimed(queue)
    assert queue.cancel(claim.job.number).state is JobState.RUNNING
    assert queue.renew(claim, done=0, total=None, rate_per_s=None, message=None).cancel
    queue.finish(claim, {"deleted": 3}, state=JobState.CANCELLED)
    assert queue.cancel(claim.job.number).result == {"deleted": 3}
    queue.submit(JobKind.COMPACT, {}, KIM)
    lost = claimed(queue)
    queue.cancel(lost.job.number)
    clock.at[0] += queue.lease_s + 1
    assert queue.claim() is None, "a cancelled job of a lost worker is not begun again"
    assert queue.get(lost.job.number).state is JobState.CANCELLED


def test_a_job_put_back_waits(database: StateDatabase, clock: SetClock) -> None:
    """It does not count as an attempt unless that is said."""
    now = [5000.0]
    queue = JobQueue(database, clock=lambda: now[0], lease_clock=clock)
    queue.submit(JobKind.COMPACT, {}, KIM, not_before=datetime.fromtimestamp(5010.0, UTC))
    assert queue.claim() is None
    now[0] = 5011.0
    queue.put_back(claimed(queue), wait_s=20.0, message="waits for another writer")
    assert queue.claim() is None
    [job] = queue.find(states=[JobState.QUEUED])
    assert (job.message, job.attempts) == ("waits for another writer", 0)
    now[0] = 5032.0
    queue.put_back(claimed(queue), counted=True)
    assert claimed(queue).job.attempts == 2


def test_finding(queue: JobQueue) -> None:
    numbers = [queue.submit(JobKind.EXPORT_CASE, {}, KIM, case=str(index % 2)).number for index in range(5)]
    queue.submit(JobKind.COMPACT, {}, Actor("lee", Role.CURATOR, "key", "abc"))
    assert [job.number for job in queue.find(actor="kim", limit=2)] == [numbers[4], numbers[3]]
    assert [job.number for job in queue.find(before=numbers[3], limit=2)] == [numbers[2], numbers[1]]
    assert [job.number for job in queue.find(case="1")] == [numbers[3], numbers[1]]
    assert [job.actor.key for job in queue.find(kinds=[JobKind.COMPACT])] == ["abc"]
    assert queue.waiting() == 6
    assert not queue.find(states=[JobState.DONE, JobState.FAILED])


@pytest.mark.parametrize("number", [0, -1, 99, 2**63, 10**30])
def test_unknown_jobs(queue: JobQueue, number: int) -> None:
    for ask in (queue.get, queue.cancel, queue.retry):
        with pytest.raises(UnknownJobError, match=str(number)):
            ask(number)


def test_only_what_failed_is_tried_again(queue: JobQueue) -> None:
    number = queue.submit(JobKind.COMPACT, {}, KIM).number
    with pytest.raises(ProblemError, match="queued"):
        queue.retry(number)


def test_ended_jobs_are_forgotten_by_age(database: StateDatabase, clock: SetClock) -> None:
    now = [5000.0]
    queue = JobQueue(database, clock=lambda: now[0], lease_clock=clock)
    old, kept, running = (queue.submit(JobKind.EXPORT_CASE, {}, KIM).number for _ in range(3))
    queue.finish(claimed(queue), {})
    now[0] = 6000.0
    queue.finish(claimed(queue), {})
    claimed(queue)
    now[0] = 9000.0
    assert queue.forget_before(datetime.fromtimestamp(5500.0, UTC)) == 1
    assert [job.number for job in queue.find()] == [running, kept]
    with pytest.raises(UnknownJobError):
        queue.get(old)


@settings(max_examples=12)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["submit", "claim", "renew", "finish", "lose", "cancel"]), st.integers(0, 5)
        ),
        max_size=30,
    )
)
def test_no_job_is_lost_or_done_twice(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    """Whatever happens in whatever order: a job ends once, and every job that did not is still there."""
    database = StateDatabase(tmp_path_factory.mktemp("jobs") / "state.sqlite")
    clock = SetClock("this start", [0.0])
    queue = JobQueue(database, lease_clock=clock)
    claims: list[Claim] = []
    ended: set[int] = set()
    submitted = 0
    for step, pick in steps:
        claim = claims[pick % len(claims)] if claims else None
        if step == "submit":
            kind = [JobKind.EXPORT_CASE, JobKind.COMPACT][pick % 2]
            submitted = queue.submit(kind, {}, KIM).number
        elif step == "claim":
            new = queue.claim()
            claims += [new] if new else []
        elif step == "lose":
            clock.at[0] += 1.5 * queue.lease_s
        elif step == "cancel" and submitted:
            queue.cancel(1 + pick % submitted)
        elif claim is not None and step == "renew":
            queue.renew(claim, done=1, total=2, rate_per_s=None, message=None)
        elif claim is not None and step == "finish" and queue.finish(claim, {}):
            assert claim.job.number not in ended
            ended.add(claim.job.number)
        running = queue.find(states=[JobState.RUNNING], limit=1000)
        assert {job.number for job in running}.isdisjoint(ended)
    jobs = queue.find(limit=1000)
    assert [job.number for job in jobs] == list(range(submitted, 0, -1))
    assert {job.number for job in jobs if job.state is JobState.DONE} == ended
    database.close()
