"""The k likeliest rows, exactly, and how many rows match; one pass over the float columns that are named."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, Integer, UInt64
from numpy import ndarray

from attrieve.errors import InputError
from attrieve.gallery.exact import CompactColumns, ExactHits
from attrieve.gallery.exact.parts import Part, select_parts
from attrieve.gallery.exact.threads import default_threads, run_all
from attrieve.gallery.likelihood.asked import LikelihoodQuery, MatchQuery
from attrieve.gallery.likelihood.kernels import match, rate
from attrieve.gallery.likelihood.tables import (
    FLOAT32_SLACK,
    EventTables,
    look_up_distances,
    look_up_matches,
)

SHARE_ROWS = 1 << 14
"""Rows rated at a time by one thread, at most."""

LEAST_PRUNED = 4096
"""Rows up to which all are rated in float64 at once."""

_NO_VECTOR = np.empty(0)
_NO_VECTOR32 = np.empty(0, dtype=np.float32)
_NO_FLOATS = np.empty((0, 0), dtype=np.float32)

Keep = Bool[ndarray, " row"] | Integer[ndarray, " kept"] | None


def search_likelihood(
    columns: CompactColumns,
    query: LikelihoodQuery,
    k: int,
    *,
    keep: Keep = None,
    tie: UInt64[ndarray, " row"] | None = None,
    threads: int | None = None,
) -> ExactHits:
    """Return the ``k`` nearest rows by likelihood: those a full scan in float64 would return.

    Distances of all rows are looked up in tables whose errors are bounded; the rows that can be among the
    nearest are then rated. The distance is that of
    :class:`~attrieve.gallery.likelihood.asked.LikelihoodQuery`, computed in float64
    from the float32 columns and rounded to float32 once; equal distances are ordered by ``tie``, then by
    position.

    Args:
        columns: what to search; they hold probabilities.
        query: the description.
        k: how many rows, at least 1; fewer come back if fewer are kept.
        keep: a mask over all rows, or positions of the rows to look at; None for all.
        tie: a number for each row, such as its key.
        threads: None for all cores.

    Raises:
        InputError: for ``k`` below 1, columns without probabilities, or a query, ties or filter that do not
            fit them.
    """
    if k < 1:
        raise InputError(f"ask for at least 1 nearest row, got {k}")
    if tie is not None and tie.shape != (len(columns),):
        raise InputError(f"each of the {len(columns)} rows needs a tie, got an array of shape {tie.shape}")
    vector = query.embedding if query.asks_embedding and columns.dim is not None else None
    _check(columns, query.arrays.needed, vector)
    parts = select_parts(columns, keep)
    workers = threads or default_threads()
    if sum(part.rows for part in parts) > LEAST_PRUNED:
        parts = _among(parts, _candidates(parts, query, vector, k, workers))
    attribute = np.empty(sum(part.rows for part in parts))
    embedding = np.empty_like(attribute)
    tasks: list[Callable[[], None]] = []
    for part, here in _shares(parts):
        tasks += [
            partial(_rate, part, first, last, query, vector, attribute[here], embedding[here])
            for first, last in _steps(part.rows)
        ]
    run_all(tasks, workers)
    with np.errstate(over="ignore"):
        fused = (attribute + query.nats * embedding if vector is not None else attribute).astype(np.float32)
    rows = np.concatenate(
        [np.zeros(0, np.int64), *(part.global_rows(np.arange(part.rows)) for part in parts)]
    )
    chosen = _nearest(fused, rows, k, tie)
    return ExactHits(
        indices=rows[chosen][None],
        distance=fused[chosen][None],
        attribute_distance=attribute[chosen].astype(np.float32)[None],
        embedding_distance=embedding[chosen].astype(np.float32)[None],
        maxima=np.ones((1, 2)),
    )


def _candidates(
    parts: tuple[Part, ...], query: LikelihoodQuery, vector: ndarray | None, k: int, threads: int
) -> Bool[ndarray, " kept"]:
    """Return which rows can be among the nearest, by distances looked up and how far they may err."""
    tables = EventTables.of(query.arrays, matching=False)
    about = np.empty(sum(part.rows for part in parts), dtype=np.float32)
    own = _NO_VECTOR32 if vector is None else vector.astype(np.float32)
    tasks: list[Callable[[], None]] = []
    for part, here in _shares(parts):
        tasks += [
            partial(
                look_up_distances,
                first,
                last,
                *_listed(part.ids),
                part.segment.exact_probability,
                *tables.arrays(),
                _NO_FLOATS if vector is None else part.segment.exact_embedding,
                own,
                query.nats,
                about[here],
            )
            for first, last in _steps(part.rows)
        ]
    run_all(tasks, threads)
    last = min(k, len(about)) - 1
    bound = float(np.partition(about, last)[last])
    error = tables.error + (query.nats * FLOAT32_SLACK if vector is not None else 0.0)
    limit = bound + 2 * (error + FLOAT32_SLACK * (1 + abs(bound)))
    return np.asarray(about <= limit)


def _among(parts: tuple[Part, ...], chosen: Bool[ndarray, " kept"]) -> tuple[Part, ...]:
    """Return the parts with only some of their rows."""
    found = []
    for part, here in _shares(parts):
        places = np.flatnonzero(chosen[here])
        ids = places if part.ids is None else part.ids[places]
        found.append(replace(part, ids=ids))
    return tuple(found)


def match_sum(
    columns: CompactColumns, query: MatchQuery, *, keep: Keep = None, threads: int | None = None
) -> float:
    """Return the sum of P(match) over the rows kept: how many of them are expected to match.

    From tables (:mod:`attrieve.gallery.likelihood.tables`), right to about four digits.

    Raises:
        InputError: for columns without probabilities, or a query or filter that do not fit them.
    """
    vector = query.embedding if columns.dim is not None else None
    _check(columns, query.arrays.needed, vector)
    tables = EventTables.of(query.arrays, matching=True)
    found: list[float] = []
    tasks = [
        partial(_sum_matches, part, first, last, query, tables, vector, found)
        for part in select_parts(columns, keep)
        for first, last in _steps(part.rows)
    ]
    run_all(tasks, threads or default_threads())
    return float(np.sort(np.array(found)).sum())


def match_probabilities(
    probability: Float32[ndarray, "row attribute"],
    embedding: Float32[ndarray, "row dim"] | None,
    query: MatchQuery,
) -> Float64[ndarray, " row"]:
    """Return P(match) of some rows."""
    out = np.empty(len(probability))
    vector = query.embedding if embedding is not None else None
    match(0, len(probability), *_listed(None), *_match_arguments(probability, embedding, query, vector), out)
    return out


def _check(columns: CompactColumns, needed: ndarray, vector: ndarray | None) -> None:
    if columns.attributes is None:
        raise InputError("the gallery holds no attribute probabilities; search by the distance 'paper'")
    if needed.max(initial=-1) >= columns.attributes:
        raise InputError(
            f"the columns hold {columns.attributes} attributes; attribute {needed.max()} was asked for"
        )
    if vector is not None and len(vector) != columns.dim:
        raise InputError(
            f"the columns hold embeddings of {columns.dim} entries, {len(vector)} were asked for"
        )


def _shares(parts: tuple[Part, ...]) -> Iterator[tuple[Part, slice]]:
    start = 0
    for part in parts:
        yield part, slice(start, start + part.rows)
        start += part.rows


def _steps(rows: int) -> Iterator[tuple[int, int]]:
    for first in range(0, rows, SHARE_ROWS):
        yield first, min(first + SHARE_ROWS, rows)


def _listed(ids: Int64[ndarray, " kept"] | None) -> tuple[ndarray, bool]:
    return (np.empty(0, dtype=np.int64), False) if ids is None else (ids, True)


def _rate(
    part: Part,
    first: int,
    last: int,
    query: LikelihoodQuery,
    vector: ndarray | None,
    attribute: ndarray,
    embedding: ndarray,
) -> None:
    segment = part.segment
    rate(
        first,
        last,
        *_listed(part.ids),
        segment.exact_probability,
        *query.arrays.arrays(),
        _NO_FLOATS if vector is None else segment.exact_embedding,
        _NO_VECTOR if vector is None else vector,
        attribute,
        embedding,
    )


def _sum_matches(
    part: Part,
    first: int,
    last: int,
    query: MatchQuery,
    tables: EventTables,
    vector: ndarray | None,
    found: list[float],
) -> None:
    segment = part.segment
    total = look_up_matches(
        first,
        last,
        *_listed(part.ids),
        segment.exact_probability,
        *tables.arrays(),
        _NO_FLOATS if vector is None else segment.exact_embedding,
        _NO_VECTOR32 if vector is None else vector.astype(np.float32),
        query.intercept,
        query.slope,
        query.of_cosine,
    )
    found.append(float(total))


def _match_arguments(
    probability: ndarray, embedding: ndarray | None, query: MatchQuery, vector: ndarray | None
) -> tuple[object, ...]:
    return (
        probability,
        *query.arrays.arrays(),
        _NO_FLOATS if vector is None else embedding,
        _NO_VECTOR if vector is None else vector,
        query.intercept,
        query.slope,
        query.of_cosine,
    )


def _nearest(
    fused: Float32[ndarray, " kept"],
    rows: Int64[ndarray, " kept"],
    k: int,
    tie: UInt64[ndarray, " row"] | None,
) -> Int64[ndarray, " found"]:
    """Return places of the nearest, all that tie with the last one compared by tie."""
    if not len(fused):
        return np.zeros(0, dtype=np.int64)
    bound = np.partition(fused, min(k, len(fused)) - 1)[min(k, len(fused)) - 1]
    near = np.flatnonzero(fused <= bound)
    order = (fused[near],) if tie is None else (tie[rows[near]], fused[near])
    return near[np.lexsort(order)][:k]
