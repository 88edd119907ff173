"""Uploads: from a request to verdicts and a job."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.requests import Request

from attrieve.gallery.database.layout import user_fields
from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.serving.access.roles import Actor
from attrieve.serving.galleries import GalleryHolder
from attrieve.serving.jobs.worker import JobWorker
from attrieve.serving.problems import Problem, ProblemError
from attrieve.serving.settings import ServiceSettings
from attrieve.serving.uploads.decoding_process import Limits
from attrieve.serving.uploads.intake import Taken, UploadIntake
from attrieve.serving.uploads.metadata import UploadFields
from attrieve.serving.uploads.received import ReceivingLimits
from attrieve.serving.uploads.receiving import receive, receiving_folder

if TYPE_CHECKING:
    from attrieve.models.retriever import Retriever

UPLOADS = "uploads"


class UploadOrders:
    """Takes uploads.

    Args:
        intake: decodes and keeps what came, and queues the job.
        worker: woken for it.
        galleries: say which columns there are.
        retriever: gives the model, or None if the service runs without.
        settings: of the service.
    """

    def __init__(
        self,
        intake: UploadIntake,
        worker: JobWorker,
        galleries: GalleryHolder,
        retriever: "Callable[[], Retriever | None]",
        settings: ServiceSettings,
    ) -> None:
        self._intake = intake
        self._worker = worker
        self._galleries = galleries
        self._retriever = retriever
        self._settings = settings
        self._folder = settings.state_folder.absolute() / UPLOADS
        self._room: CapacityLimiter | None = None

    async def take(
        self,
        request: Request,
        actor: Actor,
        fields: Mapping[str, str] | None = None,
        *,
        purpose: str | None = None,
        case: str | None = None,
    ) -> Taken:
        """Take what a request sends.

        Args:
            request: see :func:`~attrieve.serving.uploads.receiving.receive`.
            actor: who sends.
            fields: said of all images beside what the form says.
            purpose: what for.
            case: number of the case it belongs to.

        Returns:
            What became of every file, and the job; there is always one.

        Raises:
            ProblemError: ``model-missing``; ``image-not-readable`` with all verdicts if no file was accepted;
                and as :func:`~attrieve.serving.uploads.receiving.receive`.
            StorageError: if the disk refuses.
        """
        await run_sync(self._require_model)
        if self._room is None:
            self._room = CapacityLimiter(self._settings.uploads_at_once)
        with receiving_folder(self._folder) as folder:
            received = await receive(request, folder, receiving_limits(self._settings))
            said = UploadFields.read({**(fields or {}), **received.fields})

            def take() -> Taken:
                return self._intake.take(received, said, self._columns(), actor, purpose=purpose, case=case)

            taken = await run_sync(take, limiter=self._room)
        if taken.job is None:
            files = [{"name": one.name, "verdict": one.verdict, "reason": one.reason} for one in taken.files]
            told = "no picture was accepted"
            if files:
                told += f": {files[0]['name']}: {files[0]['reason']}"
            raise ProblemError(Problem.IMAGE_NOT_READABLE, told, files=files)
        self._worker.wake()
        return taken

    def _require_model(self) -> None:
        if self._retriever() is None:
            told = "this service runs without the model that describes images; its settings name no 'run'"
            raise ProblemError(Problem.MODEL_MISSING, told)

    def _columns(self) -> dict[str, Any]:
        store = self._galleries.current().store
        if not isinstance(store, GallerySnapshot):
            return {}
        return {entry.name: entry.type for entry in user_fields(store.arrow_schema)}


def decoding_limits(settings: ServiceSettings) -> Limits:
    """Return what the decoding process of a service may use."""
    return Limits(
        file_bytes=settings.upload_bytes_most,
        unpacked_bytes=settings.upload_request_bytes_most,
        pixels=settings.upload_pixels_most,
        pictures=settings.upload_images_most,
        memory_bytes=settings.upload_memory_mebibytes << 20,
        cpu_s=int(settings.upload_seconds * (settings.upload_images_most + 1)),
    )


def receiving_limits(settings: ServiceSettings) -> ReceivingLimits:
    """Return what one upload to a service may bring."""
    return ReceivingLimits(
        request_bytes=settings.upload_request_bytes_most,
        file_bytes=settings.upload_bytes_most,
        files=settings.upload_images_most,
    )
