"""A gallery on disk: a folder that can be searched without the images or the backbone.

::

    gallery.json                     manifest: vocabulary, run, fusion, list of parts
    query_side/                      attribute encoder and training categories of the run
    part-00001.rows.jsonl            key, source, camera, time, one line per row
    part-00001.columns.safetensors   probability (person, attribute), embedding (person, dim)
    quarantine.jsonl                 images that could not be indexed, and why

Files of a part are written first and never changed; replacing ``gallery.json`` commits them. A run
killed in between leaves files that no manifest names, which the next writer replaces.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor

from attrieve.data.files import write_atomically
from attrieve.errors import InputError, StorageError
from attrieve.gallery.lock import LOCK_NAME, only_writer
from attrieve.gallery.manifest import Manifest, Part
from attrieve.gallery.manifest_file import MANIFEST_NAME
from attrieve.gallery.quarantine import QUARANTINE_NAME
from attrieve.gallery.rows import Row, rows_from_bytes, rows_to_bytes
from attrieve.models.checkpoint import load_query_side, save_query_side
from attrieve.models.query_side import QuerySide
from attrieve.schema import AttributeSchema
from attrieve.scoring.fusion import Fusion, Normalisation

QUERY_SIDE_NAME = "query_side"


@dataclass(frozen=True)
class Columns:
    """Vectors of some rows, in row order.

    Args:
        probability: that each attribute holds, in [0, 1], or None if the model does not recognise.
        embedding: unit vectors, or None if the model does not embed.
    """

    probability: Float[Tensor, "person attribute"] | None
    embedding: Float[Tensor, "person dim"] | None

    def __post_init__(self) -> None:
        if self.probability is None and self.embedding is None:
            raise InputError("a gallery row needs a probability or an embedding, the model gave neither")

    def tensors(self) -> dict[str, Tensor]:
        """Return what is there, by name, as contiguous float32 in main memory."""
        named = {"probability": self.probability, "embedding": self.embedding}
        return {
            name: column.detach().to("cpu", torch.float32).contiguous()
            for name, column in named.items()
            if column is not None
        }

    def select(self, indices: list[int]) -> "Columns":
        """Return some rows, in the order of ``indices``."""
        return Columns(
            None if self.probability is None else self.probability[indices],
            None if self.embedding is None else self.embedding[indices],
        )


@dataclass(frozen=True)
class Gallery:
    """A gallery in memory, rows in the order of their keys (so that ties resolve by key).

    Args:
        folder: where it lies.
        manifest: its vocabulary, run and fusion defaults.
        query_side: embeds descriptions as the run that filled the gallery does.
        rows: keys and sources, sorted by key.
        columns: vectors in the same order, or None while there are no rows.
    """

    folder: Path
    manifest: Manifest
    query_side: QuerySide
    rows: tuple[Row, ...]
    columns: Columns | None = field(repr=False)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def schema(self) -> AttributeSchema:
        """The vocabulary it is asked in."""
        return self.manifest.schema

    @property
    def fusion(self) -> Fusion:
        """How distances are joined unless a search says otherwise."""
        return self.manifest.fusion

    @classmethod
    def open(cls, folder: Path | str) -> "Gallery":
        """Read a gallery folder.

        Raises:
            InputError: if the folder is no gallery.
            StorageError: if a file is missing or damaged.
            CheckpointError: if the query side cannot be read.
        """
        folder = Path(folder)
        manifest = Manifest.read(folder)
        query_side = load_query_side(folder / QUERY_SIDE_NAME)
        manifest.schema.require_same(query_side.schema, here="the gallery", there="its query side")
        rows, columns = read_parts(folder, manifest)
        return cls(folder, manifest, query_side, rows, columns)


def read_parts(folder: Path, manifest: Manifest) -> tuple[tuple[Row, ...], Columns | None]:
    """Read all parts of a gallery, sorted by key; no columns if there are no rows."""
    rows = [row for part in manifest.parts for row in _read_rows(folder, part)]
    if not rows:
        return (), None
    tables = [_read_columns(folder, part, len(manifest.schema)) for part in manifest.parts]
    joined = Columns(
        _concatenate([table.probability for table in tables], "probability", folder),
        _concatenate([table.embedding for table in tables], "embedding", folder),
    )
    by_key = sorted(range(len(rows)), key=lambda index: rows[index].key)
    return tuple(rows[index] for index in by_key), joined.select(by_key)


def _read_rows(folder: Path, part: Part) -> list[Row]:
    path = part.rows_path(folder)
    rows = rows_from_bytes(_read(path), str(path))
    if len(rows) != part.count:
        raise StorageError(f"{path} holds {len(rows)} rows, the manifest says {part.count}; index again")
    return rows


def _read_columns(folder: Path, part: Part, attributes: int) -> Columns:
    path = part.columns_path(folder)
    try:
        tensors = tensors_from_bytes(_read(path))
    except SafetensorError as error:
        raise StorageError(f"{path} is damaged: {error}; index again") from error
    probability, embedding = tensors.get("probability"), tensors.get("embedding")
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    right = all(tensor.ndim == 2 and len(tensor) == part.count for tensor in tensors.values())
    if not right or not tensors or (probability is not None and probability.shape[1] != attributes):
        raise StorageError(
            f"{path} holds {shapes}, expected {part.count} rows and {attributes} attributes; index again"
        )
    return Columns(probability, embedding)


def _concatenate(tables: list[Tensor | None], name: str, folder: Path) -> Tensor | None:
    present = [table for table in tables if table is not None]
    if not present:
        return None
    if len(present) != len(tables) or len({table.shape[1] for table in present}) != 1:
        raise StorageError(f"the parts of {folder} disagree about column {name!r}; index again")
    return torch.cat(present)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StorageError(
            f"{path}, part of the gallery, cannot be read: {error.strerror}; index again"
        ) from error


class GalleryWriter:
    """Appends rows to a gallery; every :meth:`append` is committed or leaves no trace.

    Made by :func:`open_writer`.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest
        self.keys = {row.key for part in manifest.parts for row in _read_rows(folder, part)}

    def append(self, rows: list[Row], columns: Columns) -> None:
        """Commit rows with their vectors.

        Raises:
            InputError: for a key that is already there, or another number of rows and vectors.
            StorageError: if the disk refuses; the gallery stays as it was.
        """
        if not rows:
            return
        self._check(rows, columns)
        part = Part(f"part-{len(self.manifest.parts) + 1:05d}", len(rows))
        write_atomically(part.rows_path(self.folder), rows_to_bytes(rows))
        write_atomically(part.columns_path(self.folder), tensors_to_bytes(columns.tensors()))
        manifest = replace(self.manifest, parts=(*self.manifest.parts, part))
        manifest.write(self.folder)
        self.manifest = manifest
        self.keys.update(row.key for row in rows)

    def _check(self, rows: list[Row], columns: Columns) -> None:
        new = {row.key for row in rows}
        if len(new) != len(rows) or not new.isdisjoint(self.keys):
            raise InputError("a row key occurs once in a gallery; leave out rows that are already there")
        for name, column in columns.tensors().items():
            if len(column) != len(rows):
                raise InputError(f"{len(rows)} rows came with {len(column)} of {name!r}")


