"""All retrieval metrics of a task, by blocks of queries, so that memory stays bounded."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64
from numpy import ndarray
from torch import Tensor

from attrieve.errors import InputError
from attrieve.evaluation.average_precision import (
    average_precision,
    inverse_negative_penalty,
    trapezoid_average_precision,
)
from attrieve.evaluation.graded import attribute_agreement, average_degree_of_match, normalised_agreement
from attrieve.evaluation.protocol import RetrievalTask
from attrieve.evaluation.ranks import NOBODY, CategoryIndex, relevant_ranks

BLOCK_BYTES = 2**28
"""Size of one block of distances. A few such blocks are alive at once: well below 8 GiB in all."""

DistanceBlock = Callable[[slice], Float32[Tensor, "query person"]]
"""Distances of a slice of queries to all persons."""


@dataclass(frozen=True)
class QueryScores:
    """One value per query, in query order, for intervals and paired comparisons.

    Args:
        average_precision: in [0, 1], 0 without a match.
        trapezoid: average precision as ASMR computes it, in [0, 1].
        first_rank: rank of the first match, from 1; 0 without a match.
        inverse_negative_penalty: in [0, 1].
        degree_of_match: ADM in [0, 1], or None if not asked for.
        matches: how many relevant persons the gallery holds.
    """

    average_precision: Float64[ndarray, " query"]
    trapezoid: Float64[ndarray, " query"]
    first_rank: Int64[ndarray, " query"]
    inverse_negative_penalty: Float64[ndarray, " query"]
    degree_of_match: Float64[ndarray, " query"] | None
    matches: Int64[ndarray, " query"]


@dataclass(frozen=True)
class RetrievalScores:
    """Means over some queries, in percent 0..100; queries without a match are left out of them.

    Args:
        map: mean average precision, standard definition.
        map_trapezoid: as the code of ASMR computes it.
        rank1: share of queries whose first hit is relevant.
        rank5: share with a relevant person among the first 5.
        rank10: share with a relevant person among the first 10.
        minp: mean inverse negative penalty.
        madm: mean average degree of match, or None if not asked for.
        queries: how many queries were asked.
        without_match: of these, how many have no relevant person in the gallery.
    """

    map: float
    map_trapezoid: float
    rank1: float
    rank5: float
    rank10: float
    minp: float
    madm: float | None
    queries: int
    without_match: int


@dataclass(frozen=True)
class RetrievalMetrics:
    """Retrieval metrics of all queries, and apart for those seen and not seen in training.

    Args:
        overall: all queries.
        seen: queries whose vector occurs in training; None if none with a match does.
        unseen: the others; None if there are none with a match.
        per_query: the values the means are made of.
    """

    overall: RetrievalScores
    seen: RetrievalScores | None
    unseen: RetrievalScores | None
    per_query: QueryScores


def evaluate_retrieval(
    distance_block: DistanceBlock,
    task: RetrievalTask,
    *,
    block_queries: int | None = None,
    graded: bool = True,
) -> RetrievalMetrics:
    """Rank the gallery for every query and average the metrics.

    Args:
        distance_block: gives the distances, shape (query, person), of a slice of the task's queries to
            all its persons, smaller is nearer.
        task: queries and truth.
        block_queries: queries per block; by default as many as make 256 MiB of distances.
        graded: whether to compute mADM, which takes several times as long as all others together.

    Raises:
        InputError: for a NaN or a block of another shape, or if no query has a match.

    >>> import torch
    >>> from attrieve.evaluation.protocol import Protocol, build_task
    >>> values = np.array([[0, 1], [1, 0], [0, 1]], dtype=np.int8)
    >>> task = build_task(Protocol.UNIQUE, train_values=values[:0], test_values=values)
    >>> distance = torch.tensor([[0.1, 0.2, 0.3], [0.5, 0.4, 0.6]])
    >>> result = evaluate_retrieval(lambda block: distance[block], task).overall
    >>> round(result.map, 2), result.rank1, result.queries
    (91.67, 100.0, 2)
    """
    queries, persons = len(task.query_values), len(task.person_values)
    step = block_queries or max(1, BLOCK_BYTES // (4 * persons))
    gallery = _Gallery.of(task)
    blocks = [
        _score_block(distance_block, task, gallery, slice(start, min(start + step, queries)), graded)
        for start in range(0, queries, step)
    ]
    scores = _joined(blocks)
    overall = average(scores, np.ones(queries, dtype=bool))
    if overall is None:
        raise InputError(
            f"none of the {queries} queries has a relevant person in the gallery; nothing to average"
        )
    return RetrievalMetrics(overall, average(scores, task.seen), average(scores, ~task.seen), scores)


def average(scores: QueryScores, chosen: Bool[ndarray, " query"]) -> RetrievalScores | None:
    """Average the chosen queries that have a match, in percent; None if there is no such query."""
    matched = chosen & (scores.matches > 0)
    if not matched.any():
        return None

    def percent(values: Float64[ndarray, " query"]) -> float:
        return float(100 * values[matched].mean())

    def within(cutoff: int) -> float:
        return percent((scores.first_rank <= cutoff).astype(np.float64))

    return RetrievalScores(
        map=percent(scores.average_precision),
        map_trapezoid=percent(scores.trapezoid),
        rank1=within(1),
        rank5=within(5),
        rank10=within(10),
        minp=percent(scores.inverse_negative_penalty),
        madm=None if scores.degree_of_match is None else percent(scores.degree_of_match),
        queries=int(chosen.sum()),
        without_match=int(chosen.sum() - matched.sum()),
    )


@dataclass(frozen=True)
class _Gallery:
    """The persons that take part, and where each relevant one stands among them."""

    kept: Int64[ndarray, " kept"]
    index: CategoryIndex
    removed: Int64[ndarray, " query"]
    whole: bool

    @classmethod
    def of(cls, task: RetrievalTask) -> "_Gallery":
        kept = np.flatnonzero(task.person_category >= 0)
        position = np.full(len(task.person_category), NOBODY, dtype=np.int64)
        position[kept] = np.arange(len(kept))
        removed = np.where(task.removed_person >= 0, position[task.removed_person], NOBODY)
        index = CategoryIndex.of(task.person_category[kept])
        return cls(kept, index, removed, len(kept) == len(position))


def _score_block(
    distance_block: DistanceBlock, task: RetrievalTask, gallery: _Gallery, block: slice, graded: bool
) -> QueryScores:
    distance = _distances(distance_block, block, len(task.person_values))
    if not gallery.whole:
        distance = distance[:, gallery.kept]
    removed = gallery.removed[block]
    relevant = gallery.index.relevant(task.query_category[block], removed)
    found = relevant_ranks(distance, relevant, removed)
    degree_of_match = None
    if graded:
        agreement = attribute_agreement(task.query_values[block], task.person_values[gallery.kept])
        degree = normalised_agreement(agreement, relevant, removed)
        degree_of_match = average_degree_of_match(distance, degree, relevant, found.ranks)
    return QueryScores(
        average_precision=average_precision(found.ranks, found.count),
        trapezoid=trapezoid_average_precision(found.ranks, found.count),
        first_rank=found.ranks[:, 0],
        inverse_negative_penalty=inverse_negative_penalty(found.ranks, found.count),
        degree_of_match=degree_of_match,
        matches=found.count,
    )


def _distances(distance_block: DistanceBlock, block: slice, persons: int) -> Float32[ndarray, "query person"]:
    distance = distance_block(block)
    expected = (block.stop - block.start, persons)
    if tuple(distance.shape) != expected:
        raise InputError(
            f"distances of {expected[0]} queries to {persons} persons expected, got {distance.shape}"
        )
    return np.ascontiguousarray(distance.detach().cpu().numpy(), dtype=np.float32)


def _joined(blocks: list[QueryScores]) -> QueryScores:
    degrees = [block.degree_of_match for block in blocks if block.degree_of_match is not None]
    return QueryScores(
        average_precision=np.concatenate([block.average_precision for block in blocks]),
        trapezoid=np.concatenate([block.trapezoid for block in blocks]),
        first_rank=np.concatenate([block.first_rank for block in blocks]),
        inverse_negative_penalty=np.concatenate([block.inverse_negative_penalty for block in blocks]),
        degree_of_match=np.concatenate(degrees) if degrees else None,
        matches=np.concatenate([block.matches for block in blocks]),
    )
