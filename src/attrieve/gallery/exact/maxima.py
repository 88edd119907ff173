"""The maxima distances are divided by: guessed from a few blocks, then found exactly."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from numpy import ndarray

from attrieve.gallery.exact.bounds import PreparedQuery
from attrieve.gallery.exact.scan import Scanner, Summary
from attrieve.scoring.fusion import COSINE_MAXIMUM, Fusion, Normalisation

PILOT_BLOCKS = 64
"""Blocks that are looked at for a guess, at most; and at most one in so many."""

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
        count = max(1, min(PILOT_BLOCKS, scanner.blocks // PILOT_BLOCKS))
        blocks = np.unique(np.linspace(0, scanner.blocks - 1, count).astype(np.int64))
        guesses = [_guess(scanner, query, blocks) for query in queries]
        if fusion.normalisation is Normalisation.MATRIX:
            guesses = [Maxima(*(max(side) for side in zip(*guesses, strict=True)))] * len(guesses)
    return [_mix(query, guess, fusion) for query, guess in zip(queries, guesses, strict=True)]


def _guess(scanner: Scanner, query: PreparedQuery, blocks: ndarray) -> Maxima:
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
    summaries: Sequence[Summary],
    normalisation: Normalisation,
) -> list[Maxima]:
    """Return what each query's distances are divided by, exactly, in float64; 0 without summaries."""
    if normalisation is Normalisation.STATIC:
        return [_static(query) for query in queries]
    if not summaries:
        return [Maxima(0.0, 0.0)] * len(queries)
    if normalisation is Normalisation.QUERY:
        return [
            Maxima(*(_maximum(scanner, [query], [summary], side) for side in (0, 1)))
            for query, summary in zip(queries, summaries, strict=True)
        ]
    return [Maxima(*(_maximum(scanner, queries, summaries, side) for side in (0, 1)))] * len(queries)


def _static(query: PreparedQuery) -> Maxima:
    return Maxima(query.exact.static_attribute_maximum, COSINE_MAXIMUM)


def _maximum(
    scanner: Scanner, queries: Sequence[PreparedQuery], summaries: Sequence[Summary], side: int
) -> float:
    """Rescore the rows that can hold the maximum; the largest lower bound tells which."""
    asked = [
        (query, *bounds)
        for query, summary in zip(queries, summaries, strict=True)
        if (bounds := _bounds(query, summary, side)) is not None
    ]
    most = max((float((value - error).max()) for _, value, error, _ in asked), default=0.0)
    for query, value, error, unit in asked:
        blocks = np.flatnonzero(value + error >= most)
        for here, found in scanner.distances(query, blocks):
            distance = (found.attribute, found.embedding)[side] * np.float64(unit)
            reach = (distance + error[blocks[here]][:, None] >= most) & found.filled
            rows = found.rows(reach)
            if len(rows):
                most = max(most, float(scanner.rescore(query, rows)[side].max()))
    return max(most, 0.0)


def _bounds(
    query: PreparedQuery, summary: Summary, side: int
) -> tuple[Float64[ndarray, " block"], Float64[ndarray, " block"], float] | None:
    """Return the largest distance of each block, its error and the unit, or None without a part."""
    if side == 0:
        if query.attribute is None:
            return None
        unit = query.attribute.unit
        return summary.most_attribute * np.float64(unit), summary.attribute_error * unit, unit
    if query.embedding is None:
        return None
    return summary.most_embedding.astype(np.float64), summary.embedding_error, 1.0
