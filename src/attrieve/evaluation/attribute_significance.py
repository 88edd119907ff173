"""Which attributes carry retrieval: one left out, few named, and some known perfectly.

Three questions to a model and a test set, all answered in points of mean average precision:

* :func:`leave_one_out`: what is lost when a description does not name an attribute?
* :func:`by_named_count`: how good is a description of k attributes?
* :func:`truth_gains` and :func:`ceiling_curve`: what would a perfect classifier of some attributes reach?

Intervals come from the bootstrap over queries, of paired differences where two rankings are compared.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Float64, Int64
from numpy import ndarray
from torch import Tensor

from attrieve.errors import InputError
from attrieve.evaluation.average_precision import average_precision
from attrieve.evaluation.distances import RecognitionDistance
from attrieve.evaluation.protocol import Protocol, RetrievalTask
from attrieve.evaluation.ranks import NOBODY, relevant_ranks
from attrieve.evaluation.retrieval import QueryScores, RetrievalScores, evaluate_retrieval
from attrieve.evaluation.significance import Interval, bootstrap_interval
from attrieve.schema import AttributeSchema
from attrieve.scoring.euclidean import euclidean_distance

PartialDistance = Callable[
    [Float[Tensor, "query attribute"], Float[Tensor, "query attribute"]], Float32[Tensor, "query person"]
]
"""From descriptions (1 wanted, 0 unwanted) and their certainties (0 leaves an attribute open) to the
distances of all persons, smaller is nearer."""

NAMED_COUNTS = (1, 2, 4, 8, 16, 24, 35)
"""Numbers of named attributes that are tried."""


@dataclass(frozen=True)
class AttributeEffect:
    """What one attribute changes.

    Args:
        attribute: its name.
        share: of the gallery that has it, in [0, 1]; unknown counts as not.
        change: in points of mAP, over queries.
        is_removal: whether the attribute was taken away, so that a fall speaks for it; else it was
            made perfect.
    """

    attribute: str
    share: float
    change: Interval
    is_removal: bool

    @property
    def verdict(self) -> str:
        """``helps`` or ``hurts`` retrieval where the interval leaves 0 out, else ``undecided``."""
        if self.change.low <= 0 <= self.change.high:
            return "undecided"
        return "helps" if (self.change.high < 0) == self.is_removal else "hurts"


@dataclass(frozen=True)
class NamedPoint:
    """How well descriptions of some attributes find persons.

    Args:
        named: how many attributes each description names.
        map: mean average precision in percent, over queries.
        rank1: Rank-1 in percent, over queries.
        chance_map: what a random ranking is expected to score, in percent.
        relevant: persons that count as found, on the mean over queries.
    """

    named: int
    map: Interval
    rank1: Interval
    chance_map: float
    relevant: float


@dataclass(frozen=True)
class NamedCurves:
    """The same descriptions, held against two ideas of who is right.

    Args:
        agreeing: relevant are all persons that agree on the named attributes.
        exact: relevant are only persons that agree on every attribute, named or not.
    """

    agreeing: tuple[NamedPoint, ...]
    exact: tuple[NamedPoint, ...]


@dataclass(frozen=True)
class CeilingPoint:
    """What a model reaches if some attributes are predicted perfectly.

    Args:
        attribute: that joined the perfect ones last; None for the model as it is.
        perfect: how many are perfect.
        scores: by protocol.
    """

    attribute: str | None
    perfect: int
    scores: Mapping[Protocol, RetrievalScores]


def recognition_search(
    probability: Float[Tensor, "person attribute"], distance: RecognitionDistance = euclidean_distance
) -> PartialDistance:
    """Return the search of a gallery by its attribute probabilities."""
    return lambda query, certainty: distance(query, probability, certainty)


def leave_one_out(
    search: PartialDistance, task: RetrievalTask, schema: AttributeSchema
) -> tuple[AttributeEffect, ...]:
    """Return, by attribute, the change in mAP when no description names it.

    ``change_a = mean_q AP_q(all but a) - AP_q(all)``, paired by query; who is relevant stays the same.
    Below 0 the attribute helps, above 0 it hurts.

    Args:
        search: distances of partial descriptions.
        task: queries and truth.
        schema: names the attribute columns.

    Raises:
        InputError: if vocabulary and task differ in width, or for fewer than 2 queries.

    >>> from attrieve.evaluation.protocol import build_task
    >>> from attrieve.schema import Attribute, AttributeSchema, Group, GroupKind
    >>> names = ("hat", "bag")
    >>> schema = AttributeSchema("toy", tuple(Attribute(n, n) for n in names),
    ...                          tuple(Group(n, GroupKind.BINARY, (n,)) for n in names))
    >>> values = np.array([[0, 0], [1, 0], [1, 0]], dtype=np.int8)
    >>> task = build_task(Protocol.UNIQUE, train_values=values[:0], test_values=values)
    >>> perfect = recognition_search(torch.from_numpy(values).float())
    >>> [(one.attribute, round(one.change.mean, 1)) for one in leave_one_out(perfect, task, schema)]
    [('hat', -20.8), ('bag', 0.0)]
    """
    _require_width(task, schema)
    query = torch.from_numpy(task.query_values).float()
    whole = _scores(search(query, torch.ones_like(query)), task).average_precision
    effects = []
    for column, (name, share) in enumerate(zip(schema.names, _shares(task), strict=True)):
        certainty = torch.ones_like(query)
        certainty[:, column] = 0
        without = _scores(search(query, certainty), task).average_precision
        effects.append(
            AttributeEffect(name, share, bootstrap_interval(100 * (without - whole)), is_removal=True)
        )
    return tuple(effects)


def by_named_count(
    search: PartialDistance,
    task: RetrievalTask,
    *,
    counts: Sequence[int] = NAMED_COUNTS,
    draws: int = 10,
    seed: int = 0,
) -> NamedCurves:
    """Return how mAP and Rank-1 depend on the number of attributes a description names.

    Each draw puts the attributes of each query into a random order and names the first k, so a longer
    description holds the shorter one. Scores are averaged over draws before queries are resampled.

    Args:
        search: distances of partial descriptions.
        task: queries and truth; nobody may be removed for a query.
        counts: numbers of named attributes; those above the vocabulary's size become its size.
        draws: random orders per query.
        seed: of the orders.

    Raises:
        InputError: for a count below 1, no draw, a task that removes persons, or fewer than 2 queries.
    """
    if min(counts, default=0) < 1 or draws < 1:
        raise InputError(f"at least 1 named attribute and 1 draw expected, got {list(counts)}, {draws} draws")
    if (task.removed_person >= 0).any():
        raise InputError("partial descriptions are scored with the whole gallery; take another protocol")
    attributes = task.query_values.shape[1]
    wanted = sorted({min(count, attributes) for count in counts})
    generator = np.random.default_rng(seed)
    orders = [generator.random(task.query_values.shape).argsort(axis=1).argsort(axis=1) for _ in range(draws)]
    agreeing, exact = [], []
    for count in wanted:
        drawn = [_partial_scores(search, task, order < count) for order in orders]
        agreeing.append(_named_point(count, [scores for scores, _ in drawn]))
        exact.append(_named_point(count, [scores for _, scores in drawn]))
    return NamedCurves(tuple(agreeing), tuple(exact))


def truth_gains(
    probability: Float[Tensor, "person attribute"],
    task: RetrievalTask,
    schema: AttributeSchema,
    distance: RecognitionDistance = euclidean_distance,
) -> tuple[AttributeEffect, ...]:
    """Return, by attribute, the gain in mAP if its predictions were the truth.

    ``gain_a = mean_q AP_q(p with column a true) - AP_q(p)``, paired by query. Where the truth is unknown
    the prediction stays.

    Raises:
        InputError: as for :func:`leave_one_out`.
    """
    _require_width(task, schema)
    query = torch.from_numpy(task.query_values).float()
    certainty = torch.ones_like(query)
    as_it_is = _scores(distance(query, probability, certainty), task).average_precision
    effects = []
    for column, (name, share) in enumerate(zip(schema.names, _shares(task), strict=True)):
        told = with_truth(probability, task, [column])
        perfect = _scores(distance(query, told, certainty), task).average_precision
        effects.append(
            AttributeEffect(name, share, bootstrap_interval(100 * (perfect - as_it_is)), is_removal=False)
        )
    return tuple(effects)


def ceiling_curve(
    probability: Float[Tensor, "person attribute"],
    tasks: Mapping[Protocol, RetrievalTask],
    gains: Sequence[AttributeEffect],
    distance: RecognitionDistance = euclidean_distance,
) -> tuple[CeilingPoint, ...]:
    """Return what is reached as attributes become perfect, those that gain most by themselves first.

    The last point is the ceiling of every classifier of these attributes: 100 under
    :attr:`Protocol.UNIQUE`, less where relevance asks for more than the attributes tell.

    Args:
        probability: of the model.
        tasks: by protocol, all over the same persons.
        gains: from :func:`truth_gains`, in vocabulary order.
        distance: between descriptions and probabilities.
    """
    order = np.argsort([-effect.change.mean for effect in gains], kind="stable").tolist()
    points = []
    for perfect in range(len(order) + 1):
        scores = {
            protocol: _overall(with_truth(probability, task, order[:perfect]), task, distance)
            for protocol, task in tasks.items()
        }
        name = gains[order[perfect - 1]].attribute if perfect else None
        points.append(CeilingPoint(name, perfect, scores))
    return tuple(points)


def with_truth(
    probability: Float[Tensor, "person attribute"], task: RetrievalTask, columns: Sequence[int]
) -> Float[Tensor, "person attribute"]:
    """Return probabilities with some columns replaced by the gallery's truth, where it is known."""
    told = probability.clone()
    for column in columns:
        truth = torch.from_numpy(task.person_values[:, column])
        told[:, column] = torch.where(truth >= 0, truth.to(told), told[:, column])
    return told


