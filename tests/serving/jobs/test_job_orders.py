"""A job that is asked for stands in the queue and in the ledger, or in neither."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from attrieve.errors import StorageError
from attrieve.serving.access.roles import Actor, Role
from attrieve.serving.jobs.job import JobKind, JobState
from attrieve.serving.jobs.job_orders import JobOrders
from attrieve.serving.jobs.queue import JobQueue
from attrieve.serving.jobs.worker import JobWorker
from attrieve.serving.state.database import StateDatabase
from attrieve.serving.state.ledger import Action, Ledger
from attrieve.serving.state.signing import SigningKey

LEE = Actor("lee", Role.CURATOR, "key", "0123456789ab")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    database = StateDatabase(tmp_path / "state.sqlite")
    yield Ledger(database, SigningKey.open(tmp_path))
    database.close()


@pytest.fixture
def orders(ledger: Ledger) -> JobOrders:
    jobs = JobQueue(ledger.database)
    return JobOrders(jobs, JobWorker(jobs, {}), ledger)


def test_the_ledger_says_what_was_asked_for_by_whom_and_what_for(orders: JobOrders, ledger: Ledger) -> None:
    """Payload and details together, the rows beside them; then what became of it."""
    job = orders.submit(
        lambda jobs: jobs.submit(JobKind.DELETE_ROWS, {"why": "old"}, LEE, purpose="order", case="7/24"),
        keys=["0a", "0b"],
        details={"rows": 2},
    )
    assert orders.jobs.get(job.number) == job
    assert job.state is JobState.QUEUED
    [entry] = ledger.entries()
    assert (entry.who, entry.role, entry.through, entry.key) == ("lee", "curator", "key", "0123456789ab")
    assert (entry.action, entry.purpose, entry.case) == (Action.DELETION, "order", "7/24")
    assert entry.keys == ("0a", "0b")
    assert entry.details == {"what": "delete-rows asked for", "job": job.number, "why": "old", "rows": 2}
    orders.cancel(job.number, LEE)
    orders.retry(job.number, LEE)
    told = {entry.details["what"] for entry in ledger.entries()}
    assert told == {f"delete-rows {what}" for what in ("asked for", "cancelled", "tried again")}


def test_nothing_is_queued_that_cannot_be_recorded(
    orders: JobOrders, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise StorageError("the disk is full")

    monkeypatch.setattr(ledger, "record", refuse)
    with pytest.raises(StorageError, match="full"):
        orders.submit(lambda jobs: jobs.submit(JobKind.COMPACT, {}, LEE))
    assert orders.jobs.waiting() == 0
