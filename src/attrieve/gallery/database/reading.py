"""Reading a gallery: snapshots that no writer changes."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from jaxtyping import Float32, Int64, UInt64

from attrieve.errors import InputError, StorageError
from attrieve.gallery.database.filter_columns import FilterColumns
from attrieve.gallery.database.filters import Filter, parse_filter, text_literal, to_predicate
from attrieve.gallery.database.keys import key_numbers
from attrieve.gallery.database.lance import (
    batches,
    batches_of,
    fragment_of,
    open_table,
    row_ids,
)
from attrieve.gallery.database.layout import EMBEDDING, PROBABILITY, ROW_ID, THUMBNAIL, filterable
from attrieve.gallery.database.manifest import DatabaseManifest, GalleryModel, ModelState
from attrieve.gallery.database.rows import GalleryRow, rows_of
from attrieve.gallery.database.vectors import Vectors, checksums, from_arrow

if TYPE_CHECKING:
    from lancedb.table import Table

    from attrieve.models.query_side import QuerySide


class DamagedGalleryWarning(UserWarning):
    """Part of a gallery cannot be read; the rest is searched."""


@dataclass(frozen=True)
class Damage:
    """A fragment of a table that cannot be read, or holds other bits than were written.

    Args:
        table: its table.
        fragment: its number in the table.
        rows: how many rows lie in it.
        problem: what is wrong.
    """

    table: str
    fragment: int
    rows: int
    problem: str

    def __str__(self) -> str:
        return f"fragment {self.fragment} of {self.table} ({self.rows} rows): {self.problem}"


@dataclass(frozen=True)
class GalleryColumns:
    """The vectors of a snapshot as contiguous arrays, rows sorted by key (so that ties resolve by key).

    Args:
        key: keys as numbers, ascending.
        row_id: where the store keeps each row; holds within one snapshot only.
        embedding: unit vectors, or None.
        probability: that each attribute holds, or None.
        damaged: fragments that were left out.
    """

    key: UInt64[np.ndarray, " row"]
    row_id: UInt64[np.ndarray, " row"]
    embedding: Float32[np.ndarray, "row dim"] | None = field(repr=False)
    probability: Float32[np.ndarray, "row attribute"] | None = field(repr=False)
    damaged: tuple[Damage, ...] = ()

    def __len__(self) -> int:
        return len(self.key)

    def places(self, ids: UInt64[np.ndarray, " some"]) -> Int64[np.ndarray, " found"]:
        """Return where the rows with these ids stand, ascending; ids that are not here are left out."""
        by_id = np.argsort(self.row_id)
        at = np.searchsorted(self.row_id, ids, sorter=by_id)
        near = by_id[np.minimum(at, len(by_id) - 1)] if len(by_id) else np.zeros(0, dtype=np.int64)
        found = near[self.row_id[near] == ids] if len(by_id) else near
        return np.sort(found.astype(np.int64))


@dataclass(frozen=True, eq=False)
class StoredRows:
    """Some rows of a snapshot in the order of the store.

    Args:
        key: keys as numbers.
        row_id: where the store keeps each row; holds within one snapshot, and later while the row's bytes
            stay where they are.
        vectors: of the same rows.
        others: the other columns that were asked for.
    """

    key: UInt64[np.ndarray, " row"]
    row_id: UInt64[np.ndarray, " row"]
    vectors: Vectors
    others: pa.Table


@dataclass(frozen=True)
class GallerySnapshot:
    """A gallery as it was at one moment, for one of its models.

    Args:
        folder: where it lies.
        manifest: its models.
        model: whose vectors are read.
        table: the rows, fixed at one version.
    """

    folder: Path
    manifest: DatabaseManifest
    model: GalleryModel
    table: "Table" = field(repr=False)

    @classmethod
    def open(
        cls, folder: Path | str, *, model: str | None = None, version: int | None = None
    ) -> "GallerySnapshot":
        """Open a gallery as it is now, or as it was at a version that is still kept.

        Args:
            folder: the gallery.
            model: fingerprint of one of its models, or None for the one it is searched by.
            version: of the table, or None for the newest.

        Raises:
            InputError: if the folder is no gallery, or the model is not there or not ready.
            StorageError: if it is damaged, or the version is gone.
        """
        folder = Path(folder)
        manifest = DatabaseManifest.read(folder)
        chosen = manifest.model if model is None else manifest.find(model)
        if chosen.state is not ModelState.READY:
            raise InputError(
                f"model {chosen.name!r} ({chosen.fingerprint}) is still being filled; finish re-embedding"
            )
        table = open_table(folder, chosen.table, version)
        if version is None:
            table.checkout(table.version)
        return cls(folder, manifest, chosen, table)

    def __len__(self) -> int:
        return self.table.count_rows()

    @cached_property
    def version(self) -> int:
        """Number of the table's version; the store is asked once."""
        return self.table.version

    @cached_property
    def arrow_schema(self) -> pa.Schema:
        """Names and types of all columns; the store is asked once, for the version stays the same."""
        return self.table.schema

    def query_side(self) -> "QuerySide":
        """Return what embeds descriptions as the model does.

        Raises:
            CheckpointError: if it cannot be read; galleries of imported vectors may have none.
        """
        from attrieve.models.checkpoint import load_query_side

        query_side = load_query_side(self.model.query_side_path(self.folder))
        self.model.schema.require_same(query_side.schema, here="the gallery", there="its query side")
        calibration = query_side.calibration
        if calibration is not None and calibration.model != self.model.fingerprint:
            warnings.warn(
                f"the calibration kept in {self.folder} is of model {calibration.model} and not used; run "
                "`attrieve gallery calibrate` with the run that filled the gallery",
                stacklevel=2,
            )
            query_side.calibration = None
        return query_side

    def parse(self, terms: Iterable[str]) -> Filter:
        """Read conditions such as ``camera=C1,C2`` against the columns of this gallery.

        Raises:
            QueryError: for a condition that cannot be read.
            UnknownNameError: for an unknown column, with the nearest.
        """
        return parse_filter(terms, filterable(self.arrow_schema))

    def select(self, wanted: Filter) -> UInt64[np.ndarray, " row"]:
        """Return the ids of the rows that meet a filter, ascending.

        The columns it names stay in memory for the next filter, unless they are too large: then the store
        evaluates it each time.

        Raises:
            StorageError: if a column it names is damaged.
        """
        kinds = filterable(self.arrow_schema)
        found = self._filter_columns.select(wanted, kinds)
        return row_ids(self.table, to_predicate(wanted, kinds)) if found is None else found

    @cached_property
    def _filter_columns(self) -> FilterColumns:
        return FilterColumns(self.table)

    def columns(self, *, check: bool = True) -> GalleryColumns:
        """Read all vectors.

        Damaged fragments are left out with a :class:`DamagedGalleryWarning` and are listed in the result.

        Args:
            check: compare each row with its checksum.
        """
        try:
            return read_columns(self.table, check=check)
        except StorageError:
            return self._sound_columns(check)

    def _sound_columns(self, check: bool) -> GalleryColumns:
        parts, damaged = [], []
        ids = row_ids(self.table)
        for fragment, rows in fragments(ids):
            try:
                parts.append(read_columns(self.table, rows, check=check))
            except StorageError as error:
                damaged.append(Damage(self.table.name, fragment, len(rows), str(error)))
        joined = _join(parts, self.model, tuple(damaged))
        for damage in damaged:
            warnings.warn(f"{self.folder}: {damage}; these rows are not searched", DamagedGalleryWarning, 3)
        return joined

    def row_ids(self) -> UInt64[np.ndarray, " row"]:
        """Return the ids of all rows, ascending; no data file is touched."""
        return row_ids(self.table)

    def stored_rows(
        self,
        ids: UInt64[np.ndarray, " some"] | None = None,
        *,
        at_once: int,
        check: bool = True,
        others: Sequence[str] = (),
    ) -> Iterator[StoredRows]:
        """Yield keys and vectors of all rows, or of those with some ids, about ``at_once`` at a time.

        Damaged fragments are left out with a :class:`DamagedGalleryWarning`.

        Args:
            ids: ascending, or None for all rows.
            at_once: bounds the memory this takes.
            check: compare each row with its checksum.
            others: more columns to read.
        """
        names = list(dict.fromkeys(["key", ROW_ID, "checksum", *vector_names(self.arrow_schema), *others]))
        left = self.row_ids() if ids is None else ids
        if ids is None:
            seen = []
            try:
                for part in _gathered(batches(self.table, names), self.model, at_once, check, others):
                    yield part
                    seen.append(part.row_id)
                return
            except StorageError:
                left = np.setdiff1d(left, np.concatenate([left[:0], *seen]), assume_unique=True)
        for fragment, rows in fragments(left):
            try:
                read = batches_of(self.table, rows, names)
                parts = list(_gathered(read, self.model, at_once, check, others))
            except StorageError as error:
                damage = Damage(self.table.name, fragment, len(rows), str(error))
                told = f"{self.folder}: {damage}; these rows are not searched"
                warnings.warn(told, DamagedGalleryWarning, stacklevel=3)
                continue
            yield from parts

    def rows_at(self, ids: UInt64[np.ndarray, " some"], *, thumbnails: bool = True) -> list[GalleryRow]:
        """Return the rows with these ids, in their order; only their fragments are touched.

        Args:
            ids: of the rows.
            thumbnails: False leaves them out; they are most of what there is to read.

        Raises:
            StorageError: if one cannot be read.
        """
        left_out = {EMBEDDING, PROBABILITY} if thumbnails else {EMBEDDING, PROBABILITY, THUMBNAIL}
        names = [name for name in self.arrow_schema.names if name not in left_out]
        schema = pa.schema([self.arrow_schema.field(name) for name in names])
        return rows_of(pa.Table.from_batches([*batches_of(self.table, ids, names)], schema))

    def rows(self, keys: Sequence[str]) -> list[GalleryRow]:
        """Return the rows with these keys, in the order of the keys.

        Raises:
            InputError: for a key the gallery does not hold.
            StorageError: if one cannot be read.
        """
        if not keys:
            return []
        key_numbers(keys)
        listed = ", ".join(text_literal(key) for key in keys)
        found = {row.key: row for row in rows_of(self.describe(predicate=f"`key` IN ({listed})"))}
        missing = [key for key in keys if key not in found]
        if missing:
            raise InputError(f"the gallery holds no row {missing[0]!r} (and {len(missing) - 1} more not)")
        return [found[key] for key in keys]

    def describe(self, wanted: Filter | None = None, *, predicate: str | None = None) -> pa.Table:
        """Return everything but the vectors as an Arrow table, of all rows or those that meet a filter."""
        if wanted is not None:
            predicate = to_predicate(wanted, filterable(self.arrow_schema))
        names = [name for name in self.arrow_schema.names if name not in {EMBEDDING, PROBABILITY}]
        schema = pa.schema([self.arrow_schema.field(name) for name in names])
        return pa.Table.from_batches(list(batches(self.table, names, predicate)), schema)

    def stream(self, wanted: Filter | None = None, *, thumbnails: bool = False) -> Iterable[pa.RecordBatch]:
        """Yield whole rows, vectors included, of all rows or those that meet a filter."""
        predicate = None if wanted is None else to_predicate(wanted, filterable(self.arrow_schema))
        names = [name for name in self.arrow_schema.names if thumbnails or name != THUMBNAIL]
        return batches(self.table, names, predicate)


