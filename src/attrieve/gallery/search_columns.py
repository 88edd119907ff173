"""What a search of a gallery reads: compact columns, keys, and where the store keeps each row."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Int64, UInt64

from attrieve.errors import InputError
from attrieve.gallery.database.keys import KeysLike
from attrieve.gallery.database.vectors import Vectors
from attrieve.gallery.exact import CompactColumns
from attrieve.gallery.row_facts import RowFacts


@dataclass(frozen=True, eq=False)
class SearchColumns:
    """The rows of a gallery as an exact search takes them, in the order of the store.

    Args:
        compact: codes and floats, or None if there are no rows.
        key: of each row, as numbers; ties resolve by them.
        row_id: where the store keeps each row.
        kept: places of the rows that are searched, ascending, or None for all.
        facts: what is known of the rows, where it is kept beside the columns.
    """

    compact: CompactColumns | None
    key: UInt64[np.ndarray, " row"]
    row_id: UInt64[np.ndarray, " row"]
    kept: Int64[np.ndarray, " kept"] | None = None
    facts: RowFacts | None = None

    def __len__(self) -> int:
        return len(self.key) if self.kept is None else len(self.kept)

    @cached_property
    def _by_id(self) -> Int64[np.ndarray, " row"] | None:
        """Places in the order of ids, or None if they stand in it already."""
        if (self.row_id[1:] > self.row_id[:-1]).all():
            return None
        return np.argsort(self.row_id, kind="stable")

    @cached_property
    def _by_key(self) -> Int64[np.ndarray, " row"]:
        """Places in the order of keys."""
        return np.argsort(self.key, kind="stable")

    @classmethod
    def of(cls, vectors: Vectors | None, key: UInt64[np.ndarray, " row"]) -> "SearchColumns":
        """Return columns of rows in memory; their ids are their places."""
        ids = np.arange(len(key), dtype=np.uint64)
        if vectors is None or not len(vectors):
            return cls(None, key[:0], ids[:0])
        return cls(CompactColumns.from_float(vectors.embedding, vectors.probability), key, ids)

    def places(self, ids: UInt64[np.ndarray, " some"]) -> Int64[np.ndarray, " found"]:
        """Return where the searched rows with these ids stand, ascending; ids not here are left out.

        Args:
            ids: of rows, ascending, as a filter of the store gives them.
        """
        if not len(self.row_id):
            return np.zeros(0, dtype=np.int64)
        sorter = self._by_id
        at = np.minimum(np.searchsorted(self.row_id, ids, sorter=sorter), len(self.row_id) - 1)
        near = at if sorter is None else sorter[at]
        found = np.sort(near[self.row_id[near] == ids].astype(np.int64))
        return found if self.kept is None else np.intersect1d(found, self.kept, assume_unique=True)

    def places_of_keys(self, keys: UInt64[np.ndarray, " some"]) -> Int64[np.ndarray, " some"]:
        """Return where the searched rows with these keys stand, in the order of the keys; -1 if not here.

        The first time the keys are sorted, a tenth of a second for a million rows.
        """
        if not len(self.key):
            return np.full(len(keys), -1, dtype=np.int64)
        sorter = self._by_key
        at = np.minimum(np.searchsorted(self.key, keys, side="right", sorter=sorter), len(self.key)) - 1
        near = sorter[np.maximum(at, 0)]
        here = self.key[near] == keys
        if self.kept is not None:
            spot = np.minimum(np.searchsorted(self.kept, near), max(len(self.kept) - 1, 0))
            here &= self.kept[spot] == near if len(self.kept) else False
        return np.where(here, near, -1).astype(np.int64)

    def keys_like(self, key: str) -> KeysLike:
        """Return keys of searched rows that may have been meant by one that is not here.

        Raises:
            InputError: for what is no key.
        """
        return KeysLike.of(key, self.key if self.kept is None else self.key[self.kept])

    def vectors(self, places: Int64[np.ndarray, " some"]) -> Vectors:
        """Return the float32 vectors of some rows, in the order asked.

        Raises:
            InputError: if there are no rows at all.
        """
        if self.compact is None:
            raise InputError("the gallery has no rows")
        segments = self.compact.segments
        starts = np.cumsum([0, *(segment.rows for segment in segments)])
        own = np.searchsorted(starts, places, side="right") - 1
        columns: dict[str, np.ndarray] = {}
        for number, segment in enumerate(segments):
            chosen = own == number
            for name, column in segment.exact_arrays().items():
                into = columns.setdefault(name, np.empty((len(places), column.shape[1]), np.float32))
                into[chosen] = column[places[chosen] - starts[number]]
        return Vectors(**columns)
