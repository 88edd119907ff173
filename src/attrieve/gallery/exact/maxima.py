"""The maxima distances are divided by: guessed from a few blocks, then found exactly."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64
from numpy import ndarray

from attrieve.gallery.exact.bounds import PreparedQuery
from attrieve.gallery.exact.kept import KeptDistances
from attrieve.gallery.exact.scan import Scanner
from attrieve.gallery.exact.selection_kernels import span
from attrieve.gallery.exact.summary import Summary
from attrieve.scoring.fusion import COSINE_MAXIMUM, Fusion, Normalisation

PILOT_BLOCKS = 32
"""Blocks that are looked at for a guess, at most; and at most one in so many."""

FARTHEST = 16
"""Blocks that are looked at closely first."""

_LEAST_MIX = 1e-6  # keeps float32 far from where it loses digits


class Maxima(NamedTuple):
    """What the two distances of a query are divided by."""

    attribute: float
    embedding: float


def pilot_mixes(
    scanner: Scanner, queries: Sequence[PreparedQuery], fusion: Fusion
) -> list[tuple[np.float32, np.float32]]:
    """Return for each query weights of both distances, roughly those of the fused distance.

    How rough decides how many blocks must be looked at twice, never what comes out.
    """
    if fusion.normalisation is Normalisation.STATIC:
        guesses = [_static(query) for query in queries]
    else:
        guesses = [Maxima(0.0, 0.0)] * len(queries)

        def guess(own: Scanner, number: int) -> None:
            guesses[number] = _guess(own, queries[number])

        scanner.for_each(queries, guess)
        if fusion.normalisation is Normalisation.MATRIX:
            guesses = [Maxima(*(max(side) for side in zip(*guesses, strict=True)))] * len(guesses)
    return [_mix(query, guess, fusion) for query, guess in zip(queries, guesses, strict=True)]


def _guess(scanner: Scanner, query: PreparedQuery) -> Maxima:
    count = max(1, min(PILOT_BLOCKS, scanner.blocks // PILOT_BLOCKS))
    blocks = np.unique(np.linspace(0, scanner.blocks - 1, count).astype(np.int64))
    most_attribute = most_embedding = 0.0
    for _, found in scanner.distances(query, blocks):
        rows = found.filled
        most_attribute = max(most_attribute, float(found.attribute[rows].max()))
        most_embedding = max(most_embedding, float(found.embedding[rows].max()))
    unit = 1.0 if query.attribute is None else query.attribute.unit
    return Maxima(most_attribute * unit, most_embedding)


def _mix(query: PreparedQuery, guess: Maxima, fusion: Fusion) -> tuple[np.float32, np.float32]:
    attribute = embedding = 0.0
    largest = max(fusion.attribute_weight, fusion.embedding_weight)
    if query.attribute is not None:
        most = guess.attribute / query.attribute.unit or 1.0
        attribute = max(fusion.attribute_weight / largest / most, _LEAST_MIX)
    if query.embedding is not None:
        embedding = max(fusion.embedding_weight / largest / (guess.embedding or 1.0), _LEAST_MIX)
    scale = max(attribute, embedding) or 1.0
    return (
        np.float32(max(attribute / scale, _LEAST_MIX) if attribute else 0),
        np.float32(max(embedding / scale, _LEAST_MIX) if embedding else 0),
    )


def exact_maxima(
    scanner: Scanner,
    queries: Sequence[PreparedQuery],
    looked: Sequence[Summary | KeptDistances],
    normalisation: Normalisation,
) -> list[Maxima]:
    """Return what each query's distances are divided by, in float64; 0 where nothing was looked at."""
    if normalisation is Normalisation.STATIC:
        return [_static(query) for query in queries]
    if not looked:
        return [Maxima(0.0, 0.0)] * len(queries)
    found = np.zeros((len(queries), 2))
    least = np.zeros((len(queries), 2))
    matrix = normalisation is Normalisation.MATRIX

    def bound(own: Scanner, number: int) -> None:
        summary = looked[number]
        if isinstance(summary, KeptDistances):
            return
        for side, bounds in _bounds(own, queries[number], summary):
            least[number, side] = _least_maximum(own, queries[number], side, bounds)

    def rescore(own: Scanner, number: int) -> None:
        summary = looked[number]
        if isinstance(summary, KeptDistances):
            found[number] = _maxima_of_kept(own, queries[number], summary)
            return
        for side, bounds in _bounds(own, queries[number], summary):
            # Of matrix it is enough to look at what may be the largest of all queries.
            floor = most[side] if matrix else _least_maximum(own, queries[number], side, bounds)
            found[number, side] = _maximum(own, queries[number], side, bounds, floor)

    if matrix:
        scanner.for_each(queries, bound)
    most: list[float] = least.max(axis=0).tolist()
    scanner.for_each(queries, rescore)
    if matrix:
        found = np.broadcast_to(found.max(axis=0), found.shape)
    return [Maxima(*own) for own in found.tolist()]


