"""What the requests of one application share."""

import logging
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from attrieve.errors import AttrieveError
from attrieve.gallery.store import Gallery
from attrieve.serving.access.entrance import Entrance
from attrieve.serving.access.settings_record import record_settings
from attrieve.serving.capacity import SearchRoom
from attrieve.serving.cases.cases import Cases
from attrieve.serving.expected_matches import ExpectedMatches
from attrieve.serving.galleries import GalleryHolder
from attrieve.serving.heat_map_cache import HeatMapCache
from attrieve.serving.jobs.queue import JobQueue
from attrieve.serving.jobs.workshop import Workshop
from attrieve.serving.metrics import Metrics
from attrieve.serving.retention import Retention, RetentionWatch
from attrieve.serving.settings import ServiceSettings
from attrieve.serving.shared_scans import SharedScans
from attrieve.serving.shown import ShownOfLate
from attrieve.serving.state.database import StateDatabase
from attrieve.serving.state.ledger import DATABASE_FILE, Ledger
from attrieve.serving.state.signing import SigningKey
from attrieve.serving.statistics import Statistics

if TYPE_CHECKING:
    from attrieve.models.retriever import Retriever

log = logging.getLogger(__name__)


class Service:
    """A gallery, what is remembered about its use, and the room to search it.

    Opening it starts no thread; :meth:`start` does, and :meth:`close` ends them.

    Args:
        settings: how the service runs.
        gallery: an opened one in the place of the folder's.
        retriever: a loaded one in the place of the run folder's.

    Raises:
        AttrieveError: if gallery or state folder cannot be used.
    """

    def __init__(
        self,
        settings: ServiceSettings,
        *,
        gallery: Gallery | None = None,
        retriever: "Retriever | None" = None,
    ) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.galleries = GalleryHolder(settings.gallery, gallery)
        self.scans = SharedScans(settings.searches_at_once)
        self.room = SearchRoom(
            max(settings.searches_at_once, settings.searches_together),
            settings.queue,
            retry_seconds=settings.retry_seconds,
            waited=self.metrics.search_wait_seconds.observe,
            refused=self.metrics.searches_refused.inc,
        )
        self.state = StateDatabase(settings.state_folder / DATABASE_FILE)
        self.ledger = Ledger(self.state, SigningKey.open(settings.state_folder))
        self.entrance = Entrance(self.state, self.ledger, settings)
        self.accounts = self.entrance.accounts
        self.jobs = JobQueue(self.state)
        self.cases = Cases(self.state, self.ledger)
        self.cases.look_in(self.galleries.holds)
        self.retention = RetentionWatch(settings, Retention.of_state(settings, self.ledger))
        self.statistics = Statistics()
        self.expected = ExpectedMatches()
        self.shown = ShownOfLate()
        self.heat_maps = HeatMapCache()
        self._retriever = retriever
        self._retriever_lock = threading.Lock()
        self.workshop = Workshop(
            settings, self.state, self.ledger, self.jobs, self.cases, self.galleries, self.retriever
        )
        self._tell_states()

    @property
    def name(self) -> str:
        """Name of the gallery."""
        return self.settings.gallery.absolute().name

    def retriever(self) -> "Retriever | None":
        """Return the model of the gallery, loaded the first time; None if the settings name no run.

        Raises:
            CheckpointError: if it cannot be read.
            SchemaMismatchError: if it is not the one that filled the gallery.
        """
        if self._retriever is None and self.settings.run is not None:
            with self._retriever_lock:
                if self._retriever is None:
                    from attrieve.gallery.database.manifest import DatabaseManifest, GalleryModel
                    from attrieve.models.retriever import Retriever

                    loaded = Retriever.from_pretrained(self.settings.run)
                    DatabaseManifest.read(self.settings.gallery).require_model(GalleryModel.of(loaded))
                    self._retriever = loaded
        return self._retriever

    @property
    def has_run(self) -> bool:
        """Whether there is a model for heat maps and new images, loaded or not."""
        return self._retriever is not None or self.settings.run is not None

    def start(self) -> None:
        """Begin to look after the gallery, and to do jobs."""
        self.ledger.reserve.keep()
        record_settings(self.ledger, self.settings)
        self.galleries.watch(self.settings.refresh_seconds)
        self.workshop.start()
        threading.Thread(target=self._count, name="statistics", daemon=True).start()
        self.retention.start()

    def close(self) -> None:
        """End what :meth:`start` began, and let go of the files."""
        self.retention.close()
        self.workshop.stop()
        self.galleries.close()
        with suppress(AttrieveError):
            self.ledger.write_head_file()
        self.state.close()

    def _count(self) -> None:
        """Count the gallery, so that the first one who looks does not wait for it."""
        try:
            self.statistics.of(self.galleries.current())
        except AttrieveError as error:
            log.warning("the gallery cannot be counted: %s", error)

    def _tell_states(self) -> None:
        def jobs() -> float:
            try:
                return float(self.jobs.waiting())
            except AttrieveError:
                return float("nan")

        state: Any = self.metrics.state
        state("attrieve_gallery_rows", "Rows of the gallery.", lambda: float(len(self.galleries.current())))
        state("attrieve_searches_waiting", "Searches that wait.", lambda: float(self.room.waiting))
        state("attrieve_jobs_waiting", "Jobs that wait or run.", jobs)
