"""A service lets go of what is old, once however many processes run."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from attrieve.data.file_lock import try_lock
from attrieve.errors import StorageError
from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.gallery.database.writing import open_database_writer
from attrieve.serving.jobs.job import JobKind
from attrieve.serving.jobs.job_store import UnknownJobError
from attrieve.serving.jobs.queue import JobQueue
from attrieve.serving.retention import LOCK_FILE, Retention, RetentionDone, RetentionWatch
from attrieve.serving.settings import ServiceSettings, read_settings
from attrieve.serving.state.ledger import Action, Ledger
from gallery.database.made import key_of, model, rows, vectors
from serving.state.ledgers import KIM, Clock

NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> ServiceSettings:
    """A gallery with two old rows and one that is young."""
    gallery = tmp_path / "gallery"
    with open_database_writer(gallery, model=model()) as writer:
        writer.add(rows([1, 2], time=NOW - timedelta(days=40)), vectors([1, 2]))
        writer.add(rows([3], time=NOW - timedelta(days=20)), vectors([3]))
    given = {"gallery": gallery, "row_days": 30, "ledger_days": 100}
    return read_settings(given, environment={})


@pytest.fixture
def ledger(settings: ServiceSettings) -> Iterator[Ledger]:
    """An entry of last year and one of today."""
    clock = Clock((NOW - timedelta(days=365)).timestamp())
    opened = Ledger.open(settings.state_folder, clock=clock)
    opened.record(KIM, Action.SEARCH)
    clock.now_s = NOW.timestamp()
    opened.record(KIM, Action.SEARCH)
    yield opened
    opened.database.close()


def left(settings: ServiceSettings) -> set[str]:
    return {f"{key:016x}" for key in GallerySnapshot.open(settings.gallery).columns().key.tolist()}


def test_old_rows_and_entries_leave(settings: ServiceSettings, ledger: Ledger) -> None:
    """What is due is told before; the ledger says what went; the disk is freed by a queued job."""
    retention = Retention.of_state(settings, ledger)
    assert retention.due() == RetentionDone(2, 1)
    watch = RetentionWatch(settings, retention)
    assert watch.once() == RetentionDone(2, 1)
    assert left(settings) == {key_of(3)}
    told = [(entry.details["what"], set(entry.keys)) for entry in ledger.entries(action=Action.RETENTION)]
    assert told == [("ledger", set()), ("rows", {key_of(1), key_of(2)})]
    assert [job.kind for job in JobQueue(ledger.database).find()] == [JobKind.COMPACT]
    assert ledger.verify().clean
    assert retention.due() == RetentionDone(0, 0)
    assert watch.once() == RetentionDone(0, 0)


def test_another_process_is_at_it(settings: ServiceSettings, ledger: Ledger) -> None:
    """Nothing is done twice."""
    watch = RetentionWatch(settings, Retention.of_state(settings, ledger))
    with try_lock(settings.state_folder / LOCK_FILE) as mine:
        assert mine
        assert watch.once() is None
    assert len(left(settings)) == 3
    assert len(ledger.entries()) == 2


def test_somebody_writes_to_the_gallery(
    settings: ServiceSettings, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows are tried again later; entries of the ledger do not wait for them."""
    monkeypatch.setattr("attrieve.serving.jobs.gallery_writing.WAIT_S", 0.0)
    watch = RetentionWatch(settings, Retention.of_state(settings, ledger))
    with open_database_writer(settings.gallery):
        assert watch.once() is None
    assert len(left(settings)) == 3
    assert [entry.sequence for entry in ledger.entries()] == [2, 3]
    assert watch.once() == RetentionDone(2, 0)


def test_without_ages_nothing_runs(settings: ServiceSettings, ledger: Ledger) -> None:
    """For ever is the default."""
    forever = settings.model_copy(update={"row_days": None, "ledger_days": None})
    retention = Retention.of_state(forever, ledger)
    assert retention.due() == RetentionDone(0, 0)
    watch = RetentionWatch(forever, retention)
    watch.start()
    assert watch.once() == RetentionDone(0, 0)
    watch.close()
    assert len(left(settings)) == 3