def expected_average_precision(
    relevant: Int64[ndarray, " query"], persons: int
) -> Float64[ndarray, " query"]:
    """Return the mean average precision of all orders of a gallery, in [0, 1].

    With R of N persons relevant, the one at rank i is hit with probability R/N and finds
    ``(R - 1)(i - 1)/(N - 1)`` others before it on average::

        E[AP] = ( H_N + (R - 1)/(N - 1) * (N - H_N) ) / N,    H_N = sum_i 1/i

    Args:
        relevant: R, at least 1, of each query.
        persons: N.

    >>> expected_average_precision(np.array([1, 2]), 2)
    array([0.75, 1.  ])
    """
    harmonic = float((1 / np.arange(1, persons + 1)).sum())
    others = (relevant - 1) / max(persons - 1, 1)
    return np.asarray((harmonic + others * (persons - harmonic)) / persons, dtype=np.float64)


@dataclass(frozen=True)
class _PartialScores:
    """Of one draw; queries without any relevant person have none."""

    average_precision: Float64[ndarray, " query"]
    first: Bool[ndarray, " query"]
    relevant: Int64[ndarray, " query"]
    persons: int


def _partial_scores(
    search: PartialDistance, task: RetrievalTask, named: Bool[ndarray, "query attribute"]
) -> tuple[_PartialScores, _PartialScores]:
    """Rank by the named attributes; score by agreement on them, and by agreement on all."""
    query = torch.from_numpy(task.query_values).float()
    kept = np.flatnonzero(task.person_category >= 0)
    distance = search(query, torch.from_numpy(named).float()).numpy()[:, kept]
    differs = task.query_values[:, None, :] != task.person_values[None, kept, :]
    agreeing = ~(differs & named[:, None, :]).any(axis=2)
    exact = task.query_category[:, None] == task.person_category[None, kept]
    return _judged(distance, agreeing), _judged(distance, exact)


