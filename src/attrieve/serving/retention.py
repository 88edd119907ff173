"""Letting go of what is old: rows of the gallery, entries of the ledger and jobs, by the settings' ages."""

import logging
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from attrieve.data.file_lock import try_lock
from attrieve.errors import GalleryBusyError
from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.serving.access.roles import Actor, local_actor
from attrieve.serving.cases.cases import Cases
from attrieve.serving.cases.export_index import ExportIndex
from attrieve.serving.erasure import Erased, Erasure
from attrieve.serving.jobs.deleting import ROWS_AT_ONCE, RowChoice, queue_compaction
from attrieve.serving.jobs.gallery_writing import open_gallery_writer
from attrieve.serving.jobs.queue import JobQueue
from attrieve.serving.settings import ServiceSettings
from attrieve.serving.state.ledger import Action, Ledger
from attrieve.serving.state.ledger_retention import remove_entries_before

EVERY_S = 3600.0
"""How often a service looks for what is old."""
LOCK_FILE = "retention.lock"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RetentionDone:
    """What was removed.

    Args:
        rows: of the gallery, with all the service kept of them.
        entries: of the ledger.
        jobs: that had ended.
    """

    rows: int
    entries: int
    jobs: int = 0

    def __bool__(self) -> bool:
        return bool(self.rows or self.entries or self.jobs)

    def __str__(self) -> str:
        return f"{self.rows:,} rows, {self.entries:,} entries of the ledger and {self.jobs:,} jobs"


class Retention:
    """Removes what is older than the settings say; each removal stands in the ledger.

    Args:
        settings: ages, gallery and state folder.
        ledger: of the installation.
        erasure: knows where traces of rows are.
        jobs: of the service, where also the compaction is queued that frees the disk of deleted rows.
    """

    def __init__(self, settings: ServiceSettings, ledger: Ledger, erasure: Erasure, jobs: JobQueue) -> None:
        self._settings = settings
        self._ledger = ledger
        self._erasure = erasure
        self._jobs = jobs

    @classmethod
    def of_state(cls, settings: ServiceSettings, ledger: Ledger) -> "Retention":
        """Put it together from a state folder, for what works without the service."""
        state, database = settings.state_folder, ledger.database
        jobs, cases = JobQueue(database), Cases(database, ledger)
        exports = ExportIndex(state, database)
        return cls(settings, ledger, Erasure(state, database, cases, exports, ledger), jobs)

    def due(self) -> RetentionDone:
        """Return how much is old enough to be removed now, and remove nothing."""
        rows = entries = jobs = 0
        if self._settings.job_days is not None:
            jobs = self._jobs.ended_before(self._before(self._settings.job_days))
        if self._settings.row_days is not None:
            snapshot = GallerySnapshot.open(self._settings.gallery)
            rows = RowChoice(before=self._before(self._settings.row_days)).count(snapshot)
        if self._settings.ledger_days is not None:
            entries = self._ledger.count(until=self._before(self._settings.ledger_days))
        return RetentionDone(rows, entries, jobs)

    def run(self, actor: Actor) -> RetentionDone:
        """Remove what is old.

        Args:
            actor: who does it; "local" for the service itself.

        Raises:
            GalleryBusyError: if another process writes to the gallery; entries and jobs are removed.
            StorageError: if the disk refuses.
        """
        entries = 0
        if self._settings.ledger_days is not None:
            entries = remove_entries_before(self._ledger, self._before(self._settings.ledger_days), actor)
        jobs = 0
        if self._settings.job_days is not None:
            jobs = self._jobs_before(self._before(self._settings.job_days), actor)
        rows = 0
        if self._settings.row_days is not None:
            rows = self._rows_before(self._before(self._settings.row_days), actor)
        return RetentionDone(rows, entries, jobs)

    def _jobs_before(self, moment: datetime, actor: Actor) -> int:
        database = self._ledger.database
        with database.transaction():
            forgotten = self._jobs.forget_before(moment)
            if not forgotten:
                return 0
            told = {"what": "jobs", "jobs": forgotten, "before": moment.isoformat()}
            self._ledger.record(actor, Action.RETENTION, details=told)
        database.forget_deleted()
        return forgotten

    def _rows_before(self, moment: datetime, actor: Actor) -> int:
        choice, done = RowChoice(before=moment), Erased()
        if not choice.count(GallerySnapshot.open(self._settings.gallery)):
            return 0
        with open_gallery_writer(self._settings.gallery) as writer:
            rows = choice.rows(GallerySnapshot.open(self._settings.gallery))
            for first in range(0, len(rows), ROWS_AT_ONCE):
                done += self._erasure.erase(
                    writer,
                    rows[first : first + ROWS_AT_ONCE],
                    actor,
                    action=Action.RETENTION,
                    details={"what": "rows", "before": moment.isoformat()},
                )
        queue_compaction(self._jobs, actor)
        return done.rows

    def _before(self, days: int) -> datetime:
        return datetime.fromtimestamp(self._ledger.clock(), UTC) - timedelta(days=days)


class RetentionWatch:
    """A thread that removes what is old, once an hour; of several processes one does it.

    Args:
        settings: of the service.
        retention: removes.
    """

    def __init__(self, settings: ServiceSettings, retention: Retention) -> None:
        self._settings = settings
        self._retention = retention
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, if the settings name an age."""
        if not self._settings.ages:
            return
        self._thread = threading.Thread(target=self._watch, name="retention", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End, when what is being done is done."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def once(self) -> RetentionDone | None:
        """Remove what is old now; None if another process is at it, or it has to be tried again later."""
        try:
            with try_lock(self._settings.state_folder / LOCK_FILE) as mine:
                if not mine:
                    return None
                done = self._retention.run(local_actor())
        except GalleryBusyError:
            log.info("retention waits: another process writes to the gallery")
            return None
        except Exception:  # whatever it was: a thread that ends here would let go of nothing any more
            log.exception("retention failed; it is tried again in an hour")
            return None
        if done:
            log.info("retention removed %s", done)
        return done

    def _watch(self) -> None:
        while not self._ended.is_set():
            self.once()
            self._ended.wait(EVERY_S)
