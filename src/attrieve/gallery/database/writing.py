"""Changing a gallery: one writer at a time, every operation whole or not at all."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from attrieve.data.file_lock import try_lock
from attrieve.errors import GalleryBusyError, InputError, StorageError
from attrieve.gallery.database.filters import Filter, text_literal, to_predicate
from attrieve.gallery.database.keys import key_numbers
from attrieve.gallery.database.known_keys import KnownKeys
from attrieve.gallery.database.lance import (
    batches,
    create_table,
    delete,
    drop_table,
    open_table,
    optimise,
    table_path,
    told,
)
from attrieve.gallery.database.layout import (
    THUMBNAIL,
    check_user_fields,
    filterable,
    table_schema,
    user_fields,
)
from attrieve.gallery.database.manifest import (
    QUERY_SIDE_NAME,
    DatabaseManifest,
    GalleryModel,
    ModelState,
)
from attrieve.gallery.database.rows import GalleryRow, complete, describe, first_of_each, in_utc
from attrieve.gallery.database.vectors import Vectors
from attrieve.gallery.manifest_file import MANIFEST_NAME, require_folder
from attrieve.gallery.quarantine import QUARANTINE_NAME

if TYPE_CHECKING:
    from lancedb.table import Table

    from attrieve.models.query_side import QuerySide

KEEP_VERSIONS = timedelta(hours=1)
"""How long compaction leaves old versions for readers that have them open."""

LOCK_NAME = "writer.lock"
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Added:
    """What became of rows handed to a writer; the three counts add up to their number."""

    added: int
    replaced: int
    already_there: int


class DatabaseWriter:
    """Changes a gallery; made by :func:`open_database_writer`.

    Every method commits before it returns. If it raises, or the process ends in it, the gallery is as it
    was before.
    """

    def __init__(self, folder: Path, manifest: DatabaseManifest) -> None:
        self.folder = folder
        self.manifest = manifest
        self._table = open_table(folder, manifest.model.table)
        self._keys: KnownKeys | None = None

    @property
    def model(self) -> GalleryModel:
        """The model whose vectors are added."""
        return self.manifest.model

    @property
    def arrow_schema(self) -> pa.Schema:
        """Names and types of all columns."""
        return self._table.schema

    def __len__(self) -> int:
        return self._table.count_rows()

    def known(self, key: str) -> bool:
        """Return whether the gallery holds a row."""
        return int(key_numbers([key])[0]) in self.known_keys()

    def known_keys(self) -> KnownKeys:
        """Return the keys of all rows, with those added since."""
        if self._keys is None:
            self._keys = KnownKeys(all_keys(self._table))
        return self._keys

    def add(self, rows: Sequence[GalleryRow] | pa.Table, vectors: Vectors) -> Added:
        """Add rows; those whose key is there already, or came before in ``rows``, are left out.

        Args:
            rows: one per vector, as objects or as a table with at least ``key`` and ``source``.
            vectors: of the gallery's model.

        Raises:
            InputError: for vectors that are not finite, not of unit length or of another width, and for
                values that do not fit their column.
            StorageError: if the disk refuses.
        """
        whole = self._whole(rows, vectors)
        keys = key_numbers(whole.column("key").combine_chunks())
        known = self.known_keys()
        first = first_of_each(keys)
        fresh = first[~known.contains(keys[first])]
        if len(fresh):
            new = whole if len(fresh) == len(whole) else whole.take(pa.array(fresh))
            with told(f"cannot add {len(fresh)} rows to {self.folder}; what was there is unharmed"):
                self._table.add(new)
            known.add(keys[fresh])
        return Added(len(fresh), 0, len(keys) - len(fresh))

    def upsert(self, rows: Sequence[GalleryRow] | pa.Table, vectors: Vectors) -> Added:
        """Add rows, in the place of those with the same keys; of equal keys in ``rows`` the first counts.

        Raises:
            InputError: as :meth:`add`.
            StorageError: if the disk refuses.
        """
        whole = self._whole(rows, vectors)
        keys = key_numbers(whole.column("key").combine_chunks())
        chosen = first_of_each(keys)
        if not len(chosen):
            return Added(0, 0, 0)
        self._delete_elsewhere(_among(whole.column("key").to_pylist()))
        with told(f"cannot write {len(chosen)} rows to {self.folder}; what was there is unharmed"):
            merge = self._table.merge_insert("key").when_matched_update_all().when_not_matched_insert_all()
            done = merge.execute(whole.take(pa.array(chosen)))
        self.known_keys().add(keys[chosen])
        return Added(done.num_inserted_rows, done.num_updated_rows, len(keys) - len(chosen))

    def _whole(self, rows: Sequence[GalleryRow] | pa.Table, vectors: Vectors) -> pa.Table:
        model = self.model
        vectors.require_sound(embedding_dim=model.embedding_dim, attributes=model.attributes)
        described = rows if isinstance(rows, pa.Table) else describe(rows, self.arrow_schema)
        return complete(described, vectors, model.fingerprint, self.arrow_schema)

    def delete(self, keys: Iterable[str]) -> int:
        """Delete rows by key, from every model's table; return how many there were.

        The bytes stay on disk until :meth:`compact` removes the old versions.
        """
        wanted = list(keys)
        key_numbers(wanted)
        if not wanted:
            return 0
        return self._delete(_among(wanted))

    def delete_where(self, wanted: Filter) -> int:
        """Delete the rows that meet a filter, from every model's table; return how many there were.

        Raises:
            InputError: for a filter without conditions; it would delete everything.
        """
        predicate = to_predicate(wanted, filterable(self.arrow_schema))
        if predicate is None:
            raise InputError("an empty filter would delete every row; give at least one condition")
        return self._delete(predicate)

    def delete_older_than(self, moment: datetime) -> int:
        """Delete rows taken before a moment; rows whose time is unknown go by when they were indexed."""
        return self._delete(older_than(moment))

    def _delete(self, predicate: str) -> int:
        """Delete from the tables of the other models first, so that a kill in between can be repeated."""
        self._delete_elsewhere(predicate)
        count = delete(self._table, predicate)
        self._keys = None
        return count

    def _delete_elsewhere(self, predicate: str) -> None:
        for model in self.manifest.models:
            if model != self.model and table_path(self.folder, model.table).is_dir():
                delete(open_table(self.folder, model.table), predicate)

    def add_user_columns(self, fields: Iterable[pa.Field]) -> None:
        """Give the gallery further columns, unknown for the rows there are.

        Raises:
            InputError: for a name or type that cannot be, or a column that is there with another type.
        """
        wanted = check_user_fields(fields)
        for model in self.manifest.models:
            table = self._table if model == self.model else open_table(self.folder, model.table)
            there = {entry.name: entry.type for entry in user_fields(table.schema)}
            for entry in wanted:
                if there.get(entry.name, entry.type) != entry.type:
                    raise InputError(f"column {entry.name!r} holds {there[entry.name]}, not {entry.type}")
            new = [entry for entry in wanted if entry.name not in there]
            if new:
                with told(f"cannot add columns to {self.folder}"):
                    table.add_columns(new)

    def compact(self, *, keep_versions: timedelta = KEEP_VERSIONS) -> None:
        """Merge small fragments, and delete old versions and whatever killed writers left.

        Args:
            keep_versions: versions younger than this stay for readers that have them open; with zero,
                readers must open the gallery anew, and deleted rows are gone from the disk.
        """
        for model in self.manifest.models:
            if table_path(self.folder, model.table).is_dir():
                optimise(self.folder, model.table, keep_versions)
        self._table = open_table(self.folder, self.model.table)
        named = {f"{model.table}.lance" for model in self.manifest.models}
        for left in self.folder.glob("rows-*.lance"):
            if left.name not in named:
                drop_table(self.folder, left.stem)

    def replace_manifest(self, manifest: DatabaseManifest) -> None:
        """Put another manifest in place, and go on with the model it names."""
        manifest.write(self.folder)
        self.manifest = manifest
        self._table = open_table(self.folder, manifest.model.table)
        self._keys = None

    def drop_model(self, fingerprint: str) -> None:
        """Forget a model and its vectors.

        Raises:
            InputError: if the gallery is searched by it.
            UnknownNameError: if it is not there.
        """
        model = self.manifest.find(fingerprint)
        if fingerprint == self.manifest.active:
            raise InputError(f"the gallery is searched by model {model.name!r}; switch to another one first")
        self.replace_manifest(self.manifest.without_model(fingerprint))
        drop_table(self.folder, model.table)

    def switch_model(self, fingerprint: str) -> None:
        """Search by another model of the gallery from now on.

        Rows added since its table was filled are missing there until it is re-embedded again.

        Raises:
            InputError: if it is still being filled.
            UnknownNameError: if it is not there.
        """
        model = self.manifest.find(fingerprint)
        if model.state is not ModelState.READY:
            raise InputError(
                f"model {model.name!r} ({model.fingerprint}) is still being filled; finish re-embedding first"
            )
        self.replace_manifest(replace(self.manifest, active=model.fingerprint))


def older_than(moment: datetime) -> str:
    """Return the predicate for rows taken before a moment, or indexed before it if their time is unknown."""
    microseconds = (in_utc(moment) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    before = f"arrow_cast({microseconds}, 'Timestamp(Microsecond, Some(\"UTC\"))')"
    return f"(`time` < {before}) OR (`time` IS NULL AND `indexed_at` < {before})"


def _among(keys: Iterable[str]) -> str:
    return "`key` IN (" + ", ".join(text_literal(key) for key in keys) + ")"


def all_keys(table: "Table") -> np.ndarray:
    """Return the keys of a table as numbers, in the order of the store."""
    parts = [key_numbers(batch.column("key")) for batch in batches(table, ["key"], rows=65_536)]
    return np.concatenate([np.zeros(0, dtype=np.uint64), *parts])


@contextmanager
def only_database_writer(folder: Path, wait_s: float = 0.0) -> Iterator[None]:
    """Hold a gallery's writer lock; the system lets it go when the process ends, however it ends.

    Args:
        folder: the gallery.
        wait_s: seconds to wait for another writer to end.

    Raises:
        GalleryBusyError: if another process still writes after that time.
    """
    until = time.monotonic() + wait_s
    while True:
        with try_lock(folder / LOCK_NAME) as mine:
            if mine:
                yield
                return
        if time.monotonic() >= until:
            waited = f" (waited {wait_s:g} s)" if wait_s else ""
            raise GalleryBusyError(f"another process is writing to {folder}{waited}; wait for it to end")
        time.sleep(_POLL_SECONDS)


def create_database(
    folder: Path | str,
    model: GalleryModel,
    *,
    query_side: "QuerySide | None" = None,
    thumbnails: bool = False,
    user_columns: Iterable[pa.Field] = (),
) -> None:
    """Make an empty gallery; nothing happens if it is there already, filled by the same model.

    Raises:
        InputError: if the folder holds something else, or a user column cannot be.
        SchemaMismatchError: if it is a gallery of another vocabulary or model.
        StorageError: if the disk refuses, or another process is writing.
    """
    with open_database_writer(
        folder, model=model, query_side=query_side, thumbnails=thumbnails, user_columns=user_columns
    ):
        pass


@contextmanager
def open_database_writer(
    folder: Path | str,
    *,
    model: GalleryModel | None = None,
    query_side: "QuerySide | None" = None,
    thumbnails: bool = False,
    user_columns: Iterable[pa.Field] = (),
    wait_s: float = 0.0,
) -> Iterator[DatabaseWriter]:
    """Open a gallery for one writer, making it if need be.

    Args:
        folder: new, empty or a gallery.
        model: whose vectors will be added; None opens whatever gallery is there.
        query_side: kept in a new gallery, so that it can be searched without the model.
        thumbnails: whether rows of a new gallery may hold little pictures.
        user_columns: further columns; added to a gallery that lacks them.
        wait_s: seconds to wait for another writer to end.

    Raises:
        SchemaMismatchError: if the gallery is one of another vocabulary or model.
        InputError: if the folder holds something that is no gallery, or is the address of object storage.
        StorageError: if the disk refuses, or another process is writing.
    """
    folder = require_folder(folder)
    fields = check_user_fields(user_columns)
    if not (folder / MANIFEST_NAME).exists():
        if model is None:
            DatabaseManifest.read(folder)  # says that it is no gallery
        _make_folder(folder)
    with only_database_writer(folder, wait_s):
        if model is not None and not (folder / MANIFEST_NAME).exists():
            _create(folder, model, query_side, thumbnails, fields)
        manifest = DatabaseManifest.read(folder)
        if model is not None:
            manifest.require_model(model)
        writer = DatabaseWriter(folder, manifest)
        if fields:
            writer.add_user_columns(fields)
        yield writer


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        others = sorted(entry.name for entry in folder.iterdir() if not _ours(entry.name))
    except OSError as error:
        raise StorageError(f"could not make {folder}: {error.strerror}; choose another folder") from error
    if others:
        raise InputError(
            f"{folder} is not a gallery and not empty (it holds {others[0]!r}); choose a new folder"
        )


def _ours(name: str) -> bool:
    """Return whether a killed creation may have left this."""
    temporary = (f".{MANIFEST_NAME}.", f".{QUARANTINE_NAME}.", "rows-")
    return name in {QUERY_SIDE_NAME, LOCK_NAME, QUARANTINE_NAME} or name.startswith(temporary)


def _create(
    folder: Path,
    model: GalleryModel,
    query_side: "QuerySide | None",
    thumbnails: bool,
    fields: list[pa.Field],
) -> None:
    save_model_query_side(folder, model, query_side)
    schema = table_schema(
        embedding_dim=model.embedding_dim,
        attributes=model.attributes,
        thumbnails=thumbnails,
        user=fields,
    )
    create_table(folder, model.table, schema)
    DatabaseManifest((model,), model.fingerprint, thumbnails).write(folder)


def save_model_query_side(folder: Path, model: GalleryModel, query_side: "QuerySide | None") -> None:
    """Keep a model's query side, if there is one.

    Raises:
        SchemaMismatchError: if it speaks another vocabulary than the model.
    """
    if query_side is None:
        return
    model.schema.require_same(query_side.schema, here=f"model {model.name!r}", there="its query side")
    from attrieve.models.checkpoint import save_query_side

    save_query_side(query_side, model.query_side_path(folder), name=model.name)


def same_rows_schema(schema: pa.Schema, model: GalleryModel) -> pa.Schema:
    """Return the columns for the same rows with the vectors of another model."""
    return table_schema(
        embedding_dim=model.embedding_dim,
        attributes=model.attributes,
        thumbnails=THUMBNAIL in schema.names,
        user=user_fields(schema),
    )
