"""Where the service's long work is asked for and done: uploads, erasure, care of the gallery, exports."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.requests import Request

from attrieve.gallery.database.layout import user_fields
from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.serving.access.roles import Actor
from attrieve.serving.cases.cases import Cases
from attrieve.serving.cases.export_index import Export, ExportIndex, ExportKind
from attrieve.serving.cases.exporting import ExportCase
from attrieve.serving.erasure import Erasure
from attrieve.serving.galleries import GalleryHolder
from attrieve.serving.jobs.adding import AddImages
from attrieve.serving.jobs.caring import CompactGallery, ReindexGallery
from attrieve.serving.jobs.deleting import DeleteRows, RowChoice
from attrieve.serving.jobs.job import Job, JobKind
from attrieve.serving.jobs.queue import JobQueue
from attrieve.serving.jobs.run import JobWork
from attrieve.serving.jobs.worker import JobWorker
from attrieve.serving.problems import Problem, ProblemError
from attrieve.serving.settings import ServiceSettings
from attrieve.serving.state.database import StateDatabase
from attrieve.serving.state.ledger import Action, Ledger
from attrieve.serving.uploads.decoding_process import Limits
from attrieve.serving.uploads.intake import Taken, UploadIntake
from attrieve.serving.uploads.kept_images import KeptImages
from attrieve.serving.uploads.metadata import UploadFields
from attrieve.serving.uploads.receiving import ReceivingLimits, receive, receiving_folder

if TYPE_CHECKING:
    from attrieve.models.retriever import Retriever

UPLOADS = "uploads"


class Workshop:
    """Long work of one service.

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
        self.intake = UploadIntake(
            self.state, database, jobs, ledger, limits=_limits(settings), seconds=settings.upload_seconds
        )
        self.worker = JobWorker(jobs, self._work())
        self._room: CapacityLimiter | None = None

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
        """Begin to do jobs."""
        self.worker.start()

    def stop(self) -> None:
        """Let the running job go back to the queue."""
        self.worker.stop(float(self._settings.shutdown_seconds))

    # uploads

    async def take_upload(
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
        with receiving_folder(self.state / UPLOADS) as folder:
            received = await receive(request, folder, _receiving_limits(self._settings))
            said = UploadFields.read({**(fields or {}), **received.fields})

            def take() -> Taken:
                return self.intake.take(received, said, self._columns(), actor, purpose=purpose, case=case)

            taken = await run_sync(take, limiter=self._room)
        if taken.job is None:
            files = [{"name": one.name, "verdict": one.verdict, "reason": one.reason} for one in taken.files]
            told = "no picture was accepted"
            if files:
                told += f": {files[0]['name']}: {files[0]['reason']}"
            raise ProblemError(Problem.IMAGE_NOT_READABLE, told, files=files)
        self.worker.wake()
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

    # deletion and care

    def erase(self, key: str, actor: Actor, *, why: str | None, purpose: str | None, case: str | None) -> Job:
        """Queue the erasure of one row everywhere.

        Raises:
            ProblemError: if neither the gallery nor anything else knows it.
            StorageError: if the disk refuses.
        """
        choice = RowChoice(keys=(key,))
        if not choice.count(self._snapshot()) and not self.erasure.has_traces(key):
            told = f"the gallery holds no row {key!r}, and nothing is left of one"
            raise ProblemError(Problem.PERSON_NOT_FOUND, told)
        payload = {**choice.to_payload(), "why": why}
        return self.submit(JobKind.DELETE_ROWS, payload, actor, purpose=purpose, case=case, keys=[key])

    def delete(
        self,
        choice: RowChoice,
        actor: Actor,
        *,
        dry_run: bool,
        expect: int | None,
        why: str | None = None,
        purpose: str | None = None,
        case: str | None = None,
    ) -> tuple[int, Job | None]:
        """Count rows, and queue their deletion unless it is a dry run.

        Args:
            choice: which rows.
            actor: who wants it.
            dry_run: only count.
            expect: how many it shall be; required to delete.
            why: why.
            purpose: what for.
            case: number of the case it belongs to.

        Raises:
            ProblemError: a conflict, if it are others than expected, or nothing was expected.
            QueryError: for a condition that cannot be read.
            StorageError: if the disk refuses.
        """
        rows = choice.count(self._snapshot())
        if dry_run:
            return rows, None
        if expect != rows:
            said = "nothing was expected" if expect is None else f"{expect:,} were expected"
            told = f"{rows:,} rows would be deleted, {said}; look again, then send that number as 'expect'"
            raise ProblemError(Problem.CONFLICT, told, rows=rows)
        payload = {**choice.to_payload(), "why": why}
        job = self.submit(
            JobKind.DELETE_ROWS, payload, actor, purpose=purpose, case=case, details={"rows": rows}
        )
        return rows, job

    def reindex(self, actor: Actor, options: Mapping[str, Any]) -> Job:
        """Queue the indexing of the gallery by the run of the settings.

        Raises:
            ProblemError: ``model-missing``.
        """
        if self._settings.run is None and not options.get("columns_only"):
            told = "the settings name no 'run' to describe the images by"
            raise ProblemError(Problem.MODEL_MISSING, told)
        return self.submit(JobKind.REEMBED, options, actor)

    # exports

    def export(self, actor: Actor, case: int, kind: ExportKind) -> Job:
        """Queue the export of a case; everybody who may see it may export it.

        Raises:
            UnknownCaseError: if there is none that the actor may see.
            StorageError: if the disk refuses; nothing is queued then.
        """
        folder = self.cases.get(actor, case)
        payload = {"case_id": folder.id, "kind": kind.value}
        return self.submit(JobKind.EXPORT_CASE, payload, actor, purpose=folder.purpose, case=folder.number)

    def exports_of(self, actor: Actor, case: int) -> tuple[tuple[Export, ...], list[Job]]:
        """Return the exports of a case that are made, and the jobs of those that are not.

        Raises:
            UnknownCaseError: if there is none that the actor may see.
        """
        folder = self.cases.get(actor, case)
        made = self.exports.of_case(folder.id)
        numbers = {export.number for export in made}
        jobs = self.jobs.find(kinds=[JobKind.EXPORT_CASE], case=folder.number, limit=500)
        ours = [job for job in jobs if job.payload["case_id"] == folder.id and job.number not in numbers]
        return made, ours

    def export_of(self, actor: Actor, case: int, number: int) -> Export | Job:
        """Return an export of a case, or the job that makes it.

        Raises:
            UnknownCaseError: if there is none that the actor may see.
            ProblemError: if the case has no such export.
        """
        made, being_made = self.exports_of(actor, case)
        found: list[Export | Job] = [*made, *being_made]
        for one in found:
            if one.number == number:
                return one
        raise ProblemError(Problem.NOT_FOUND, f"the case has no export {number}")

    def download(self, actor: Actor, case: int, number: int) -> tuple[Export, bytes]:
        """Return an export with its file, and record that it was fetched.

        Raises:
            UnknownCaseError: if there is none that the actor may see.
            ProblemError: if the case has no such export, it is not made, or its file was removed.
            StorageError: if it cannot be read, or the disk refuses the record; nothing is sent then.
        """
        folder = self.cases.get(actor, case)
        found = self.export_of(actor, case, number)
        if isinstance(found, Job):
            told = f"export {number} is {found.state.value}; wait until it is made"
            raise ProblemError(Problem.CONFLICT, told)
        content = self.exports.content(found)
        self._ledger.record(
            actor,
            Action.EXPORT,
            purpose=folder.purpose,
            case=folder.number,
            details={"what": "export downloaded", "export": number, "sha256": found.sha256},
            keys=self.exports.keys(number),
        )
        return found, content

    def submit(
        self,
        kind: JobKind,
        payload: Mapping[str, Any],
        actor: Actor,
        *,
        purpose: str | None = None,
        case: str | None = None,
        keys: list[str] | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> Job:
        """Queue a job and record that it was asked for, in one commit.

        Raises:
            StorageError: if the disk refuses; nothing is queued then.
        """
        with self._database.transaction():
            job = self.jobs.submit(kind, payload, actor, purpose=purpose, case=case)
            asked = {
                "what": f"{kind.value} asked for",
                "job": job.number,
                **payload,
                **(details or {}),
            }
            self._ledger.record(
                actor, _ACTIONS[kind], purpose=purpose, case=case, details=asked, keys=keys or ()
            )
        self.worker.wake()
        return job

    def cancel(self, number: int, actor: Actor) -> Job:
        """Cancel a job and record it; raises as :meth:`~attrieve.serving.jobs.queue.JobQueue.cancel`."""
        with self._database.transaction():
            job = self.jobs.cancel(number)
            self._tell(actor, job, "cancelled")
        return job

    def retry(self, number: int, actor: Actor) -> Job:
        """Retry a job and record it; raises as :meth:`~attrieve.serving.jobs.queue.JobQueue.retry`."""
        with self._database.transaction():
            job = self.jobs.retry(number)
            self._tell(actor, job, "tried again")
        self.worker.wake()
        return job

    def _tell(self, actor: Actor, job: Job, what: str) -> None:
        details = {"what": f"{job.kind.value} {what}", "job": job.number}
        self._ledger.record(actor, _ACTIONS[job.kind], purpose=job.purpose, case=job.case, details=details)

    def _snapshot(self) -> GallerySnapshot:
        return GallerySnapshot.open(self._settings.gallery)


_ACTIONS = {
    JobKind.ADD_IMAGES: Action.ADDITION,
    JobKind.DELETE_ROWS: Action.DELETION,
    JobKind.COMPACT: Action.REINDEXING,
    JobKind.REEMBED: Action.REINDEXING,
    JobKind.EXPORT_CASE: Action.EXPORT,
}


def _limits(settings: ServiceSettings) -> Limits:
    return Limits(
        file_bytes=settings.upload_bytes_most,
        unpacked_bytes=settings.upload_request_bytes_most,
        pixels=settings.upload_pixels_most,
        pictures=settings.upload_images_most,
        memory_bytes=settings.upload_memory_mebibytes << 20,
        cpu_s=int(settings.upload_seconds * (settings.upload_images_most + 1)),
    )


def _receiving_limits(settings: ServiceSettings) -> ReceivingLimits:
    return ReceivingLimits(
        request_bytes=settings.upload_request_bytes_most,
        file_bytes=settings.upload_bytes_most,
        files=settings.upload_images_most,
    )
