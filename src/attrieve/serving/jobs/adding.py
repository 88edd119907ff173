"""The job that describes uploaded images and adds them to the gallery."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from torch import Tensor

from attrieve.errors import DatasetError, InputError
from attrieve.gallery.database.filters import Condition, Filter, Operator
from attrieve.gallery.database.layout import user_fields
from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.gallery.database.rows import rows_of
from attrieve.gallery.pipeline import run_pipeline
from attrieve.gallery.reading import ReadingSettings
from attrieve.gallery.row_writers import DatabaseRowWriter, MemoryRefusals
from attrieve.gallery.search_cache import open_search_columns
from attrieve.gallery.sources.item import SourceItem
from attrieve.models.retriever import ImageDescription
from attrieve.schema import ImageSource
from attrieve.serving.jobs.describing import describing_progress, describing_settings
from attrieve.serving.jobs.gallery_writing import open_gallery_writer
from attrieve.serving.jobs.run import JobRun
from attrieve.serving.problems import Problem, ProblemError
from attrieve.serving.state.ledger import Action, Ledger
from attrieve.serving.uploads.kept_images import KeptImages
from attrieve.serving.uploads.metadata import metadata_of, misfit

if TYPE_CHECKING:
    from attrieve.models.retriever import Retriever

THUMBNAIL_PX = 128


class AddImages:
    """Adds kept images; done twice, it finds them there.

    Of an image that the gallery has from elsewhere nothing stays here.

    Args:
        gallery: folder of the gallery.
        kept: where the images lie.
        retriever: gives the model, or None if the service runs without.
        ledger: where it is recorded.
        changed: called when the gallery has changed.
    """

    def __init__(
        self,
        gallery: Path,
        kept: KeptImages,
        retriever: "Callable[[], Retriever | None]",
        ledger: Ledger,
        changed: Callable[[], object],
    ) -> None:
        self._gallery = gallery
        self._kept = kept
        self._retriever = retriever
        self._ledger = ledger
        self._changed = changed

    def __call__(self, run: JobRun) -> Mapping[str, Any]:
        """Do the job.

        Raises:
            ProblemError: ``model-missing``.
            GalleryBusyError: if another process writes to the gallery.
            StorageError: if the disk refuses; what was added stays.
        """
        retriever = self._retriever()
        if retriever is None:
            told = "images cannot be described without a run; set 'run' in the settings, then retry the job"
            raise ProblemError(Problem.MODEL_MISSING, told)
        images = run.job.payload["images"]
        refusals = MemoryRefusals()
        run.report(0, len(images), "waits for the gallery")

        def describe(pixels: Tensor) -> ImageDescription:
            run.check()  # here, for what was described before is committed then
            return retriever.embed_images(pixels)

        with open_gallery_writer(self._gallery, retriever) as writer:
            columns = {entry.name: entry.type for entry in user_fields(writer.arrow_schema)}
            summary = run_pipeline(
                _KeptSource(images, self._kept.folder, columns),
                describe,
                DatabaseRowWriter(writer),
                ReadingSettings(
                    retriever.input_size, thumbnail_px=THUMBNAIL_PX if writer.manifest.thumbnails else None
                ),
                describing_settings(),
                refusals=refusals,
                progress=describing_progress(run.note, len(images)),
            )
        snapshot = GallerySnapshot.open(self._gallery)
        open_search_columns(snapshot)
        self._changed()
        self._forget_needless(images, snapshot)
        named = {self._kept.folder / str(image["file"]): image["fields"]["file_name"] for image in images}
        refused = []
        for source, reason in refusals.reasons.items():
            name = str(named.get(source.path, ""))
            refused.append({"name": name, "reason": reason.replace(str(source.path), name)})
        counts = {"added": summary.added, "already_there": summary.already_there}
        self._ledger.record(
            run.job.actor,
            Action.ADDITION,
            purpose=run.job.purpose,
            case=run.job.case,
            details={"what": "images added", "job": run.job.number, **counts, "refused": len(refused)},
        )
        return {**counts, "refused": refused}

    def _forget_needless(self, images: Sequence[Mapping[str, Any]], snapshot: GallerySnapshot) -> None:
        """Delete the kept pictures of images whose row shows another file."""
        files = {str(image["key"]): self._kept.folder / str(image["file"]) for image in images}
        theirs = Filter((Condition("key", Operator.EQUAL, tuple(files)),))
        rows = rows_of(snapshot.describe(theirs))
        self._kept.remove(files[row.key] for row in rows if row.source.path != files[row.key])


class _KeptSource:
    """Kept images as a source of the pipeline; what cannot be added is an item with a problem."""

    def __init__(
        self, images: Sequence[Mapping[str, Any]], folder: Path, columns: Mapping[str, pa.DataType]
    ) -> None:
        self._images = images
        self._folder = folder
        self._columns = columns

    @property
    def name(self) -> str:
        """For messages."""
        return "the uploaded images"

    def __iter__(self) -> Iterator[SourceItem]:
        """Yield the images in the order they were sent."""
        for image in self._images:
            source, key = ImageSource(self._folder / str(image["file"])), str(image["key"])
            try:
                metadata = metadata_of(image["fields"])
                problem = misfit(image["fields"], self._columns)
            except (DatasetError, InputError) as error:
                yield SourceItem(source, problem=str(error))
                continue
            yield SourceItem(source, metadata, problem=problem, key=key)

    def count(self) -> int:
        """Return how many there are."""
        return len(self._images)
