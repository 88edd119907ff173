"""How well a ranking answers partial descriptions, by two ideas of who is right."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int8, Int64
from numpy import ndarray

from attrieve.errors import InputError
from attrieve.evaluation.average_precision import average_precision
from attrieve.evaluation.graded import attribute_agreement, average_degree_of_match, normalised_agreement
from attrieve.evaluation.protocol import RetrievalTask
from attrieve.evaluation.ranks import NOBODY, relevant_ranks


class Relevance(StrEnum):
    """Who is right."""

    EXACT = "exact"
    """Persons with exactly the description of the one that was seen: all attributes, named or not."""
    FULFILS = "fulfils"
    """Persons that truly have all that was named, as it was: what a witness could tell apart at best."""


@dataclass(frozen=True, eq=False)
class Judgement:
    """Who is right for each query, and how far all others are from it.

    Args:
        relevant: ascending person positions, -1 behind the last.
        degree: graded relevance in [0, 1], see :func:`~attrieve.evaluation.graded.normalised_agreement`.
    """

    relevant: Int64[ndarray, "query most_relevant"]
    degree: Float32[ndarray, "query person"]


@dataclass(frozen=True, eq=False)
class QueryValues:
    """Scores of one ranking, query by query, in [0, 1].

    Args:
        average_precision: standard definition.
        first: whether the first hit is right.
        degree_of_match: ADM, see :func:`~attrieve.evaluation.graded.average_degree_of_match`.
    """

    average_precision: Float64[ndarray, " query"]
    first: Float64[ndarray, " query"]
    degree_of_match: Float64[ndarray, " query"]


def judge(task: RetrievalTask, named: Bool[ndarray, "query attribute"], relevance: Relevance) -> Judgement:
    """Tell who is right for descriptions that name some attributes of the task's queries.

    The degree of match counts all attributes where relevance is exact, and the named ones where it is not:
    persons of agreement 1 are the relevant ones either way. What a witness said wrongly does not enter.

    Args:
        task: whose queries are described, all persons known, nobody removed.
        named: what is spoken of; at least one attribute per query.
        relevance: who is right.

    Raises:
        InputError: for a task with unknown or removed persons, or a query of which nothing is named.
    """
    if (task.removed_person >= 0).any() or (task.person_category < 0).any():
        raise InputError("testimony is judged on the whole gallery, everybody known; take protocol 'unique'")
    if not named.any(axis=1).all():
        raise InputError("each description names at least one attribute")
    asked = task.query_values
    if relevance is Relevance.FULFILS:
        asked = np.where(named, asked, -1).astype(np.int8)
    agreement = attribute_agreement(asked, task.person_values)
    relevant = _positions(_fulfilling(asked, task.person_values))
    return Judgement(relevant, normalised_agreement(agreement, relevant))


def _fulfilling(
    asked: Int8[ndarray, "query attribute"], person: Int8[ndarray, "person attribute"]
) -> Bool[ndarray, "query person"]:
    """Return who has nothing against what is asked."""
    has = (person == 1).astype(np.float32)
    against = (asked == 1).astype(np.float32) @ (1 - has).T + (asked == 0).astype(np.float32) @ has.T
    return np.asarray(against < 0.5)


def _positions(flags: Bool[ndarray, "query person"]) -> Int64[ndarray, "query most_relevant"]:
    count = flags.sum(axis=1)
    table = np.full((len(flags), max(int(count.max(initial=0)), 1)), NOBODY, dtype=np.int64)
    query, person = np.nonzero(flags)
    place = np.arange(len(query)) - np.repeat(np.cumsum(count) - count, count)
    table[query, place] = person
    return table


def score(distance: Float32[ndarray, "query person"], judgement: Judgement) -> QueryValues:
    """Rank all persons for each query, nearest first, ties by position, and score the order.

    Raises:
        InputError: for a NaN distance.
    """
    found = relevant_ranks(distance, judgement.relevant)
    return QueryValues(
        average_precision(found.ranks, found.count),
        (found.ranks[:, 0] == 1).astype(np.float64),
        average_degree_of_match(distance, judgement.degree, judgement.relevant, found.ranks),
    )
