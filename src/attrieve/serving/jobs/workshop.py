"""Where the service's long work is asked for and done: uploads, erasure, care of the gallery, exports."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from attrieve.serving.cases.cases import Cases
from attrieve.serving.cases.export_index import ExportIndex
from attrieve.serving.cases.exporting import ExportCase
from attrieve.serving.erasure import Erasure
from attrieve.serving.galleries import GalleryHolder
from attrieve.serving.jobs.adding import AddImages
from attrieve.serving.jobs.caring import CompactGallery, ReindexGallery
from attrieve.serving.jobs.deleting import DeleteRows
from attrieve.serving.jobs.export_orders import ExportOrders
from attrieve.serving.jobs.gallery_orders import GalleryOrders
from attrieve.serving.jobs.job import JobKind
from attrieve.serving.jobs.job_orders import JobOrders
from attrieve.serving.jobs.queue import JobQueue
from attrieve.serving.jobs.run import JobWork
from attrieve.serving.jobs.upload_orders import UPLOADS, UploadOrders, decoding_limits
from attrieve.serving.jobs.worker import JobWorker
from attrieve.serving.settings import ServiceSettings
from attrieve.serving.state.database import StateDatabase
from attrieve.serving.state.ledger import Ledger
from attrieve.serving.uploads.intake import UploadIntake
from attrieve.serving.uploads.kept_images import KeptImages
from attrieve.serving.uploads.receiving import forget_left_uploads

if TYPE_CHECKING:
    from attrieve.models.retriever import Retriever


class Workshop:
    """Long work of one service: who takes orders for it, and who does it.

    Args:
        settings: of the service.
        database: of the service.
        ledger: of the service.
        jobs: of the service.
        cases: of the service.
        galleries: of the service.
        retriever: gives the model, or None if the service runs without.
    """

    def __init__(
        self,
        settings: ServiceSettings,
        database: StateDatabase,
        ledger: Ledger,
        jobs: JobQueue,
        cases: Cases,
        galleries: GalleryHolder,
        retriever: "Callable[[], Retriever | None]",
    ) -> None:
        self._settings = settings
        self._database = database
        self._ledger = ledger
        self._galleries = galleries
        self._retriever = retriever
        self.jobs = jobs
        self.cases = cases
        self.state = settings.state_folder.absolute()
        self.kept = KeptImages(self.state)
        self.exports = ExportIndex(self.state, database)
        cases.when_deleted(self.exports.remove_of_case)
        self.erasure = Erasure(self.state, database, cases, self.exports, ledger)
        intake = UploadIntake(
            self.state,
            database,
            jobs,
            ledger,
            limits=decoding_limits(settings),
            seconds=settings.upload_seconds,
        )
        self.worker = JobWorker(jobs, self._work())
        self.orders = JobOrders(jobs, self.worker, ledger)
        self.upload_orders = UploadOrders(intake, self.worker, galleries, retriever, settings)
        self.gallery_orders = GalleryOrders(self.orders, self.erasure, settings)
        self.export_orders = ExportOrders(self.orders, cases, self.exports, ledger)

    def _work(self) -> Mapping[JobKind, JobWork]:
        gallery, changed = self._settings.gallery, self._galleries.refresh
        return {
            JobKind.ADD_IMAGES: AddImages(gallery, self.kept, self._retriever, self._ledger, changed),
            JobKind.DELETE_ROWS: DeleteRows(gallery, self.erasure, self.jobs, changed),
            JobKind.COMPACT: CompactGallery(gallery, self.kept, self.jobs, self._ledger, changed),
            JobKind.EXPORT_CASE: ExportCase(
                self._database,
                self.cases,
                self.exports,
                self._ledger,
                self._galleries,
                gallery_name=gallery.absolute().name,
                pixels_most=self._settings.upload_pixels_most,
                fonts=self._settings.document_fonts,
            ),
            JobKind.REEMBED: ReindexGallery(gallery, self._settings.run, self._ledger, changed),
        }

    def start(self) -> None:
        """Delete what killed uploads left, and begin to do jobs."""
        forget_left_uploads(self.state / UPLOADS)
        self.worker.start()

    def stop(self) -> None:
        """Let the running job go back to the queue."""
        self.worker.stop(float(self._settings.shutdown_seconds))
