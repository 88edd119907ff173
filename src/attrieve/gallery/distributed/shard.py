"""One worker of searching: some rows of one snapshot, held as compact columns. Runs on any machine."""

import threading
import warnings
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float32, Float64, Int64, UInt64

import attrieve
from attrieve.errors import ClusterError, StorageError
from attrieve.gallery.database.filters import Filter, to_predicate
from attrieve.gallery.database.keys import KeysLike
from attrieve.gallery.database.lance import batches, batches_of, row_ids, table_in_memory
from attrieve.gallery.database.layout import ROW_ID, filterable
from attrieve.gallery.database.manifest import GalleryModel
from attrieve.gallery.database.reading import DamagedGalleryWarning, GallerySnapshot
from attrieve.gallery.exact import CompactColumns, FusedQuery, StartedSearch, start_search
from attrieve.gallery.exact.segment import Segment
from attrieve.gallery.found_rows import FoundRows
from attrieve.gallery.likelihood import LikelihoodQuery, match_sum, search_likelihood
from attrieve.gallery.likelihood.asked import MatchQuery
from attrieve.gallery.search_cache import SEGMENT_ROWS
from attrieve.gallery.search_columns import SearchColumns

if TYPE_CHECKING:
    from lancedb.table import Table

_STARTED_AT_ONCE = 16
"""Searches that wait for the other shards; older ones are scanned again if they are asked for after all."""

_FILTER_COLUMNS_AT_ONCE = 8
_PLACE = "_place"
"""Column of positions; no column of a gallery's own begins like this."""


@dataclass(frozen=True)
class ShardSettings:
    """Which rows a shard holds.

    Args:
        folder: of the gallery, on storage that every machine sees at this path.
        model: fingerprint of the model whose vectors are searched.
        version: of its table; the same for all shards, so that together they are one snapshot.
        first: id of its first row.
        last: id of its last row; it holds all that lie between.
        rows: how many these are.
        threads: that scan, or None for all cores of the machine.
        attrieve_version: of the machine that asks.
    """

    folder: Path
    model: str
    version: int
    first: int
    last: int
    rows: int
    threads: int | None = None
    attrieve_version: str = attrieve.__version__


@dataclass(frozen=True)
class ShardSearch:
    """What is asked of every shard.

    Args:
        name: no other search has it.
        query: the description as numbers.
        where: only rows that meet this take part, or None for all.
        likely: the description for a search by likelihood, or None for the paper's distance.
        embedding: whether found rows bring their unit vectors along.
    """

    name: str
    query: FusedQuery
    where: Filter | None = None
    likely: LikelihoodQuery | None = None
    embedding: bool = False


@dataclass(frozen=True)
class ShardFacts:
    """What a shard holds.

    Args:
        rows: fewer than it was given if some cannot be read.
        problems: fragments that cannot be read, for people.
    """

    rows: int
    problems: tuple[str, ...] = ()


