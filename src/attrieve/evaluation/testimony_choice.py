"""Choosing, on validation people alone, how the branches join and which distance answers witnesses best."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from torch import Tensor

from attrieve.evaluation.protocol import Protocol, RetrievalTask, build_task
from attrieve.evaluation.testimony import Choice, Statements, speaking_order
from attrieve.evaluation.testimony_distances import (
    NATS,
    POWERS,
    FittedScores,
    SeenPeople,
    distances_of,
    fit_scores,
    joined_evidence,
)
from attrieve.evaluation.testimony_scores import Relevance, judge, score
from attrieve.models.query_side import QuerySide
from attrieve.scoring.match_fit import halves

COUNTS = (3, 8, 16)
"""Numbers of named attributes, besides all, at which distances are compared on validation people."""


@dataclass(frozen=True)
class ChosenScores:
    """What was fitted and chosen on validation people.

    Args:
        fitted: on all of them.
        best_full: distance of the highest mAP for full descriptions.
        best_partial: distance of the highest mean mAP over :data:`COUNTS`.
        full: mAP in percent of every distance for full descriptions, each half of the categories searched
            with what was fitted on the other.
        partial: the same, mean over :data:`COUNTS`, relevant being who fulfils what is named.
    """

    fitted: FittedScores
    best_full: str
    best_partial: str
    full: dict[str, float]
    partial: dict[str, float]


def choose_scores(
    people: SeenPeople, query: QuerySide, shift: Float[Tensor, " attribute"], *, seed: int = 0
) -> ChosenScores:
    """Fit on validation people and compare all distances on them, crosswise by halves of their categories.

    Raises:
        InputError: for too few people or categories.
    """
    crossed = [
        (fit_scores(people.of(half), shift, seed=seed), people.of(~half))
        for half in halves(people.category, seed=seed)
    ]
    questions = [list(_questions(searched, query, seed)) for _, searched in crossed]
    if people.embedding is not None:
        nats, power = _best_evidence(crossed, questions, query)
        crossed = [(replace(fitted, nats=nats, power=power), searched) for fitted, searched in crossed]
    else:
        nats, power = 0.0, 0.0
    full, partial = _compared(crossed, questions, query)
    whole = replace(fit_scores(people, shift, seed=seed), nats=nats, power=power)
    return ChosenScores(
        whole, max(full, key=lambda n: full[n]), max(partial, key=lambda n: partial[n]), full, partial
    )


_Question = tuple[int, RetrievalTask, Statements]
_Crossed = Sequence[tuple[FittedScores, SeenPeople]]


def _questions(people: SeenPeople, query: QuerySide, seed: int) -> Iterator[_Question]:
    """Yield how many attributes are named, and truthful words of every distinct description."""
    values = people.values.numpy()
    task = build_task(Protocol.UNIQUE, train_values=values[:0], test_values=values)
    attributes = values.shape[1]
    rate = query.positive_rate.cpu().numpy()
    order = speaking_order(task.query_values, Choice.UNIFORM, rate, np.random.default_rng(seed))
    for count in sorted({*(min(one, attributes) for one in COUNTS), attributes}):
        named = order < count
        said = np.where(named, task.query_values, -1).astype(np.int8)
        yield count, task, Statements(said, named.astype(np.float32))


def _best_evidence(
    crossed: _Crossed, questions: Sequence[Sequence[_Question]], query: QuerySide
) -> tuple[float, float]:
    """Return nats and power of the highest mean mAP over all numbers of named attributes."""
    scores: dict[tuple[float, float], list[float]] = {}
    for (fitted, people), asked in zip(crossed, questions, strict=True):
        distances = distances_of(people, query, fitted)
        for _, task, words in asked:
            likelihood, cosine = distances["joint"](words), distances["embedding-expected"](words)
            for pair in ((nats, power) for nats in NATS for power in POWERS if nats or not power):
                distance = joined_evidence(likelihood, cosine, words, *pair)
                scores.setdefault(pair, []).append(_map(distance, task, words))
    return max(scores, key=lambda pair: float(np.mean(scores[pair])))


def _compared(
    crossed: _Crossed, questions: Sequence[Sequence[_Question]], query: QuerySide
) -> tuple[dict[str, float], dict[str, float]]:
    full: dict[str, list[float]] = {}
    partial: dict[str, list[float]] = {}
    for (fitted, people), asked in zip(crossed, questions, strict=True):
        for name, distance in distances_of(people, query, fitted).items():
            for count, task, words in asked:
                kept = full if count == words.said.shape[1] else partial
                kept.setdefault(name, []).append(_map(distance(words), task, words))
    return (
        {name: float(np.mean(values)) for name, values in full.items()},
        {name: float(np.mean(values)) for name, values in partial.items()},
    )


def _map(distance: np.ndarray, task: RetrievalTask, words: Statements) -> float:
    judgement = judge(task, words.named, Relevance.FULFILS)
    return float(100 * score(distance, judgement).average_precision.mean())
