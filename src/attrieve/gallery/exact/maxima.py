"""The maxima distances are divided by: guessed from a few blocks, then found exactly."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, Int64
from numpy import ndarray

from attrieve.gallery.exact.bounds import AskedAttributes, PreparedQuery
from attrieve.gallery.exact.kept import KeptDistances
from attrieve.gallery.exact.scan import Scanner
from attrieve.gallery.exact.selection_kernels import blocks_reaching, farthest_blocks
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
    blocks = np.arange(count) * (scanner.blocks - 1) // max(1, count - 1)
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
    sides: list[list[_Side]] = [[] for _ in queries]
    matrix = normalisation is Normalisation.MATRIX

    def bound(own: Scanner, number: int) -> None:
        summary = looked[number]
        if isinstance(summary, Summary):
            sides[number] = list(_sides(own, queries[number], summary))
            least[number, [side.number for side in sides[number]]] = [side.least for side in sides[number]]

    def rescore(own: Scanner, number: int) -> None:
        kept = looked[number]
        if isinstance(kept, KeptDistances):
            found[number] = _maxima_of_kept(own, queries[number], kept)
            return
        if not matrix:
            bound(own, number)
        for side in sides[number]:
            # Of matrix it is enough to look at what may be the largest of all queries.
            floor = most[side.number] if matrix else side.least
            found[number, side.number] = _maximum(own, queries[number], side, floor)

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


@dataclass(frozen=True, eq=False)
class _Side:
    """Of a distance, by blocks: what a summary says of the largest, and the blocks that reach farthest.

    Args:
        number: 0 for attributes, 1 for embeddings.
        unit: that distances are in.
        value: the largest distance of each block, in units.
        error: what that can be off.
        outside: by how much more it can be too large.
        reach: the most it can be, of the blocks that reach farthest, in no order.
        blocks: which these are.
        least: a lower bound of the largest distance.
    """

    number: int
    unit: float
    value: Float32[ndarray, " block"]
    error: Float64[ndarray, " block"]
    outside: Float64[ndarray, " block"]
    reach: Float64[ndarray, " far"]
    blocks: Int64[ndarray, " far"]
    least: float

    def reaching(self, most: float) -> Int64[ndarray, " found"]:
        """Return the blocks (ascending) whose largest distance can be ``most``."""
        if self.reach.min() < most:  # then all that do are among these
            return np.sort(self.blocks[self.reach >= most])
        found = np.empty(len(self.value), dtype=np.int64)
        return found[: blocks_reaching(self.value, self.unit, self.error, most, found)]


def _sides(scanner: Scanner, query: PreparedQuery, summary: Summary) -> Iterator[_Side]:
    """Yield the sides that take part, after a closer look at the blocks that reach farthest."""
    errors = scanner.summary_errors(query, summary)
    values = (summary.most_attribute, summary.most_embedding)
    for number, asked in enumerate((query.attribute, query.embedding)):
        if asked is None:
            continue
        unit = asked.unit if isinstance(asked, AskedAttributes) else 1.0
        outside = errors.outside if number else np.zeros(len(errors.outside))
        count = min(FARTHEST, len(values[number]))
        reach, blocks = np.full(count, -np.inf), np.zeros(count, dtype=np.int64)
        least = farthest_blocks(values[number], unit, errors[number], outside, reach, blocks)
        if reach.min() >= least:
            least = max(least, _largest_of(scanner, query.one_side(number), number, unit, np.sort(blocks)))
        yield _Side(number, unit, values[number], errors[number], outside, reach, blocks, least)


def _largest_of(
    scanner: Scanner, query: PreparedQuery, side: int, unit: float, blocks: Int64[ndarray, " far"]
) -> float:
    """Return a lower bound of the largest distance in some blocks, from the codes of all entries."""
    error = scanner.errors(query, blocks)[side]
    largest = 0.0
    for here, found in scanner.distances(query, blocks):
        distance = (found.attribute, found.embedding)[side].astype(np.float64) - error[here][:, None]
        largest = max(largest, unit * float(np.where(found.filled, distance, 0.0).max()))
    return largest


def _maximum(scanner: Scanner, query: PreparedQuery, side: _Side, most: float) -> float:
    """Return the largest distance, or less if it is below ``most``; rescores the rows that can be it."""
    exact, number = 0.0, side.number
    blocks = side.reaching(most)
    # Those whose distance, negated, lies within a limit may be as far away.
    factors = (-side.unit, 0.0) if number == 0 else (0.0, -1.0)
    scanner, blocks = scanner.narrowed(query, blocks, factors, side.error[blocks] * side.unit - most)
    if scanner.worth_rescoring:
        return float(scanner.rescore(query, scanner.all_rows(), number)[number].max(initial=0.0))
    error = scanner.errors(query, blocks)[number] * side.unit
    for here, found in scanner.distances(query.one_side(number), blocks):
        distance = (found.attribute, found.embedding)[number] * np.float64(side.unit)
        reach = (distance + error[here][:, None] >= most) & found.filled
        rows = found.rows(reach)
        if len(rows):
            exact = max(exact, float(scanner.rescore(query, rows, number)[number].max()))
            most = max(most, exact)
    return exact
