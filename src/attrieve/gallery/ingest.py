"""From person images to gallery rows."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch

from attrieve.errors import InputError
from attrieve.gallery.database.manifest import GalleryModel
from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.gallery.database.writing import DatabaseWriter, open_database_writer
from attrieve.gallery.index_progress import IndexProgress
from attrieve.gallery.pipeline import IndexSummary, PipelineSettings, run_pipeline
from attrieve.gallery.quarantine import Quarantine
from attrieve.gallery.reading import ReadingSettings
from attrieve.gallery.row_writers import DatabaseRowWriter
from attrieve.gallery.search_cache import open_search_columns
from attrieve.gallery.sources import GivenSource, Source
from attrieve.models.retriever import Retriever
from attrieve.schema import ImageSource, Person


def index_images(
    retriever: Retriever,
    gallery_folder: Path | str,
    images: Source | Sequence[ImageSource | Person],
    *,
    settings: PipelineSettings | None = None,
    thumbnail_px: int | None = None,
    device: torch.device | str = "cpu",
    progress: Callable[[IndexProgress], object] | None = None,
) -> IndexSummary:
    """Describe images and add them to a gallery, making the gallery if need be.

    Rows are keyed by content, so indexing the same image again does nothing and a killed run is
    continued by running it again: images that are there are only read, not decoded or described.

    Args:
        retriever: describes the images; moved to ``device`` and left there.
        gallery_folder: new, empty, or a gallery this very retriever filled.
        images: a source, or a list of images or persons, who bring their camera and time along.
        settings: sizes of batches and commits, number of threads.
        thumbnail_px: height of little pictures kept in the gallery, or None for none. Whether a gallery
            keeps them is decided when it is made.
        device: where to compute.
        progress: called now and then, from another thread.

    Raises:
        SchemaMismatchError: if the gallery was filled in another vocabulary or by another run.
        InputError: if the folder holds something else, or thumbnails are asked of a gallery without.
        DatasetError: if the source cannot be read.
        StorageError: if the disk refuses; what was committed stays readable.
    """
    source = images if isinstance(images, Source) else GivenSource(images)
    retriever.to(device)
    kind = torch.device(device).type
    settings = replace(settings or PipelineSettings(), pin_memory=kind == "cuda", stand_back=kind == "cpu")
    with open_gallery_for(retriever, gallery_folder, thumbnails=thumbnail_px is not None) as writer:
        summary = run_pipeline(
            source,
            retriever.embed_images,
            DatabaseRowWriter(writer),
            ReadingSettings(retriever.input_size, thumbnail_px=thumbnail_px),
            settings,
            refusals=Quarantine(Path(gallery_folder)),
            progress=progress,
        )
    open_search_columns(GallerySnapshot.open(gallery_folder))  # so that the first search need not wait
    return summary


@contextmanager
def open_gallery_for(
    retriever: Retriever, gallery_folder: Path | str, *, thumbnails: bool
) -> Iterator[DatabaseWriter]:
    """Open a gallery for the rows of a retriever, making it if need be.

    Raises:
        SchemaMismatchError: if the gallery was filled in another vocabulary or by another run.
        InputError: if the folder holds something else, or thumbnails are asked of a gallery without.
        StorageError: if the disk refuses, or another process is writing.
    """
    with open_database_writer(
        gallery_folder,
        model=GalleryModel.of(retriever),
        query_side=retriever.query_side(),
        thumbnails=thumbnails,
    ) as writer:
        if thumbnails and not writer.manifest.thumbnails:
            raise InputError(
                f"the gallery {gallery_folder} was made without thumbnails; leave them out, or index into a "
                "new folder"
            )
        yield writer
