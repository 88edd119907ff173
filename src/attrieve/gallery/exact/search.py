"""The k nearest rows by the fused distance, exactly, in one pass over the compact columns."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int64, Integer
from numpy import ndarray

from attrieve.errors import InputError
from attrieve.gallery.exact.bounds import prepare
from attrieve.gallery.exact.columns import CompactColumns
from attrieve.gallery.exact.maxima import exact_maxima, pilot_mixes
from attrieve.gallery.exact.nearest import nearest_rows
from attrieve.gallery.exact.parts import select_parts
from attrieve.gallery.exact.query import FusedQuery
from attrieve.gallery.exact.scan import Scanner
from attrieve.gallery.exact.threads import default_threads


@dataclass(frozen=True, eq=False)
class ExactHits:
    """The nearest rows of each query, nearest first; equal distances in row order.

    Args:
        indices: positions among all rows.
        distance: fused, rounded from float64 once.
        attribute_distance: of the same rows, before weights; 0 where attributes take no part.
        embedding_distance: the same.
    """

    indices: Int64[ndarray, "query found"]
    distance: Float32[ndarray, "query found"]
    attribute_distance: Float32[ndarray, "query found"]
    embedding_distance: Float32[ndarray, "query found"]


def search_exact(
    columns: CompactColumns,
    queries: Sequence[FusedQuery],
    k: int,
    *,
    keep: Bool[ndarray, " row"] | Integer[ndarray, " kept"] | None = None,
    threads: int | None = None,
) -> ExactHits:
    """Return the ``k`` nearest rows of each query: those a full scan in float64 would return.

    The distance is that of :class:`~attrieve.gallery.exact.query.FusedQuery`, computed in float64 from
    the float32 columns and rounded to float32 once. Maxima run over the rows kept, for ``matrix`` over
    all queries as well; where the maximum is 0 the side adds 0. Method: ``docs/methods/exact_search.md``.

    Args:
        columns: what to search.
        queries: of one fusion; together they share one pass.
        k: how many rows, at least 1; fewer come back if fewer are kept.
        keep: a mask over all rows, or positions of the rows to look at; None for all.
        threads: None for all cores. Many callers may search at once.

    Raises:
        InputError: for ``k`` below 1, queries of several fusions, a filter that does not fit, or a query
            that does not fit the columns.

    >>> columns = CompactColumns.from_float(probability=np.array([[0.9], [0.1], [0.6]], np.float32))
    >>> hits = search_exact(columns, [FusedQuery(target=np.array([1.0]))], 2)
    >>> hits.indices.tolist(), hits.attribute_distance.round(3).tolist()
    ([[0, 2]], [[0.10000000149011612, 0.4000000059604645]])
    """
    if k < 1:
        raise InputError(f"ask for at least 1 nearest row, got {k}")
    if len({query.fusion for query in queries}) > 1:
        raise InputError("queries of one search need the same fusion; search for each fusion by itself")
    prepared = [prepare(query, columns.dim, columns.attributes) for query in queries]
    scanner = Scanner(select_parts(columns, keep), threads or default_threads())
    if not prepared or not scanner.blocks:
        return _no_hits(len(prepared))
    k = min(k, sum(part.rows for part in scanner.parts))
    fusion = queries[0].fusion
    summaries = scanner.summarise(prepared, mixes := pilot_mixes(scanner, prepared, fusion))
    maxima = exact_maxima(scanner, prepared, summaries, fusion.normalisation)
    found = [
        nearest_rows(scanner, query, summary, mix, most, fusion, k)
        for query, summary, mix, most in zip(prepared, summaries, mixes, maxima, strict=True)
    ]
    return ExactHits(*(np.stack(column) for column in zip(*found, strict=True)))


def _no_hits(queries: int) -> ExactHits:
    nothing = np.empty((queries, 0), dtype=np.float32)
    return ExactHits(nothing.astype(np.int64), nothing, nothing, nothing)
