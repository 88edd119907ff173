"""Choosing, on validation people alone, how the branches join and which distance answers witnesses best."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from attrieve.errors import InputError
from attrieve.evaluation.protocol import Protocol, RetrievalTask, build_task
from attrieve.evaluation.testimony import Choice, Statements, doubtful_errors, speak, speaking_order
from attrieve.evaluation.testimony_distances import (
    LIKELIHOODS,
    NATS,
    POWERS,
    TEMPERATURES,
    FittedScores,
    SeenPeople,
    distances_of,
    fit_scores,
    joined_evidence,
)
from attrieve.evaluation.testimony_scores import Relevance, judge, score
from attrieve.models.query_side import QuerySide
from attrieve.scoring.likelihood import group_likelihood

COUNTS = (3, 8, 16)
"""Numbers of named attributes, besides all, at which distances are compared on validation people."""

FOLDS, LEAST_CATEGORIES = 4, 8
"""Parts of the validation people that take turns in being searched among."""

DOUBT = 0.2
"""Share of wrong answers of the doubtful witnesses by whom distances are compared."""


@dataclass(frozen=True)
class ChosenScores:
    """What was fitted and chosen on validation people.

    Args:
        fitted: on all of them.
        best_full: distance of the highest mAP for full descriptions.
        best_partial: distance of the highest mean mAP over :data:`COUNTS`.
        best_doubtful: distance of the highest mAP for full descriptions by doubtful witnesses.
        full: mAP in percent of every distance for full descriptions; mean over parts of the people, each
            searched with what was fitted on the others.
        partial: the same, mean over :data:`COUNTS`, relevant being who fulfils what is named.
        doubtful: the same for full descriptions with :data:`DOUBT` of wrong answers, certainties stated.
    """

    fitted: FittedScores
    best_full: str
    best_partial: str
    best_doubtful: str
    full: dict[str, float]
    partial: dict[str, float]
    doubtful: dict[str, float]


def choose_scores(
    people: SeenPeople, query: QuerySide, shift: Float[Tensor, " attribute"], *, seed: int = 0
) -> ChosenScores:
    """Fit on validation people and compare all distances on parts of them that were not fitted on.

    Raises:
        InputError: for too few people or categories.
    """
    crossed = [
        (fit_scores(people.of(~fold), query.schema, shift, seed=seed), people.of(fold))
        for fold in _folds(people, seed)
    ]
    questions = [list(_questions(searched, query, seed)) for _, searched in crossed]
    temperature = _best_temperature(people, query, shift, seed)
    crossed = [(replace(fitted, temperature=temperature), searched) for fitted, searched in crossed]
    whole = replace(fit_scores(people, query.schema, shift, seed=seed), temperature=temperature)
    if people.embedding is not None:
        base, nats, power = _best_evidence(crossed, questions, query)
        whole = replace(whole, base=base, nats=nats, power=power)
    kept: dict[str, dict[str, list[float]]] = {_FULL: {}, _PARTIAL: {}, _DOUBTFUL: {}}
    for (fitted, searched), asked in zip(crossed, questions, strict=True):
        joining = replace(fitted, base=whole.base, nats=whole.nats, power=whole.power)
        distances = distances_of(joining.mend(searched), query, joining)
        for kind, task, words in asked:
            for name, distance in distances(words).items():
                kept[kind].setdefault(name, []).append(_map(distance, task, words))
    found = {
        kind: {name: float(np.mean(values)) for name, values in scores.items()}
        for kind, scores in kept.items()
    }
    best = {kind: max(scores, key=lambda name: scores[name]) for kind, scores in found.items()}
    return ChosenScores(
        whole, best[_FULL], best[_PARTIAL], best[_DOUBTFUL], found[_FULL], found[_PARTIAL], found[_DOUBTFUL]
    )


_FULL, _PARTIAL, _DOUBTFUL = "full", "partial", "doubtful"
_Question = tuple[str, RetrievalTask, Statements]
_Crossed = Sequence[tuple[FittedScores, SeenPeople]]


def _folds(people: SeenPeople, seed: int) -> Iterator[Bool[Tensor, " person"]]:
    """Yield who is searched among while the others are fitted on: whole categories, in :data:`FOLDS` parts.

    Each part is a gallery of its own. Among all people, scores by fits that lack a category would speak
    against just that category.
    """
    names, place = torch.unique(people.category, return_inverse=True)
    if len(names) < LEAST_CATEGORIES:
        raise InputError(
            f"fitting and choosing need validation people of at least {LEAST_CATEGORIES} categories, got "
            f"{len(names)}; set more aside (data.validation_categories)"
        )
    part = torch.from_numpy(np.random.default_rng(seed).permutation(len(names)) % FOLDS)[place]
    yield from (part == number for number in range(FOLDS))


def _questions(people: SeenPeople, query: QuerySide, seed: int) -> Iterator[_Question]:
    """Yield what kind of words of every distinct description there are, and the words."""
    values = people.values.numpy()
    task = build_task(Protocol.UNIQUE, train_values=values[:0], test_values=values)
    attributes = values.shape[1]
    rate = query.positive_rate.cpu().numpy()
    order = speaking_order(task.query_values, Choice.UNIFORM, rate, np.random.default_rng(seed))
    for count in sorted({*(min(one, attributes - 1) for one in COUNTS), attributes}):
        named = order < count
        said = np.where(named, task.query_values, -1).astype(np.int8)
        words = Statements(said, named.astype(np.float32))
        yield _FULL if count == attributes else _PARTIAL, task, words
    generator = np.random.default_rng([seed, 1])
    wrong = doubtful_errors(task.query_values.shape, DOUBT, generator)
    everything = np.ones(task.query_values.shape, dtype=bool)
    yield _DOUBTFUL, task, speak(task.query_values, everything, wrong, generator)


def _best_temperature(
    people: SeenPeople, query: QuerySide, shift: Float[Tensor, " attribute"], seed: int
) -> float:
    """Return the temperature of the best mAP of truthful words: the geometric mean over their lengths."""
    scores: dict[float, list[float]] = {temperature: [] for temperature in TEMPERATURES}
    for kind, task, words in _questions(people, query, seed):
        if kind == _DOUBTFUL:
            continue
        said = torch.from_numpy(np.maximum(words.said, 0).astype(np.float32))
        certainty = torch.from_numpy(words.certainty)
        for temperature, found in scores.items():
            logit = temperature * (people.logit + shift.to(people.logit))
            distance = group_likelihood(said, logit, query.schema, certainty).numpy()
            found.append(_map(distance, task, words))
    return max(scores, key=lambda one: float(np.log(np.maximum(scores[one], 1e-9)).mean()))


def _best_evidence(
    crossed: _Crossed, questions: Sequence[Sequence[_Question]], query: QuerySide
) -> tuple[str, float, float]:
    """Return likelihood, nats and power of the best mAP: the geometric mean over all kinds of words."""
    scores: dict[tuple[str, float, float], list[float]] = {}
    for (fitted, people), asked in zip(crossed, questions, strict=True):
        distances = distances_of(fitted.mend(people), query, fitted)
        for _, task, words in asked:
            found = distances(words)
            for base, nats, power in product(LIKELIHOODS, NATS, POWERS):
                distance = joined_evidence(found[base], found["embedding-expected"], words, nats, power)
                scores.setdefault((base, nats, power), []).append(_map(distance, task, words))
    return max(scores, key=lambda one: float(np.log(np.maximum(scores[one], 1e-9)).mean()))


def _map(distance: np.ndarray, task: RetrievalTask, words: Statements) -> float:
    judgement = judge(task, words.named, Relevance.FULFILS)
    return float(100 * score(np.ascontiguousarray(distance), judgement).average_precision.mean())