def fragments(ids: UInt64[np.ndarray, " row"]) -> list[tuple[int, UInt64[np.ndarray, " some"]]]:
    """Return each fragment that ascending row ids lie in, with the ids of its rows."""
    numbers, starts = np.unique(fragment_of(ids), return_index=True)
    return list(zip(numbers.tolist(), np.split(ids, starts[1:]), strict=True)) if len(ids) else []


def vector_names(schema: pa.Schema) -> list[str]:
    """Return which of embedding and probability a table holds."""
    return [name for name in (EMBEDDING, PROBABILITY) if name in schema.names]


def _gathered(
    read: Iterator[pa.RecordBatch], model: GalleryModel, at_once: int, check: bool, others: Sequence[str]
) -> Iterator[StoredRows]:
    """Put batches together to parts of ``at_once`` rows or a little more.

    Raises:
        StorageError: if something cannot be read, or a checksum is wrong.
    """
    waiting: list[pa.RecordBatch] = []
    count = 0
    for batch in read:
        waiting.append(batch)
        count += len(batch)
        if count >= at_once:
            yield _stored(waiting, model, check, others)
            waiting, count = [], 0
    if count:
        yield _stored(waiting, model, check, others)


def _stored(
    read: list[pa.RecordBatch], model: GalleryModel, check: bool, others: Sequence[str]
) -> StoredRows:
    table = pa.Table.from_batches(read).combine_chunks()
    columns = {name: table.column(name).combine_chunks() for name in table.column_names}
    vectors = Vectors(**{name: from_arrow(columns[name]) for name in vector_names(table.schema)})
    if check and not np.array_equal(checksums(vectors), columns["checksum"].to_numpy()):
        raise StorageError(f"vectors in {model.table} are not those that were written")
    try:
        key = key_numbers(columns["key"])
    except InputError as error:
        raise StorageError(f"{model.table} is damaged: {error}") from error
    return StoredRows(key, columns[ROW_ID].to_numpy(), vectors, table.select(list(others)))


