"""The gallery's one pen, asked for by a job: a short wait here, a longer one in the queue."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from attrieve.errors import InputError
from attrieve.gallery.database.manifest import GalleryModel
from attrieve.gallery.database.writing import DatabaseWriter, open_database_writer
from attrieve.gallery.manifest_file import MANIFEST_NAME

if TYPE_CHECKING:
    from attrieve.models.retriever import Retriever

WAIT_S = 2.0
"""How long a job waits for another writer before it goes back to the queue."""


@contextmanager
def open_gallery_writer(folder: Path, retriever: "Retriever | None" = None) -> Iterator[DatabaseWriter]:
    """Open a gallery that is there for writing.

    Args:
        folder: the gallery.
        retriever: has to be the one whose vectors are added, if one is given.

    Raises:
        GalleryBusyError: if another process writes to it; the worker tries the job again.
        SchemaMismatchError: if another model filled it.
        InputError: if the folder is no gallery.
    """
    if not (folder / MANIFEST_NAME).exists():
        raise InputError(f"{folder} is no gallery any more; put it back")
    model = None if retriever is None else GalleryModel.of(retriever)
    with open_database_writer(folder, model=model, wait_s=WAIT_S) as writer:
        yield writer
