"""The job that exports a case."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrieve.errors import StorageError
from attrieve.serving.cases.archive import case_archive
from attrieve.serving.cases.cases import Cases
from attrieve.serving.cases.content import CaseContent, gather
from attrieve.serving.cases.document import case_document
from attrieve.serving.cases.export_index import Export, ExportIndex, ExportKind
from attrieve.serving.galleries import GalleryHolder
from attrieve.serving.jobs.run import JobRun
from attrieve.serving.state.database import StateDatabase
from attrieve.serving.state.ledger import Action, Ledger

TRIES = 3
"""If rows are erased while they are exported, the export is made anew, at most so often."""


class ExportCase:
    """Exports a case as its actor may see it; done twice, the second file takes the place of the first.

    Args:
        database: of the service.
        cases: the folders.
        exports: where the file goes.
        ledger: for the audit extract, and where the export is recorded.
        galleries: where pictures are looked up.
        gallery_name: its name.
        pixels_most: of a picture.
        fonts: folder of fonts for letters that the document's own lack, or None.
    """

    def __init__(
        self,
        database: StateDatabase,
        cases: Cases,
        exports: ExportIndex,
        ledger: Ledger,
        galleries: GalleryHolder,
        *,
        gallery_name: str,
        pixels_most: int,
        fonts: Path | None = None,
    ) -> None:
        self._database = database
        self._cases = cases
        self._exports = exports
        self._ledger = ledger
        self._galleries = galleries
        self._gallery_name = gallery_name
        self._pixels_most = pixels_most
        self._fonts = fonts

    def __call__(self, run: JobRun) -> Mapping[str, Any]:
        """Do the job.

        Raises:
            UnknownCaseError: if the case was deleted, or its actor is no member any more.
            StorageError: if the disk refuses.
        """
        kind = ExportKind(run.job.payload["kind"])
        for _ in range(TRIES):
            content = gather(
                self._cases,
                self._ledger,
                self._galleries.current(),
                self._gallery_name,
                run.job.actor,
                int(run.job.payload["case_id"]),
                exported_at=run.job.created_at,
                pixels_most=self._pixels_most,
                progress=lambda done, total: run.report(done, total + 1, "gathering"),
            )
            run.report(len(content.hits), len(content.hits) + 1, "writing")
            document = case_document(content, self._fonts)
            archive = case_archive(content, self._ledger.key, document) if kind is ExportKind.ZIP else b""
            run.check()
            made = self._keep(run, content, kind, archive or document)
            if made is not None:
                run.note(len(content.hits) + 1, len(content.hits) + 1)
                return {"export": made.number, "file": made.file, "sha256": made.sha256, "bytes": made.size}
        raise StorageError("rows of the case were erased again and again while it was exported")

    def _keep(self, run: JobRun, content: CaseContent, kind: ExportKind, file: bytes) -> Export | None:
        with self._database.transaction():
            made = self._exports.add(
                run.job.number,
                case=content.case.id,
                case_number=content.case.number,
                kind=kind,
                created_by=run.job.actor.name,
                created_at=run.job.created_at,
                content=file,
                keys=content.keys,
            )
            if made is not None:
                self._ledger.record(
                    run.job.actor,
                    Action.EXPORT,
                    purpose=content.case.purpose,
                    case=content.case.number,
                    details={
                        "what": "case exported",
                        "kind": kind.value,
                        "export": made.number,
                        "sha256": made.sha256,
                    },
                    keys=content.keys,
                )
            return made
