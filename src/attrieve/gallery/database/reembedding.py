"""A gallery under a new model, while the old one stays searchable."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from jaxtyping import UInt64

from attrieve.errors import InputError
from attrieve.gallery.database.filters import text_literal
from attrieve.gallery.database.keys import key_numbers, key_text
from attrieve.gallery.database.lance import (
    batches,
    batches_of,
    create_table,
    delete,
    open_table,
    refresh,
    table_path,
    told,
)
from attrieve.gallery.database.layout import EMBEDDING, PROBABILITY, ROW_ID
from attrieve.gallery.database.manifest import GalleryModel, ModelState
from attrieve.gallery.database.rows import GalleryRow, complete, first_of_each, rows_of
from attrieve.gallery.database.vectors import Vectors
from attrieve.gallery.database.writing import (
    DatabaseWriter,
    all_keys,
    same_rows_schema,
    save_model_query_side,
)

if TYPE_CHECKING:
    from lancedb.table import Table

    from attrieve.models.query_side import QuerySide


@dataclass(frozen=True, eq=False)
class _Places:
    """Where one version of a table keeps each key, keys ascending."""

    version: int
    key: UInt64[np.ndarray, " row"]
    row_id: UInt64[np.ndarray, " row"]

    @classmethod
    def of(cls, table: "Table") -> "_Places":
        keys, ids = [np.zeros(0, np.uint64)], [np.zeros(0, np.uint64)]
        for batch in batches(table, ["key", ROW_ID], rows=65_536):
            keys.append(key_numbers(batch.column("key")))
            ids.append(batch.column(ROW_ID).to_numpy())
        key = np.concatenate(keys)
        order = np.argsort(key)
        return cls(table.version, key[order], np.concatenate(ids)[order])

    def row_ids(self, numbers: UInt64[np.ndarray, " some"]) -> UInt64[np.ndarray, " found"]:
        """Return where keys are kept; those that are not there are left out."""
        if not len(self.key):
            return self.row_id
        at = np.minimum(np.searchsorted(self.key, numbers), len(self.key) - 1)
        found: UInt64[np.ndarray, " found"] = self.row_id[at[self.key[at] == numbers]]
        return found


class Reembedding:
    """Fills a second table beside the one that is searched, then switches to it.

    Rows are committed by :meth:`put`; a killed run goes on with what is :meth:`missing`.

    Args:
        writer: of the gallery.
        model: the new one; if it has been begun before, that is gone on with.
        query_side: of the new model.

    Raises:
        SchemaMismatchError: if the gallery knows this fingerprint with another vocabulary.
        InputError: if the gallery is searched by this model already.
        StorageError: if the disk refuses.
    """

    def __init__(
        self, writer: DatabaseWriter, model: GalleryModel, query_side: "QuerySide | None" = None
    ) -> None:
        self.writer = writer
        self.model = replace(model, state=ModelState.FILLING)
        folder, manifest = writer.folder, writer.manifest
        if model.fingerprint == manifest.active:
            raise InputError(f"the gallery is searched by model {model.name!r} already; nothing to do")
        begun = [other for other in manifest.models if other.fingerprint == model.fingerprint]
        for other in begun:
            other.schema.require_same(model.schema, here="the gallery", there=f"model {model.name!r}")
        save_model_query_side(folder, model, query_side)
        if not begun or not table_path(folder, model.table).is_dir():
            create_table(folder, model.table, same_rows_schema(writer.arrow_schema, model))
        writer.replace_manifest(manifest.with_model(self.model))
        self._old = open_table(folder, manifest.model.table)
        self._new = open_table(folder, model.table)
        self._done = set(all_keys(self._new).tolist())
        self._places: _Places | None = None

    def missing(self) -> list[str]:
        """Return the keys of rows the new model has not described yet, ascending."""
        for table in (self._old, self._new):
            refresh(table)  # rows may have been added or deleted by the writer meanwhile
        left = np.setdiff1d(all_keys(self._old), all_keys(self._new))
        return [key_text(number) for number in left]

    def missing_rows(self, batch: int = 256) -> Iterator[list[GalleryRow]]:
        """Yield the rows that are missing, so that their images can be described."""
        keys = self.missing()
        for first in range(0, len(keys), batch):
            yield rows_of(self._described(keys[first : first + batch]))

    def put(self, keys: Sequence[str], vectors: Vectors) -> int:
        """Commit the new model's vectors of some rows; return how many were new.

        Raises:
            InputError: for vectors that cannot be searched, or a key the gallery does not hold.
            StorageError: if the disk refuses.
        """
        vectors.require_sound(embedding_dim=self.model.embedding_dim, attributes=self.model.attributes)
        if len(keys) != len(vectors):
            raise InputError(f"{len(keys)} keys came with {len(vectors)} vectors; give one each")
        numbers = key_numbers(keys)
        new = [place for place in first_of_each(numbers) if int(numbers[place]) not in self._done]
        chosen = np.array(new, np.int64)
        if not len(chosen):
            return 0
        wanted = [keys[place] for place in chosen]
        described = self._described(wanted)
        position = {key: place for place, key in enumerate(described.column("key").to_pylist())}
        lacking = [key for key in wanted if key not in position]
        if lacking:
            raise InputError(f"the gallery holds no row {lacking[0]!r}; re-embed only rows it holds")
        order = pa.array([position[key] for key in wanted])
        whole = complete(
            described.take(order), vectors.select(chosen), self.model.fingerprint, self._new.schema
        )
        with told(f"cannot add {len(wanted)} re-embedded rows to {self.writer.folder}"):
            self._new.add(whole)
        self._done.update(numbers[chosen].tolist())
        return len(wanted)

    def _described(self, keys: Sequence[str]) -> pa.Table:
        skipped = {EMBEDDING, PROBABILITY, "model", "checksum"}
        schema = pa.schema([field for field in self._old.schema if field.name not in skipped])
        ids = np.sort(self._row_ids(key_numbers(keys)))
        return pa.Table.from_batches(list(batches_of(self._old, ids, schema.names)), schema)

    def _row_ids(self, numbers: UInt64[np.ndarray, " some"]) -> UInt64[np.ndarray, " found"]:
        """Return where the old table keeps rows; keys it does not hold are left out.

        The keys of a version of the table are read once, not for every commit.
        """
        refresh(self._old)
        if self._places is None or self._places.version != self._old.version:
            self._places = _Places.of(self._old)
        return self._places.row_ids(numbers)

    def finish(self) -> None:
        """Search by the new model from now on; the old one stays and can be opened by its fingerprint.

        Raises:
            InputError: if rows are still missing.
        """
        left = self.missing()
        if left:
            raise InputError(f"{len(left)} rows are not re-embedded yet, the first is {left[0]!r}")
        gone = np.setdiff1d(all_keys(self._new), all_keys(self._old))
        if len(gone):
            listed = ", ".join(text_literal(key_text(number)) for number in gone)
            delete(self._new, f"`key` IN ({listed})")
        ready = replace(self.model, state=ModelState.READY)
        self.writer.replace_manifest(self.writer.manifest.with_model(ready, active=True))
