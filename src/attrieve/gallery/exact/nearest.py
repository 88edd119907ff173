"""From the summary of a scan to the nearest rows: blocks, then rows, that can be among them."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt64
from numpy import ndarray

from attrieve.gallery.exact.bounds import PreparedQuery
from attrieve.gallery.exact.kept import KeptDistances
from attrieve.gallery.exact.maxima import Maxima
from attrieve.gallery.exact.scan import Scanner
from attrieve.gallery.exact.selection_kernels import upper_bound_of_blocks, upper_bound_of_rows
from attrieve.gallery.exact.summary import Summary
from attrieve.scoring.fusion import Fusion

_SLACK = 1e-12  # far more than the rounding of the few float64 operations here
_MIX_SLACK = 1e-6  # the same for float32

LEAST_PROMISING = 32
"""Blocks that are looked at closely first, at least."""

Found = tuple[
    Int64[ndarray, " found"],
    Float32[ndarray, " found"],
    Float32[ndarray, " found"],
    Float32[ndarray, " found"],
]


@dataclass(frozen=True)
class _Factors:
    """Factors of both approximate distances, in units of the larger weight."""

    attribute: float
    embedding: float
    weight: float

    @classmethod
    def of(cls, query: PreparedQuery, most: Maxima, fusion: Fusion) -> "_Factors":
        weight = max(fusion.attribute_weight, fusion.embedding_weight)
        attribute = embedding = 0.0
        if query.attribute is not None and most.attribute > 0:
            attribute = fusion.attribute_weight / weight * query.attribute.unit / most.attribute
        if query.embedding is not None and most.embedding > 0:
            embedding = fusion.embedding_weight / weight / most.embedding
        return cls(attribute, embedding, weight)

    def ratios(self, mix: tuple[np.float32, np.float32]) -> tuple[float, float]:
        """Return the smallest and the largest ratio of these factors to those the summary was made with."""
        sides = ((self.attribute, mix[0]), (self.embedding, mix[1]))
        ratios = [factor / float(guess) for factor, guess in sides if guess > 0]
        if not ratios:
            return 0.0, 0.0
        return min(ratios) * (1 - _MIX_SLACK), max(ratios) * (1 + _MIX_SLACK)

    def error(
        self, attribute: Float64[ndarray, " block"], embedding: Float64[ndarray, " block"]
    ) -> Float64[ndarray, " block"]:
        return self.attribute * attribute + self.embedding * embedding

    def limit(self, bound: float) -> float:
        """Return the largest distance that float32 cannot tell from ``bound``: such rows tie."""
        with np.errstate(over="ignore"):
            rounded = np.float32(np.float64(bound) * (1 + _SLACK) * self.weight)
            above = np.nextafter(rounded, np.float32(np.inf), dtype=np.float32)
            return float(np.float64(above) / self.weight * (1 + _SLACK))


def nearest_rows(
    scanner: Scanner,
    query: PreparedQuery,
    looked: Summary | KeptDistances,
    most: Maxima,
    fusion: Fusion,
    k: int,
    tie: UInt64[ndarray, " row"] | None = None,
) -> Found:
    """Return positions, fused distance and both parts of the ``k`` nearest rows, nearest first.

    Rows of equal distance are ordered by ``tie``, then by position.
    """
    factors = _Factors.of(query, most, fusion)
    if isinstance(looked, KeptDistances):
        rows = looked.nearest((factors.attribute, factors.embedding), k, factors.limit)
    else:
        rows = _candidates(scanner, query, looked, factors, k)
    attribute, embedding = scanner.rescore(query, rows)
    fused = fuse_exactly(attribute, embedding, most, fusion)
    # Positions ascend and both sorts are stable. All rows that tie with the k-th are candidates.
    order = np.argsort(fused, kind="stable") if tie is None else np.lexsort((tie[rows], fused))
    order = order[:k]
    return (
        rows[order],
        fused[order],
        attribute[order].astype(np.float32),
        embedding[order].astype(np.float32),
    )


def fuse_exactly(
    attribute: Float64[ndarray, " found"],
    embedding: Float64[ndarray, " found"],
    most: Maxima,
    fusion: Fusion,
) -> Float32[ndarray, " found"]:
    """Return ``w_a * (a / M_a) + w_e * (e / M_e)``, rounded to float32; a maximum of 0 adds 0."""
    total = np.zeros(len(attribute))
    if most.attribute > 0:
        total += fusion.attribute_weight * (attribute / most.attribute)
    if most.embedding > 0:
        total += fusion.embedding_weight * (embedding / most.embedding)
    with np.errstate(over="ignore"):
        return total.astype(np.float32)


def _candidates(
    scanner: Scanner,
    query: PreparedQuery,
    summary: Summary,
    factors: _Factors,
    k: int,
) -> Int64[ndarray, " found"]:
    """Return all rows whose lower bound does not exceed the k-th smallest upper bound."""
    least, largest = factors.ratios(summary.mix)
    errors = scanner.summary_errors(query, summary)
    heap, reach = np.full(k, np.inf), np.empty(len(summary.least_mix))
    both = factors.attribute, factors.embedding
    upper_bound_of_blocks(summary.least_mix, *errors, *both, least, largest, heap, reach)
    blocks = np.flatnonzero(reach <= factors.limit(heap[0]))
    most = _within_promising(scanner, query, summary, factors, blocks, k)
    limit = factors.limit(min(most, heap[0]))
    blocks = blocks[reach[blocks] <= limit]
    error = factors.error(errors.attribute[blocks], errors.embedding[blocks])
    scanner, blocks = scanner.narrowed(query, blocks, both, error + limit)
    if scanner.worth_rescoring:
        return scanner.all_rows()
    return _rows(scanner, query, factors, blocks, k)


def _within_promising(
    scanner: Scanner,
    query: PreparedQuery,
    summary: Summary,
    factors: _Factors,
    blocks: Int64[ndarray, " block"],
    k: int,
) -> float:
    """Return an upper bound of the k-th nearest row, from the blocks that look best.

    A closer look at these is nearly always enough to pass over most of the others.
    """
    looked = max(LEAST_PROMISING, k)
    if len(blocks) <= 2 * looked:
        return math.inf
    best = np.sort(blocks[np.argpartition(summary.least_mix[blocks], looked)[:looked]])
    error = factors.error(*scanner.errors(query, best))
    heap = np.full(k, np.inf)
    for here, found in scanner.distances(query, best):
        upper_bound_of_rows(
            found.attribute, found.embedding, error[here], factors.attribute, factors.embedding, heap
        )
    return float(heap[0])


def _rows(
    scanner: Scanner,
    query: PreparedQuery,
    factors: _Factors,
    blocks: Int64[ndarray, " block"],
    k: int,
) -> Int64[ndarray, " found"]:
    error = factors.error(*scanner.errors(query, blocks))
    heap = np.full(k, np.inf)
    rows: list[Int64[ndarray, " found"]] = []
    bounds: list[Float64[ndarray, " found"]] = []
    for here, found in scanner.distances(query, blocks):
        upper_bound_of_rows(
            found.attribute, found.embedding, error[here], factors.attribute, factors.embedding, heap
        )
        lower = found.attribute * np.float64(factors.attribute) - error[here][:, None]
        lower += found.embedding * np.float64(factors.embedding)
        chosen = (lower <= factors.limit(heap[0])) & found.filled
        rows.append(found.rows(chosen))
        bounds.append(lower[chosen])
    within = np.concatenate(bounds) <= factors.limit(heap[0])
    return np.concatenate(rows)[within]