class GalleryShard:
    """Loads its rows when it is first asked, so that a copy started elsewhere answers like the first.

    Every method may be called again with the same arguments, by several threads, and on a copy that never
    saw the calls before.
    """

    def __init__(self, settings: ShardSettings) -> None:
        self._settings = settings
        self._loading = threading.Lock()
        self._loaded: tuple[GallerySnapshot, SearchColumns, ShardFacts] | None = None
        self._started: OrderedDict[str, StartedSearch] = OrderedDict()
        self._filtering: OrderedDict[tuple[str, ...], Table] = OrderedDict()
        self._keeping = threading.Lock()

    def load(self) -> ShardFacts:
        """Have the rows in memory, and say what there is.

        Raises:
            ClusterError: if this machine has another version of attrieve than the one that asks.
            InputError: if this machine sees no gallery in the folder.
            StorageError: if the gallery cannot be read, or the version is gone.
        """
        return self._rows()[2]

    def start(self, search: ShardSearch) -> Float64[np.ndarray, "query 2"]:
        """Scan the rows, and return the largest distances there are.

        Raises:
            Exception: as :meth:`load`, and for a query that does not fit.
        """
        return self._start(search).maxima

    def finish(self, search: ShardSearch, k: int, maxima: Float64[np.ndarray, "query 2"]) -> FoundRows:
        """Return the ``k`` nearest rows under the maxima of all shards.

        A likelihood is divided by no maxima and needs no start.

        Raises:
            Exception: as :meth:`start`.
        """
        if search.likely is not None:
            columns, compact = self._columns()
            found = search_likelihood(
                compact,
                search.likely,
                k,
                keep=self._keep(search.where),
                tie=columns.key,
                threads=self._settings.threads,
            )
            return FoundRows.of(columns, found, search.query, embedding=search.embedding)
        started = self._start(search)
        columns = self._rows()[1]
        found = started.finish(k, maxima, tie=columns.key)
        with self._keeping:
            self._started.pop(search.name, None)
        return FoundRows.of(columns, found, search.query, embedding=search.embedding)

    def matches(self, asked: MatchQuery, where: Filter | None) -> float:
        """Return how many of the rows are expected to match: the sum of P(match).

        Raises:
            Exception: as :meth:`start`.
        """
        return match_sum(self._columns()[1], asked, keep=self._keep(where), threads=self._settings.threads)

    def seen(
        self, keys: UInt64[np.ndarray, " some"]
    ) -> tuple[Bool[np.ndarray, " some"], Float32[np.ndarray, "here attribute"] | None]:
        """Return which of some rows are here, and what the model saw in these; None if it recognises nothing.

        Raises:
            Exception: as :meth:`load`.
        """
        columns = self._columns()[0]
        places = columns.places_of_keys(keys)
        here = places >= 0
        return here, columns.vectors(places[here]).probability

    def keys_like(self, key: str) -> KeysLike:
        """Return keys of rows here that may have been meant by one that is nowhere.

        Raises:
            Exception: as :meth:`load`.
        """
        return self._columns()[0].keys_like(key)

    def _start(self, search: ShardSearch) -> StartedSearch:
        with self._keeping:
            started = self._started.get(search.name)
        if started is not None:
            return started
        started = start_search(
            self._columns()[1],
            [search.query],
            keep=self._keep(search.where),
            threads=self._settings.threads,
        )
        with self._keeping:
            self._started[search.name] = started
            while len(self._started) > _STARTED_AT_ONCE:
                self._started.popitem(last=False)
        return started

    def _columns(self) -> tuple[SearchColumns, CompactColumns]:
        columns = self._rows()[1]
        if columns.compact is None:
            raise AssertionError("a shard's columns have a segment, be it an empty one")
        return columns, columns.compact

    def _keep(self, where: Filter | None) -> Int64[np.ndarray, " kept"] | None:
        return None if where is None else self._kept(where)

    def _rows(self) -> tuple[GallerySnapshot, SearchColumns, ShardFacts]:
        with self._loading:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded

    def _load(self) -> tuple[GallerySnapshot, SearchColumns, ShardFacts]:
        settings = self._settings
        if attrieve.__version__ != settings.attrieve_version:
            raise ClusterError(
                f"a machine of the cluster has attrieve {attrieve.__version__}, the one that asks has "
                f"{settings.attrieve_version}; install the same on all"
            )
        snapshot = GallerySnapshot.open(settings.folder, model=settings.model, version=settings.version)
        between = f"{ROW_ID} >= {settings.first} AND {ROW_ID} <= {settings.last}"
        wanted = row_ids(snapshot.table, between)
        if len(wanted) != settings.rows:
            raise StorageError(
                f"{settings.folder} has {len(wanted)} rows for a shard of {settings.rows}; is it the same "
                "gallery on all machines?"
            )
        segments, keys, ids = [_empty(snapshot.model)], [wanted[:0]], [wanted[:0]]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", DamagedGalleryWarning)
            for part in snapshot.stored_rows(wanted, at_once=SEGMENT_ROWS):
                segments.append(Segment.from_float(part.vectors.embedding, part.vectors.probability))
                keys.append(part.key)
                ids.append(part.row_id)
        problems = tuple(
            str(warned.message) for warned in caught if issubclass(warned.category, DamagedGalleryWarning)
        )
        columns = SearchColumns(CompactColumns(tuple(segments)), np.concatenate(keys), np.concatenate(ids))
        return snapshot, columns, ShardFacts(len(columns), problems)

    def _kept(self, where: Filter) -> Int64[np.ndarray, " kept"]:
        """Return the places of rows that meet a filter.

        Lance cannot look at some rows of a large table without looking at all, so the columns a filter
        names are kept as a table of this shard's rows alone, which the same engine filters.
        """
        snapshot, columns, _ = self._rows()
        known = filterable(snapshot.arrow_schema)
        predicate = to_predicate(where, known)
        if predicate is None:
            return np.arange(len(columns))
        names = tuple(sorted({condition.column for condition in where.conditions}))
        with self._keeping:
            table = self._filtering.get(names)
            if table is None:
                table = self._filtering[names] = self._filter_table(names)
                while len(self._filtering) > _FILTER_COLUMNS_AT_ONCE:
                    self._filtering.popitem(last=False)
        found = [part.column(_PLACE).to_numpy() for part in batches(table, [_PLACE], predicate)]
        places: Int64[np.ndarray, " kept"] = np.sort(np.concatenate([np.zeros(0, np.int64), *found]))
        return places

    def _filter_table(self, names: tuple[str, ...]) -> "Table":
        snapshot, columns, _ = self._rows()
        schema = pa.schema([snapshot.arrow_schema.field(name) for name in names])
        read = pa.Table.from_batches(batches_of(snapshot.table, columns.row_id, names), schema)
        return table_in_memory(read.append_column(_PLACE, pa.array(np.arange(len(read)))))


def _empty(model: GalleryModel) -> Segment:
    """Return a segment without rows, so that a shard of which nothing can be read is searched like any."""
    widths = (model.embedding_dim, model.attributes)
    return Segment.from_float(
        *(None if width is None else np.zeros((0, width), np.float32) for width in widths)
    )
