"""A gallery opened for searching: the store's rows, the query side of its model, and compact columns.

What lies in the folder: ``docs/decisions/0008-gallery-database.md`` (the store) and
:mod:`attrieve.gallery.search_cache` (what a search reads).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Int64, UInt64

from attrieve.gallery.database.filters import Filter
from attrieve.gallery.database.keys import key_numbers
from attrieve.gallery.database.manifest import GalleryModel
from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.gallery.database.rows import GalleryRow
from attrieve.gallery.filtered_places import FilteredPlaces
from attrieve.gallery.search_cache import open_search_columns
from attrieve.gallery.search_columns import SearchColumns
from attrieve.models.query_side import QuerySide
from attrieve.schema import AttributeSchema
from attrieve.scoring.fusion import Fusion


@runtime_checkable
class RowStore(Protocol):
    """What a search asks of a store; :class:`~attrieve.gallery.database.reading.GallerySnapshot` is one."""

    def parse(self, terms: Iterable[str]) -> Filter:
        """Read conditions against the columns of the store."""

    def select(self, wanted: Filter) -> UInt64[np.ndarray, " row"]:
        """Return the ids of the rows that meet a filter, ascending."""

    def rows_at(self, ids: UInt64[np.ndarray, " some"]) -> list[GalleryRow]:
        """Return the rows with these ids, in their order."""


@runtime_checkable
class SeesRows(Protocol):
    """What knows what its model saw in rows: a gallery on this machine, or one held by shards."""

    @property
    def model(self) -> GalleryModel:
        """Whose vectors are searched."""

    @property
    def query_side(self) -> QuerySide:
        """Embeds descriptions."""

    @property
    def schema(self) -> AttributeSchema:
        """The vocabulary it is asked in."""

    def seen(self, keys: Sequence[str]) -> Float32[np.ndarray, "row attribute"] | None:
        """Return the probabilities of the rows with some keys; see :meth:`Gallery.seen`."""


@dataclass(frozen=True, eq=False)
class Gallery:
    """A gallery as it was when it was opened; whatever a writer does afterwards is not seen.

    Args:
        folder: where it lies.
        model: whose vectors are searched.
        query_side: embeds descriptions as that model does.
        columns: vectors of all rows.
        store: everything else about them.
    """

    folder: Path
    model: GalleryModel
    query_side: QuerySide
    columns: SearchColumns = field(repr=False)
    store: RowStore = field(repr=False)

    def __len__(self) -> int:
        return len(self.columns)

    @property
    def schema(self) -> AttributeSchema:
        """The vocabulary it is asked in."""
        return self.model.schema

    @property
    def fusion(self) -> Fusion:
        """How distances are joined unless a search says otherwise."""
        return self.model.fusion

    def places(self, where: Filter | None) -> Int64[np.ndarray, " kept"] | None:
        """Return where the rows stand that meet a filter, ascending; None for all rows there are.

        Args:
            where: None leaves out nothing but rows that are not in the store any more.

        Raises:
            InputError: for a filter that does not fit the columns.
            StorageError: if a column it names cannot be read.
        """
        return self.columns.kept if where is None else self._filtered.of(where)

    @cached_property
    def _filtered(self) -> FilteredPlaces:
        return FilteredPlaces(lambda where: self.columns.places(self.store.select(where)))

    def facts_at(self, ids: UInt64[np.ndarray, " some"]) -> list[GalleryRow]:
        """Return the rows with these ids, in their order, whether or not with their thumbnails.

        Raises:
            StorageError: if one cannot be read.
        """
        kept = None if self.columns.facts is None else self.columns.facts.rows_at(ids)
        return self.store.rows_at(ids) if kept is None else kept

    def seen(self, keys: Sequence[str]) -> Float32[np.ndarray, "row attribute"] | None:
        """Return the probabilities of the attributes in the rows with some keys, in their order.

        None for a model that recognises none.

        Raises:
            UnknownNameError: for a row that is not in the gallery, with the nearest keys.
            InputError: for what is no key, or a gallery without rows.
        """
        places = self.columns.places_of_keys(key_numbers(keys))
        for key, place in zip(keys, places, strict=True):
            if place < 0:
                raise self.columns.keys_like(key).unknown_row(key)
        return self.columns.vectors(places).probability

    @classmethod
    def open(cls, folder: Path | str, *, model: str | None = None) -> "Gallery":
        """Open a gallery folder.

        The first time, and after changes, the columns for searching are made from the store, which takes
        some seconds for a million rows; then they are mapped from files.

        Args:
            folder: the gallery.
            model: fingerprint of one of its models, or None for the one it is searched by.

        Raises:
            InputError: if the folder is no gallery, or the model is still being filled.
            StorageError: if it cannot be read.
            CheckpointError: if the query side cannot be read; galleries of imported vectors may have none.
        """
        snapshot = GallerySnapshot.open(folder, model=model)
        query_side = snapshot.query_side()
        return cls(snapshot.folder, snapshot.model, query_side, open_search_columns(snapshot), snapshot)