def test_ended_jobs_leave_by_age(settings: ServiceSettings, ledger: Ledger) -> None:
    """Those that wait or run stay however old they are; the ledger says how many went, and before when."""
    asked = settings.model_copy(update={"row_days": None, "ledger_days": None, "job_days": 7})
    then = [(NOW - timedelta(days=30)).timestamp()]
    jobs = JobQueue(ledger.database, clock=lambda: then[0])
    done = jobs.submit(JobKind.ADD_IMAGES, {"images": [{"file_name": "kims-holiday.jpg"}]}, KIM)
    waiting = jobs.submit(JobKind.EXPORT_CASE, {}, KIM)
    claim = jobs.claim()
    assert claim is not None
    jobs.finish(claim, {})
    then[0] = (NOW - timedelta(days=6)).timestamp()
    young = jobs.submit(JobKind.COMPACT, {}, KIM)
    jobs.cancel(young.number)
    retention = Retention.of_state(asked, ledger)
    assert retention.due() == RetentionDone(0, 0, 1)
    watch = RetentionWatch(asked, retention)
    assert watch.once() == RetentionDone(0, 0, 1)
    assert {job.number for job in jobs.find()} == {waiting.number, young.number}
    with pytest.raises(UnknownJobError):
        jobs.get(done.number)
    [entry] = ledger.entries(action=Action.RETENTION)
    before = (NOW - timedelta(days=7)).isoformat()
    assert entry.details == {"what": "jobs", "jobs": 1, "before": before}
    assert retention.due() == watch.once() == RetentionDone(0, 0)
    assert len(ledger.entries(action=Action.RETENTION)) == 1
    assert jobs.submit(JobKind.COMPACT, {}, KIM).number > young.number  # numbers are not given again
    ledger.database.close()
    files = settings.state_folder.glob("*.sqlite*")
    assert not any(b"kims-holiday" in file.read_bytes() for file in files)


def test_jobs_are_let_go_of_whatever_the_gallery_does(
    settings: ServiceSettings, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a service that has only an age for jobs looks, too."""
    monkeypatch.setattr("attrieve.serving.jobs.gallery_writing.WAIT_S", 0.0)
    jobs = JobQueue(ledger.database, clock=lambda: (NOW - timedelta(days=30)).timestamp())
    jobs.cancel(jobs.submit(JobKind.COMPACT, {}, KIM).number)
    both = settings.model_copy(update={"job_days": 7})
    with open_database_writer(settings.gallery):
        assert RetentionWatch(both, Retention.of_state(both, ledger)).once() is None
    assert not jobs.find()
    jobs.cancel(jobs.submit(JobKind.COMPACT, {}, KIM).number)
    alone = settings.model_copy(update={"row_days": None, "ledger_days": None, "job_days": 7})
    watch = RetentionWatch(alone, Retention.of_state(alone, ledger))
    watch.start()
    until = time.monotonic() + 60
    while jobs.find():
        assert time.monotonic() < until
        time.sleep(0.01)
    watch.close()


@pytest.mark.parametrize("failure", [OSError("gone"), OverflowError("no such moment"), StorageError("full")])
def test_a_failure_nobody_expected_does_not_end_it_for_ever(
    settings: ServiceSettings,
    ledger: Ledger,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    failure: Exception,
) -> None:
    """It is logged, and tried again the next time: letting go is a duty."""
    retention = Retention.of_state(settings, ledger)
    watch = RetentionWatch(settings, retention)

    def fail(_: object) -> RetentionDone:
        raise failure

    with monkeypatch.context() as broken:
        broken.setattr(retention, "run", fail)
        assert watch.once() is None
    assert "retention failed" in caplog.text
    assert watch.once() == RetentionDone(2, 1)
