"""The k nearest rows by the fused distance, exactly, in one pass over the compact columns."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, Integer, UInt64
from numpy import ndarray

from attrieve.errors import InputError
from attrieve.gallery.exact.bounds import PreparedQuery, prepare
from attrieve.gallery.exact.columns import CompactColumns
from attrieve.gallery.exact.kept import KeptDistances, keep_distances
from attrieve.gallery.exact.maxima import Maxima, exact_maxima, pilot_mixes
from attrieve.gallery.exact.nearest import Found, nearest_rows
from attrieve.gallery.exact.parts import select_parts
from attrieve.gallery.exact.query import FusedQuery
from attrieve.gallery.exact.scan import Scanner
from attrieve.gallery.exact.summary import Summary
from attrieve.gallery.exact.threads import default_threads
from attrieve.scoring.fusion import Fusion, Normalisation

MOST_KEPT_DISTANCES = 2**15
"""Rows times queries up to which all distances are kept, 8 bytes each."""

MOST_TOGETHER = 128
"""Queries that share a pass, at most: each holds 16 bytes for every 64 rows until it is answered."""

_NO_FLOATS = np.empty(0, dtype=np.float32)
_NOTHING: Found = (np.empty(0, dtype=np.int64), _NO_FLOATS, _NO_FLOATS, _NO_FLOATS)


@dataclass(frozen=True, eq=False)
class ExactHits:
    """The nearest rows of each query, nearest first; equal distances by tie, then in row order.

    Args:
        indices: positions among all rows.
        distance: fused, rounded from float64 once.
        attribute_distance: of the same rows, before weights; 0 where attributes take no part.
        embedding_distance: the same.
        maxima: what attribute and embedding distance were divided by; where it is 0 the side adds 0.
    """

    indices: Int64[ndarray, "query found"]
    distance: Float32[ndarray, "query found"]
    attribute_distance: Float32[ndarray, "query found"]
    embedding_distance: Float32[ndarray, "query found"]
    maxima: Float64[ndarray, "query 2"]


@dataclass(frozen=True, eq=False)
class StartedSearch:
    """A search whose rows were scanned, and which waits for the maxima distances are divided by.

    Rows spread over several places are searched as one: start a search in each, take the elementwise
    maximum of ``maxima`` over all, finish each with it, and merge the hits by distance and tie. The
    result is that of a search over all rows in one place.

    Args:
        maxima: attribute and embedding distance, the largest of the rows kept; for ``matrix`` of all
            queries together, so that the rows are equal. 0 where no row is kept or a side takes no part.
            For ``static`` what it always is.
    """

    maxima: Float64[ndarray, "query 2"]
    _scanner: Scanner
    _prepared: tuple[PreparedQuery, ...]
    _looked: tuple[Summary | KeptDistances, ...]
    _fusion: Fusion
    _rows: int

    def finish(
        self,
        k: int,
        maxima: Float64[ndarray, "query 2"] | None = None,
        *,
        tie: UInt64[ndarray, " row"] | None = None,
    ) -> ExactHits:
        """Return the ``k`` nearest rows under the maxima handed in; may be asked several times.

        Args:
            k: how many rows, at least 1; fewer come back if fewer are kept.
            maxima: the largest distances there are, at least those of the rows kept here; None for these.
            tie: a number for each row, such as its key; see :func:`search_exact`.

        Raises:
            InputError: for ``k`` below 1, maxima of another shape or below those of the rows kept here, or
                ties that do not cover all rows.
        """
        most = self.maxima if maxima is None else self._checked(maxima)
        return _together(self._nearest([k] * len(self._prepared), most, tie), most)

    def finish_each(
        self, most: Sequence[int], *, tie: UInt64[ndarray, " row"] | None = None
    ) -> list[ExactHits]:
        """Return the hits of each query by itself, under the maxima of the rows kept here.

        Args:
            most: how many rows of each query, at least 1.
            tie: as in :meth:`finish`, and so are the errors.
        """
        found = self._nearest(most, self.maxima, tie)
        return [_together([rows], self.maxima[number : number + 1]) for number, rows in enumerate(found)]

    def _nearest(
        self, most: Sequence[int], maxima: Float64[ndarray, "query 2"], tie: UInt64[ndarray, " row"] | None
    ) -> list[Found]:
        if min(most, default=1) < 1:
            raise InputError(f"ask for at least 1 nearest row, got {min(most)}")
        if tie is not None and tie.shape != (self._rows,):
            raise InputError(f"each of the {self._rows} rows needs a tie, got an array of shape {tie.shape}")
        found = [_NOTHING] * len(self._prepared)

        def find(scanner: Scanner, number: int) -> None:
            query, looked = self._prepared[number], self._looked[number]
            k, own = min(most[number], self._scanner.rows), Maxima(*maxima[number].tolist())
            found[number] = nearest_rows(scanner, query, looked, own, self._fusion, k, tie)

        if self._looked:
            self._scanner.for_each(self._prepared, find)
        return found

    def _checked(self, maxima: Float64[ndarray, "query 2"]) -> Float64[ndarray, "query 2"]:
        if maxima.shape != self.maxima.shape:
            raise InputError(
                f"maxima have a row for each query and two columns, {self.maxima.shape}; got {maxima.shape}"
            )
        if not (np.isfinite(maxima) & (maxima >= self.maxima)).all():
            raise InputError(
                "maxima must be finite and not below those of the rows searched here; hand in the "
                "elementwise maximum over all started searches, this one included"
            )
        if self._fusion.normalisation is Normalisation.MATRIX:
            return np.broadcast_to(maxima.max(axis=0, initial=0.0), maxima.shape)
        return maxima


def start_search(
    columns: CompactColumns,
    queries: Sequence[FusedQuery],
    *,
    keep: Bool[ndarray, " row"] | Integer[ndarray, " kept"] | None = None,
    threads: int | None = None,
) -> StartedSearch:
    """Scan the rows once and find the maxima; arguments and errors are those of :func:`search_exact`.

    >>> columns = CompactColumns.from_float(probability=np.array([[0.9], [0.1], [0.6]], np.float32))
    >>> started = start_search(columns, [FusedQuery(target=np.array([1.0]))])
    >>> started.maxima.round(3).tolist()
    [[0.9, 0.0]]
    >>> started.finish(2, np.array([[1.8, 0.0]])).indices.tolist()
    [[0, 2]]
    """
    _require_one_fusion(queries)
    prepared = tuple(prepare(query, columns.dim, columns.attributes) for query in queries)
    scanner = Scanner(select_parts(columns, keep), threads or default_threads())
    fusion = queries[0].fusion if queries else Fusion()
    looked: tuple[Summary | KeptDistances, ...] = ()
    if not scanner.blocks:
        pass
    elif len(prepared) * scanner.rows <= MOST_KEPT_DISTANCES:
        looked = tuple(keep_distances(scanner.parts, prepared, scanner.threads))
    else:
        looked = tuple(scanner.summarise(prepared, pilot_mixes(scanner, prepared, fusion)))
    maxima = exact_maxima(scanner, prepared, looked, fusion.normalisation)
    return StartedSearch(_table(maxima), scanner, prepared, looked, fusion, len(columns))


def search_exact(
    columns: CompactColumns,
    queries: Sequence[FusedQuery],
    k: int,
    *,
    keep: Bool[ndarray, " row"] | Integer[ndarray, " kept"] | None = None,
    tie: UInt64[ndarray, " row"] | None = None,
    threads: int | None = None,
) -> ExactHits:
    """Return the ``k`` nearest rows of each query: those a full scan in float64 would return.

    The distance is that of :class:`~attrieve.gallery.exact.query.FusedQuery`, computed in float64 from
    the float32 columns and rounded to float32 once. Maxima run over the rows kept, for ``matrix`` over
    all queries as well; where the maximum is 0 the side adds 0. Method: ``docs/methods/exact_search.md``.

    Args:
        columns: what to search.
        queries: of one fusion; up to 128 share a pass, and ``matrix`` of more needs two.
        k: how many rows, at least 1; fewer come back if fewer are kept.
        keep: a mask over all rows, or positions of the rows to look at; None for all.
        tie: a number for each row, such as its key: rows of equal distance are ordered by it, at the cut
            after ``k`` rows as well, and by position where it is equal, too. None for position alone.
        threads: None for all cores. Many callers may search at once.

    Raises:
        InputError: for ``k`` below 1, queries of several fusions, a filter, ties or a query that do not
            fit the columns.

    >>> columns = CompactColumns.from_float(probability=np.array([[0.9], [0.1], [0.6]], np.float32))
    >>> hits = search_exact(columns, [FusedQuery(target=np.array([1.0]))], 2)
    >>> hits.indices.tolist(), hits.attribute_distance.round(3).tolist()
    ([[0, 2]], [[0.10000000149011612, 0.4000000059604645]])
    """
    if k < 1:
        raise InputError(f"ask for at least 1 nearest row, got {k}")
    _require_one_fusion(queries)
    if len(queries) <= MOST_TOGETHER:
        return start_search(columns, queries, keep=keep, threads=threads).finish(k, tie=tie)
    groups = [queries[at : at + MOST_TOGETHER] for at in range(0, len(queries), MOST_TOGETHER)]
    most = None
    if queries[0].fusion.normalisation is Normalisation.MATRIX:
        # A pass of its own, so that memory stays bounded whatever the number of queries.
        searches = (start_search(columns, group, keep=keep, threads=threads) for group in groups)
        most = np.max([search.maxima[0] for search in searches], axis=0)
    hits = [
        start_search(columns, group, keep=keep, threads=threads).finish(
            k, None if most is None else np.broadcast_to(most, (len(group), 2)), tie=tie
        )
        for group in groups
    ]
    return ExactHits(
        np.concatenate([found.indices for found in hits]),
        np.concatenate([found.distance for found in hits]),
        np.concatenate([found.attribute_distance for found in hits]),
        np.concatenate([found.embedding_distance for found in hits]),
        np.concatenate([found.maxima for found in hits]),
    )


def search_each(
    columns: CompactColumns,
    queries: Sequence[FusedQuery],
    most: Sequence[int],
    *,
    keep: Bool[ndarray, " row"] | Integer[ndarray, " kept"] | None = None,
    tie: UInt64[ndarray, " row"] | None = None,
    threads: int | None = None,
) -> list[ExactHits]:
    """Return for each query what a search for it alone returns; those of one fusion share passes.

    Args:
        columns: what to search.
        queries: of any fusions.
        most: how many rows each query asks for, at least 1.
        keep: as in :func:`search_exact`, and so are ``tie`` and ``threads``.

    Raises:
        InputError: as :func:`search_exact`, for any of the queries; and for another number of ``most``.

    >>> columns = CompactColumns.from_float(probability=np.array([[0.9], [0.1], [0.6]], np.float32))
    >>> wanted, unwanted = (FusedQuery(target=np.array([target])) for target in (1.0, 0.0))
    >>> [hits.indices.tolist() for hits in search_each(columns, [wanted, unwanted], [2, 1])]
    [[[0, 2]], [[1]]]
    """
    if len(queries) != len(most):
        raise InputError(f"each of {len(queries)} queries needs a number of rows, {len(most)} came")
    groups: dict[Fusion, list[int]] = {}
    for number, query in enumerate(queries):
        groups.setdefault(_by_itself(query.fusion), []).append(number)
    found: dict[int, ExactHits] = {}
    for fusion, numbers in groups.items():
        for first in range(0, len(numbers), MOST_TOGETHER):
            chosen = numbers[first : first + MOST_TOGETHER]
            asked = [queries[number].with_fusion(fusion) for number in chosen]
            started = start_search(columns, asked, keep=keep, threads=threads)
            hits = started.finish_each([most[number] for number in chosen], tie=tie)
            found.update(zip(chosen, hits, strict=True))
    return [found[number] for number in range(len(queries))]


def _by_itself(fusion: Fusion) -> Fusion:
    """Return a fusion whose maxima no other query has a part in; of a query alone it is the same."""
    if fusion.normalisation is Normalisation.MATRIX:
        return replace(fusion, normalisation=Normalisation.QUERY)
    return fusion


def _require_one_fusion(queries: Sequence[FusedQuery]) -> None:
    if len({query.fusion for query in queries}) > 1:
        raise InputError("queries of one search need the same fusion; search for each fusion by itself")


def _table(maxima: Sequence[Maxima]) -> Float64[ndarray, "query 2"]:
    return np.array(maxima, dtype=np.float64).reshape(-1, 2)


def _together(found: Sequence[Found], maxima: Float64[ndarray, "query 2"]) -> ExactHits:
    rows, distance, attribute, embedding = (
        np.stack([hits[column] for hits in found]) if found else nothing.reshape(0, 0)
        for column, nothing in enumerate(_NOTHING)
    )
    return ExactHits(rows, distance, attribute, embedding, maxima)