def _judged(
    distance: Float32[ndarray, "query person"], relevant: Bool[ndarray, "query person"]
) -> _PartialScores:
    count = relevant.sum(axis=1)
    table = np.full((len(relevant), max(int(count.max()), 1)), NOBODY, dtype=np.int64)
    for row, flags in enumerate(relevant):
        table[row, : count[row]] = np.flatnonzero(flags)
    ranks = relevant_ranks(np.ascontiguousarray(distance, dtype=np.float32), table).ranks
    return _PartialScores(average_precision(ranks, count), ranks[:, 0] == 1, count, relevant.shape[1])


def _named_point(named: int, drawn: Sequence[_PartialScores]) -> NamedPoint:
    precision = np.mean([one.average_precision for one in drawn], axis=0)
    first = np.mean([one.first for one in drawn], axis=0)
    chance = [expected_average_precision(one.relevant, one.persons).mean() for one in drawn]
    return NamedPoint(
        named=named,
        map=bootstrap_interval(100 * precision),
        rank1=bootstrap_interval(100 * first),
        chance_map=float(100 * np.mean(chance)),
        relevant=float(np.mean([one.relevant for one in drawn])),
    )


def _scores(distance: Float32[Tensor, "query person"], task: RetrievalTask) -> QueryScores:
    return evaluate_retrieval(lambda block: distance[block], task, graded=False).per_query


def _overall(
    probability: Float[Tensor, "person attribute"], task: RetrievalTask, distance: RecognitionDistance
) -> RetrievalScores:
    query = torch.from_numpy(task.query_values).float()
    found = distance(query, probability, torch.ones_like(query))
    return evaluate_retrieval(lambda block: found[block], task, graded=False).overall


def _shares(task: RetrievalTask) -> list[float]:
    kept = task.person_values[task.person_category >= 0]
    return [float(share) for share in (kept == 1).mean(axis=0)]


def _require_width(task: RetrievalTask, schema: AttributeSchema) -> None:
    if task.query_values.shape[1] != len(schema):
        raise InputError(
            f"vocabulary {schema.name!r} has {len(schema)} attributes, the queries "
            f"{task.query_values.shape[1]}"
        )