def read_columns(
    table: "Table", ids: UInt64[np.ndarray, " row"] | None = None, *, check: bool
) -> GalleryColumns:
    """Read the vectors of a table, or of the rows with some ids, sorted by key.

    Two passes, so that each vector is copied once, straight to its place: keys first, then vectors.

    Raises:
        StorageError: if something cannot be read, or a checksum is wrong.
    """

    def read(columns: list[str]) -> Iterator[pa.RecordBatch]:
        return batches(table, columns) if ids is None else batches_of(table, ids, columns)

    expected = table.count_rows() if ids is None else len(ids)
    key, row_id, checksum = _heads(read(["key", ROW_ID, "checksum"]), table.name, expected)
    order = np.argsort(key, kind="stable")
    if len(key) > 1 and (np.diff(key[order]) == 0).any():
        raise StorageError(f"{table.name} holds a key twice")
    place = np.empty(expected, dtype=np.int64)
    place[order] = np.arange(expected)
    schema = table.schema
    matrices = {
        name: np.empty((expected, schema.field(name).type.list_size), np.float32)
        for name in vector_names(schema)
    }
    at = 0
    for batch in read([ROW_ID, *matrices]):
        here = slice(at, at + len(batch))
        if not np.array_equal(batch.column(ROW_ID).to_numpy(), row_id[here]):
            raise StorageError(f"{table.name} gave its rows in another order the second time")
        vectors = Vectors(**{name: from_arrow(batch.column(name)) for name in matrices})
        if check and not np.array_equal(checksums(vectors), checksum[here]):
            raise StorageError(f"vectors in {table.name} are not those that were written")
        for name, column in vectors.named().items():
            matrices[name][place[here]] = column
        at += len(batch)
    return GalleryColumns(key[order], row_id[order], matrices.get(EMBEDDING), matrices.get(PROBABILITY))


