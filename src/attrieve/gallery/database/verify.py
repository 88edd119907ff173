"""Whether a gallery is what was written: every row, every vector, every image."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from attrieve.data.archives import ArchiveHandles
from attrieve.data.decoding import read_bytes
from attrieve.errors import AttrieveError, ImageError, InputError, StorageError
from attrieve.gallery.database.keys import key_numbers, key_text
from attrieve.gallery.database.lance import batches_of, delete, fragment_predicate, open_table, row_ids, told
from attrieve.gallery.database.manifest import DatabaseManifest, GalleryModel
from attrieve.gallery.database.reading import Damage, fragments, vector_names
from attrieve.gallery.database.rows import GalleryRow, rows_of
from attrieve.gallery.database.vectors import Vectors, checksums, from_arrow
from attrieve.gallery.rows import content_key, stands_for

if TYPE_CHECKING:
    from lancedb.table import Table


@dataclass(frozen=True)
class ImageProblem:
    """An image that is not what was indexed.

    Args:
        key: of its row.
        problem: gone, unreadable, or another picture now.
    """

    key: str
    problem: str

    def __str__(self) -> str:
        return f"image of row {self.key}: {self.problem}"


@dataclass(frozen=True)
class VerifyReport:
    """What was found.

    Args:
        rows: of the active model that were looked at and are sound.
        damaged: fragments that cannot be read or hold other bits than were written.
        problems: what is wrong with the gallery as a whole.
        images: images that are gone or changed; empty unless they were asked for.
    """

    rows: int
    damaged: tuple[Damage, ...] = ()
    problems: tuple[str, ...] = ()
    images: tuple[ImageProblem, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not (self.damaged or self.problems or self.images)

    def lines(self) -> list[str]:
        """Return one line for each thing found."""
        return [*self.problems, *map(str, self.damaged), *map(str, self.images)]


def verify_database(
    folder: Path | str, *, images: bool = False, progress: Callable[[int], None] | None = None
) -> VerifyReport:
    """Read everything a gallery holds and compare it with what must be.

    Every row can be read and its vectors are those that were written, finite, of unit length and in
    [0, 1]; keys are keys, each once; rows carry their table's model; the query side can be read and
    speaks the gallery's vocabulary. With ``images``, every image is read and hashed as well.

    Args:
        folder: the gallery.
        images: also compare the images with their keys.
        progress: called with the number of rows done since its last call; each row comes once for every
            model that described it, and once more if its image is looked at.

    Raises:
        InputError: if the folder is no gallery.
        StorageError: if its manifest cannot be read.
    """
    folder = Path(folder)
    manifest = DatabaseManifest.read(folder)
    rows = 0
    damaged: list[Damage] = []
    problems: list[str] = []
    for model in manifest.models:
        problems += _query_side_problems(folder, model)
        try:
            table = open_table(folder, model.table)
            looked = _verify_table(table, model, progress)
        except StorageError as error:
            problems.append(str(error))
            continue
        damaged += looked.damaged
        problems += looked.problems
        if model == manifest.model:
            rows = looked.rows
    broken = _image_problems(folder, manifest, damaged, progress) if images else ()
    return VerifyReport(rows, tuple(damaged), tuple(problems), tuple(broken))


def _query_side_problems(folder: Path, model: GalleryModel) -> list[str]:
    path = model.query_side_path(folder)
    if not path.exists():
        return []  # vectors that were imported or drawn come without one
    from attrieve.models.checkpoint import load_query_side

    try:
        query_side = load_query_side(path)
        model.schema.require_same(query_side.schema, here="the gallery", there="its query side")
    except AttrieveError as error:
        return [f"query side of model {model.name!r}: {error}"]
    return []


def _verify_table(
    table: "Table", model: GalleryModel, progress: Callable[[int], None] | None
) -> VerifyReport:
    sound = 0
    damaged: list[Damage] = []
    keys: list[np.ndarray] = []
    for fragment, ids in fragments(row_ids(table)):
        try:
            keys.append(_verify_rows(table, ids, model))
            sound += len(ids)
        except AttrieveError as error:
            damaged.append(Damage(table.name, fragment, len(ids), str(error)))
        if progress is not None:
            progress(len(ids))
    return VerifyReport(sound, tuple(damaged), tuple(_repeated(table.name, keys)))


def _repeated(name: str, keys: list[np.ndarray]) -> list[str]:
    if not keys:
        return []
    numbers, counts = np.unique(np.concatenate(keys), return_counts=True)
    return [f"{name} holds key {key_text(number)} more than once" for number in numbers[counts > 1][:10]]


def _verify_rows(table: "Table", ids: np.ndarray, model: GalleryModel) -> np.ndarray:
    """Return the keys of the rows of a fragment.

    Raises:
        StorageError: for what cannot be read.
        InputError: for what can be read and is wrong.
    """
    parts = [np.zeros(0, dtype=np.uint64)]
    for batch in batches_of(table, ids, table.schema.names):
        with told("its columns cannot be decoded"):
            batch.validate(full=True)
        keys = key_numbers(batch.column("key"))
        _verify_vectors(batch, keys, model, vector_names(table.schema))
        parts.append(keys)
    return np.concatenate(parts)


def _verify_vectors(batch: pa.RecordBatch, keys: np.ndarray, model: GalleryModel, names: list[str]) -> None:
    vectors = Vectors(**{name: from_arrow(batch.column(name)) for name in names})
    wrong = np.flatnonzero(checksums(vectors) != batch.column("checksum").to_numpy())
    if len(wrong):
        first = key_text(keys[wrong[0]])
        raise InputError(f"{len(wrong)} rows hold other vectors than were written, the first is {first}")
    for place, problem in vectors.problems():
        raise InputError(f"row {key_text(keys[place])}: {problem}")
    came = set(batch.column("model").to_pylist()) - {model.fingerprint}
    if came:
        raise InputError(
            f"rows carry model {sorted(map(str, came))}, the table is that of {model.name!r} "
            f"({model.fingerprint})"
        )


def _image_problems(
    folder: Path, manifest: DatabaseManifest, damaged: list[Damage], progress: Callable[[int], None] | None
) -> list[ImageProblem]:
    try:
        table = open_table(folder, manifest.model.table)
    except StorageError:
        return []  # told already
    skip = {damage.fragment for damage in damaged if damage.table == table.name}
    found = []
    with ArchiveHandles() as archives:
        for fragment, ids in fragments(row_ids(table)):
            if fragment in skip:
                continue
            for batch in batches_of(table, ids, ["key", "source", "member", "frame"]):
                for row in rows_of(pa.Table.from_batches([batch])):
                    problem = _image_problem(row, archives)
                    if problem is not None:
                        found.append(ImageProblem(row.key, problem))
                if progress is not None:
                    progress(len(batch))
    return found


def _image_problem(row: GalleryRow, archives: ArchiveHandles) -> str | None:
    """Return what is wrong with the image of a row, or None."""
    if row.frame is not None:
        return None  # a key is that of the crop; a video holds whole frames
    try:
        content = read_bytes(row.source, archives)
    except ImageError as error:
        return str(error)
    if stands_for(row.source, content, row.key):
        return None
    return f"{row.source} is another picture now ({content_key(content)})"


def drop_damaged(folder: Path | str, damaged: tuple[Damage, ...]) -> int:
    """Delete the rows of damaged fragments, so that indexing again can bring them back; return how many.

    The caller holds the writer lock.

    Raises:
        StorageError: if the disk refuses.
    """
    manifest = DatabaseManifest.read(Path(folder))
    tables = {model.table for model in manifest.models}
    dropped = 0
    for damage in damaged:
        if damage.table in tables:
            dropped += delete(open_table(Path(folder), damage.table), fragment_predicate(damage.fragment))
    return dropped
