"""The jobs that look after the gallery: compaction, and describing all images anew."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrieve.gallery.database.lance import batches
from attrieve.gallery.database.manifest import DatabaseManifest, GalleryModel
from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.gallery.database.text import unescape_text
from attrieve.gallery.description import folder_bytes
from attrieve.gallery.search_cache import open_search_columns, remake_search_columns
from attrieve.serving.jobs.describing import describing_progress, describing_settings
from attrieve.serving.jobs.gallery_writing import open_gallery_writer
from attrieve.serving.jobs.job import JobKind, JobState
from attrieve.serving.jobs.queue import JobQueue
from attrieve.serving.jobs.run import JobRun
from attrieve.serving.problems import Problem, ProblemError
from attrieve.serving.state.ledger import Action, Ledger
from attrieve.serving.uploads.kept_images import KeptImages

if TYPE_CHECKING:
    from attrieve.models.retriever import Retriever

ORPHAN_S = 24 * 3600.0
"""A kept image that no row and no job knows is deleted when it is so old; a killed upload left it."""


class CompactGallery:
    """Frees the disk of deleted rows and old versions, and of kept images that belong to nothing.

    Args:
        gallery: folder of the gallery.
        kept: uploaded images.
        jobs: whose images are still to be added.
        ledger: where it is recorded.
        changed: called when the gallery has changed.
    """

    def __init__(
        self,
        gallery: Path,
        kept: KeptImages,
        jobs: JobQueue,
        ledger: Ledger,
        changed: Callable[[], object],
    ) -> None:
        self._gallery = gallery
        self._kept = kept
        self._jobs = jobs
        self._ledger = ledger
        self._changed = changed

    def __call__(self, run: JobRun) -> Mapping[str, Any]:
        """Do the job.

        Raises:
            GalleryBusyError: if another process writes to the gallery.
            StorageError: if the disk refuses; the gallery stays as it was.
        """
        run.report(0, 3, "waits for the gallery")
        with open_gallery_writer(self._gallery) as writer:
            before = folder_bytes(self._gallery)
            run.report(0, 3, "compacting")
            writer.compact()
            run.report(1, 3, "making the columns for searching anew")
            remake_search_columns(self._gallery)
            run.report(2, 3, "looking for images that belong to nothing")
            orphans = self._kept.remove(self._orphans())
            after = folder_bytes(self._gallery)
        run.report(3, 3)
        self._changed()
        result = {"bytes_before": before, "bytes": after, "orphans": orphans}
        _record(self._ledger, run, "gallery compacted", result)
        return result

    def _orphans(self) -> list[Path]:
        """Return old kept images that no row and no waiting or failed job knows."""
        old = time.time() - ORPHAN_S
        candidates = {path for path in self._kept.files() if path.stat().st_mtime < old}
        if not candidates:
            return []
        for batch in batches(GallerySnapshot.open(self._gallery).table, ["source"]):
            candidates -= {Path(unescape_text(source)) for source in batch.column("source").to_pylist()}
        unfinished = (JobState.QUEUED, JobState.RUNNING, JobState.FAILED)
        for job in self._jobs.find(states=unfinished, kinds=[JobKind.ADD_IMAGES], limit=1 << 30):
            candidates -= {self._kept.folder / str(image["file"]) for image in job.payload["images"]}
        return sorted(candidates)


class ReindexGallery:
    """Describes every image by the run of the settings, or, if that one filled the gallery, makes its columns
    for searching anew.

    Args:
        gallery: folder of the gallery.
        run: folder of the run, or None.
        ledger: where it is recorded.
        changed: called when the gallery has changed.
    """

    def __init__(
        self, gallery: Path, run: Path | None, ledger: Ledger, changed: Callable[[], object]
    ) -> None:
        self._gallery = gallery
        self._run = run
        self._ledger = ledger
        self._changed = changed

    def __call__(self, run: JobRun) -> Mapping[str, Any]:
        """Do the job; goes on where an earlier attempt ended.

        Raises:
            ProblemError: ``model-missing``.
            GalleryBusyError: if another process writes to the gallery.
            StorageError: if the disk refuses; the gallery is searched as before.
        """
        from attrieve.models.retriever import Retriever

        run.report(0, None, "loading the model")
        retriever = None if self._run is None else Retriever.from_pretrained(self._run)
        active = DatabaseManifest.read(self._gallery).active
        if retriever is None or GalleryModel.of(retriever).fingerprint == active:
            if retriever is None and not run.job.payload.get("columns_only"):
                told = (
                    "images cannot be described without a run; set 'run' in the settings, then retry the job"
                )
                raise ProblemError(Problem.MODEL_MISSING, told)
            run.report(0, 1, "making the columns for searching anew")
            remake_search_columns(self._gallery)
            result: dict[str, Any] = {"described": 0, "columns_remade": True, "finished": True, "left": []}
        else:
            result = self._describe(run, retriever)
        self._changed()
        _record(self._ledger, run, "gallery indexed anew", {**result, "left": len(result["left"])})
        return result

    def _describe(self, run: JobRun, retriever: "Retriever") -> dict[str, Any]:
        from attrieve.gallery.reembed import reembed_gallery

        total = len(GallerySnapshot.open(self._gallery))

        summary = reembed_gallery(
            retriever,
            self._gallery,
            settings=describing_settings(),
            delete_unreadable=bool(run.job.payload.get("delete_unreadable")),
            progress=describing_progress(run.report, total),
        )
        open_search_columns(GallerySnapshot.open(self._gallery))
        return {
            "described": summary.described,
            "described_before": summary.before,
            "deleted": summary.deleted,
            "left": [{"source": str(source), "reason": reason} for source, reason in summary.left[:1000]],
            "finished": summary.finished,
            "columns_remade": False,
        }


def _record(ledger: Ledger, run: JobRun, what: str, result: Mapping[str, Any]) -> None:
    ledger.record(
        run.job.actor,
        Action.REINDEXING,
        purpose=run.job.purpose,
        case=run.job.case,
        details={"what": what, "job": run.job.number, **result},
    )