def _heads(
    read: Iterator[pa.RecordBatch], name: str, expected: int
) -> tuple[UInt64[np.ndarray, " row"], UInt64[np.ndarray, " row"], UInt64[np.ndarray, " row"]]:
    """Return keys, row ids and checksums in the order of the store."""
    key, row_id, checksum = (np.empty(expected, dtype=np.uint64) for _ in range(3))
    at = 0
    for batch in read:
        here = slice(at, at + len(batch))
        if here.stop > expected:
            break
        try:
            key[here] = key_numbers(batch.column("key"))
        except InputError as error:
            raise StorageError(f"{name} is damaged: {error}") from error
        row_id[here] = batch.column(ROW_ID).to_numpy()
        checksum[here] = batch.column("checksum").to_numpy()
        at += len(batch)
    if at != expected:
        raise StorageError(f"{name} gave another number of rows than the {expected} it counts")
    return key, row_id, checksum


def _join(parts: list[GalleryColumns], model: GalleryModel, damaged: tuple[Damage, ...]) -> GalleryColumns:
    nothing = np.zeros(0, dtype=np.uint64)
    key = np.concatenate([nothing, *(part.key for part in parts)])
    row_id = np.concatenate([nothing, *(part.row_id for part in parts)])
    order = np.argsort(key, kind="stable")
    embedding = _stack([part.embedding for part in parts], model.embedding_dim, order)
    probability = _stack([part.probability for part in parts], model.attributes, order)
    return GalleryColumns(key[order], row_id[order], embedding, probability, damaged)


def _stack(
    parts: list[np.ndarray | None], width: int | None, order: np.ndarray
) -> Float32[np.ndarray, "row width"] | None:
    if width is None:
        return None
    nothing = np.zeros((0, width), dtype=np.float32)
    joined: Float32[np.ndarray, "row width"] = np.concatenate(
        [nothing, *(part for part in parts if part is not None)]
    )[order]
    return joined