@contextmanager
def open_writer(
    folder: Path, *, run_name: str, run_fingerprint: str, query_side: QuerySide
) -> Iterator[GalleryWriter]:
    """Open a gallery for one writer, making it if need be.

    Raises:
        SchemaMismatchError: if it was filled in another vocabulary or by another run.
        InputError: if the folder holds something that is no gallery.
        StorageError: if the disk refuses, or another process is writing.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"could not make {folder}: {error.strerror}; choose another folder") from error
    if not (folder / MANIFEST_NAME).exists():
        _require_free(folder)
    with only_writer(folder):
        if not (folder / MANIFEST_NAME).exists():
            _create(folder, run_name, run_fingerprint, query_side)
        manifest = Manifest.read(folder)
        manifest.require_run(run_name, run_fingerprint, query_side.schema)
        yield GalleryWriter(folder, manifest)


def _require_free(folder: Path) -> None:
    """Refuse to mix a gallery into a folder of something else; what a killed creation left is fine."""
    ours = {QUERY_SIDE_NAME, LOCK_NAME, QUARANTINE_NAME}
    others = sorted(
        entry.name
        for entry in folder.iterdir()
        if entry.name not in ours
        and not entry.name.startswith((f".{MANIFEST_NAME}.", f".{QUARANTINE_NAME}."))
    )
    if others:
        raise InputError(
            f"{folder} is not a gallery and not empty (it holds {others[0]!r}); choose a new folder"
        )


def _create(folder: Path, run_name: str, run_fingerprint: str, query_side: QuerySide) -> None:
    save_query_side(query_side, folder / QUERY_SIDE_NAME, name=run_name)
    retrieval = query_side.retrieval
    fusion = Fusion(
        attribute_weight=retrieval.attribute_weight,
        embedding_weight=retrieval.embedding_weight,
        normalisation=Normalisation(retrieval.normalisation),
    )
    Manifest(query_side.schema, run_name, run_fingerprint, fusion).write(folder)
