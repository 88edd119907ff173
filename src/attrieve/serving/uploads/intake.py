"""An upload from its bytes to a job: decoded, kept as pixels, and queued to be described."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from attrieve.errors import InputError
from attrieve.gallery.row_writers import arrow_type
from attrieve.gallery.sources.metadata import read_metadata
from attrieve.serving.access.roles import Actor
from attrieve.serving.jobs.job import Job, JobKind
from attrieve.serving.jobs.queue import JobQueue
from attrieve.serving.state.database import StateDatabase
from attrieve.serving.state.ledger import Action, Ledger
from attrieve.serving.uploads.decoder import Decoded, decode_parts
from attrieve.serving.uploads.decoding_process import Limits
from attrieve.serving.uploads.kept_images import KeptImages
from attrieve.serving.uploads.metadata import UploadFields, checked_fields, misfit
from attrieve.serving.uploads.received import Received
from attrieve.serving.uploads.verdict import FileVerdict, Verdict


@dataclass(frozen=True)
class Taken:
    """What became of an upload.

    Args:
        files: one verdict for each file, members of archives included.
        job: describes the accepted ones and adds them; None if none was accepted.
    """

    files: tuple[FileVerdict, ...]
    job: Job | None


class UploadIntake:
    """Takes uploads; several threads may use one.

    Args:
        state: folder of the service's state.
        database: of the service.
        jobs: where the work goes.
        ledger: where it is recorded.
        limits: of the decoding process.
        seconds: for one picture.
    """

    def __init__(
        self,
        state: Path,
        database: StateDatabase,
        jobs: JobQueue,
        ledger: Ledger,
        *,
        limits: Limits,
        seconds: float,
    ) -> None:
        self._kept = KeptImages(state)
        self._database = database
        self._jobs = jobs
        self._ledger = ledger
        self._limits = limits
        self._seconds = seconds

    def take(
        self,
        received: Received,
        fields: UploadFields,
        columns: Mapping[str, pa.DataType],
        actor: Actor,
        *,
        purpose: str | None = None,
        case: str | None = None,
    ) -> Taken:
        """Decode what was received, keep it, and queue it; when this returns nothing of it can be lost.

        Args:
            received: from :func:`~attrieve.serving.uploads.receiving.receive`.
            fields: what the client says of the images.
            columns: the gallery's, with their types.
            actor: who sends.
            purpose: what for.
            case: number of the case it belongs to.

        Raises:
            StorageError: if the disk refuses; nothing is queued then.
            DecoderError: if decoding is not possible here.
        """
        known = dict(columns)
        files = list(received.refused)
        images: list[dict[str, Any]] = []
        for decoded in decode_parts(received.path, received.parts, self._limits, seconds=self._seconds):
            verdict, image = self._one(decoded, fields, known)
            files.append(verdict)
            images += [] if image is None else [image]
        if not images:
            self._record(self._ledger, actor, files, None, purpose, case)
            return Taken(tuple(files), None)
        with self._database.transaction():
            job = self._jobs.submit(JobKind.ADD_IMAGES, {"images": images}, actor, purpose=purpose, case=case)
            self._record(self._ledger, actor, files, job, purpose, case)
        return Taken(tuple(files), job)

    def _one(
        self, decoded: Decoded, fields: UploadFields, known: dict[str, pa.DataType]
    ) -> tuple[FileVerdict, dict[str, Any] | None]:
        if decoded.picture is None or decoded.key is None:
            return decoded.verdict, None
        try:
            plain = checked_fields(fields.of(decoded.verdict.name), decoded.verdict.name)
        except InputError as error:
            return replace(decoded.verdict, verdict=Verdict.BAD_METADATA, reason=str(error)), None
        wrong = misfit(plain, known)
        if wrong is not None:
            return replace(decoded.verdict, verdict=Verdict.BAD_METADATA, reason=wrong), None
        for name, value in read_metadata(plain).columns.items():
            if value is not None:
                known.setdefault(name, arrow_type(value))
        path = self._kept.keep(decoded.picture, decoded.key)
        image = {"key": decoded.key, "file": self._kept.relative(path), "fields": plain}
        return replace(decoded.verdict, key=decoded.key), image

    @staticmethod
    def _record(
        ledger: Ledger,
        actor: Actor,
        files: Sequence[FileVerdict],
        job: Job | None,
        purpose: str | None,
        case: str | None,
    ) -> None:
        keys = _once(verdict.key for verdict in files if verdict.key is not None)
        details = {
            "what": "images received",
            "files": len(files),
            "accepted": sum(verdict.key is not None for verdict in files),
            "job": None if job is None else job.number,
        }
        ledger.record(actor, Action.ADDITION, purpose=purpose, case=case, details=details, keys=keys)


def _once(keys: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(keys))