def _maxima_of_kept(scanner: Scanner, query: PreparedQuery, kept: KeptDistances) -> list[float]:
    return [float(side.max(initial=0.0)) for side in scanner.rescore(query, kept.farthest(query))]


def _static(query: PreparedQuery) -> Maxima:
    return Maxima(query.exact.static_attribute_maximum, COSINE_MAXIMUM)


class _Bounds(NamedTuple):
    """Between which numbers the largest distance of each block lies; error of the codes in units of them."""

    least: Float64[ndarray, " block"]
    most: Float64[ndarray, " block"]
    error: Float64[ndarray, " block"]
    unit: float


def _least_maximum(scanner: Scanner, query: PreparedQuery, side: int, bounds: _Bounds) -> float:
    """Return a lower bound of the largest distance, from a closer look at the blocks that reach farthest."""
    most = float(bounds.least.max())
    if np.count_nonzero(bounds.most >= most) <= FARTHEST:
        return most
    farthest = np.sort(np.argpartition(-bounds.most, FARTHEST)[:FARTHEST])
    error = scanner.errors(query, farthest)[side] * bounds.unit
    for here, found in scanner.distances(query.one_side(side), farthest):
        distance = (found.attribute, found.embedding)[side] * np.float64(bounds.unit)
        lower = np.where(found.filled, distance - error[here][:, None], 0.0)
        most = max(most, float(lower.max()))
    return most


def _maximum(scanner: Scanner, query: PreparedQuery, side: int, bounds: _Bounds, most: float) -> float:
    """Return the largest distance, or less if it is below ``most``; rescores the rows that can be it."""
    exact = 0.0
    blocks = np.flatnonzero(bounds.most >= most)
    # Those whose distance, negated, lies within a limit may be as far away.
    factors = (-bounds.unit, 0.0) if side == 0 else (0.0, -1.0)
    scanner, blocks = scanner.narrowed(query, blocks, factors, bounds.error[blocks] * bounds.unit - most)
    if scanner.worth_rescoring:
        return float(scanner.rescore(query, scanner.all_rows(), side)[side].max(initial=0.0))
    error = scanner.errors(query, blocks)[side] * bounds.unit
    for here, found in scanner.distances(query.one_side(side), blocks):
        distance = (found.attribute, found.embedding)[side] * np.float64(bounds.unit)
        reach = (distance + error[here][:, None] >= most) & found.filled
        rows = found.rows(reach)
        if len(rows):
            exact = max(exact, float(scanner.rescore(query, rows, side)[side].max()))
            most = max(most, exact)
    return exact


def _bounds(scanner: Scanner, query: PreparedQuery, summary: Summary) -> Iterator[tuple[int, _Bounds]]:
    """Yield the sides that take part: 0 for attributes, 1 for embeddings."""
    errors = scanner.summary_errors(query, summary)
    if query.attribute is not None:
        nothing = np.zeros(len(errors.attribute))
        yield 0, _span(summary.most_attribute, query.attribute.unit, errors.attribute, nothing)
    if query.embedding is not None:
        yield 1, _span(summary.most_embedding, 1.0, errors.embedding, errors.outside)


def _span(
    value: Float32[ndarray, " block"],
    unit: float,
    error: Float64[ndarray, " block"],
    outside: Float64[ndarray, " block"],
) -> _Bounds:
    least, most = np.empty((2, len(value)))
    span(value, unit, error, outside, least, most)
    return _Bounds(least, most, error, unit)
