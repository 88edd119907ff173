"""Everything that is asked of simulated witnesses, and how each distance answers: one document."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from attrieve.errors import InputError
from attrieve.evaluation.attribute_significance import expected_average_precision
from attrieve.evaluation.protocol import RetrievalTask
from attrieve.evaluation.resampling import Resampling
from attrieve.evaluation.testimony import (
    Choice,
    Statements,
    doubtful_errors,
    errors,
    pool_statements,
    speak,
    speaking_order,
)
from attrieve.evaluation.testimony_distances import BASELINE, SEARCH_BASELINE, DistancesOfWords
from attrieve.evaluation.testimony_intervals import differences, ratios, table
from attrieve.evaluation.testimony_scores import QueryValues, Relevance, judge, score

WRONG = (0.05, 0.10, 0.20)
"""Shares of wrong answers."""

FEW = 8
"""Attributes that a partial description names where its length is not what is asked about."""

KEPT = (1, 2, 4, 8, 16, 24)
"""Numbers of named attributes, besides all but one, for which intervals and differences are kept."""

WITNESSES: tuple[tuple[float, ...], ...] = (
    (0.05,),
    (0.1,),
    (0.2,),
    (0.2, 0.2),
    (0.2, 0.2, 0.2),
    (0.2, 0.2, 0.2, 0.2, 0.2),
    (0.1, 0.2, 0.2),
    (0.1, 0.1, 0.1),
)
"""Shares of wrong answers of each witness of a case."""

_VALUES = ("average_precision", "first", "degree_of_match")


@dataclass(frozen=True, eq=False)
class Interrogation:
    """A test set whose queries are described by witnesses, and the distances that search for them.

    Args:
        task: the unique descriptions of the test part.
        distances: what computes them, the paper's among them.
        positive_rate: share of training images that have each attribute.
        seed: of everything drawn.
        draws: how often each question is asked with other words; scores are averaged over them per query.

    Raises:
        InputError: for no draw.
    """

    task: RetrievalTask
    distances: DistancesOfWords
    positive_rate: Float[ndarray, " attribute"]
    seed: int = 0
    draws: int = 3

    def __post_init__(self) -> None:
        if self.draws < 1:
            raise InputError(f"at least 1 draw is needed, got {self.draws}")

    @property
    def attributes(self) -> int:
        """Of the vocabulary."""
        return int(self.task.query_values.shape[1])

    def generator(self, *of: int) -> np.random.Generator:
        """Return a generator that depends on the seed and on what is drawn, not on what was drawn before."""
        return np.random.default_rng([self.seed, *of])

    def order(self, choice: Choice, draw: int, witness: int = 0) -> ndarray:
        """Return in which order attributes come to a witness's mind."""
        generator = self.generator(1, list(Choice).index(choice), draw, witness)
        return speaking_order(self.task.query_values, choice, self.positive_rate, generator)


Words = tuple[Statements, Bool[ndarray, "query attribute"]]
"""What is said, and what it is about: named attributes, among them those pooled to nothing."""


def interrogate(
    case: Interrogation, *, counts: Sequence[int] | None = None, progress: Callable[[int], None] | None = None
) -> dict[str, Any]:
    """Return scores, intervals over queries and differences to the paper's distance for all questions.

    Args:
        case: who is asked about, and by which distances.
        counts: numbers of named attributes; all by default.
        progress: called with how many questions are done since its last call; :func:`questions` are expected.
    """
    done = progress or (lambda _: None)
    resampling = Resampling.of(len(case.task.query_values), seed=case.seed)

    def answer(words: Sequence[Words], of: dict[str, Any]) -> list[dict[str, Any]]:
        done(1)
        rows = [of | row for row in _answers(case, words, of["named"], resampling)]
        return (
            rows
            if of["named"] in (*KEPT, case.attributes - 1, case.attributes)
            else [_means_only(row) for row in rows]
        )

    return {
        "queries": len(case.task.query_values),
        "persons": len(case.task.person_values),
        "full": answer([_truth(case, Choice.UNIFORM, case.attributes, 0)], {"named": case.attributes})[0],
        "named": [
            row
            for choice in Choice
            for count in counts or range(1, case.attributes)
            for words in [[_truth(case, choice, count, draw) for draw in range(case.draws)]]
            for row in answer(words, {"named": count, "choice": choice.value})
        ],
        "errors": [
            row
            for count in _lengths(case)
            for share in (0.0, *WRONG)
            for words in [[_erring(case, count, share, draw) for draw in range(case.draws)]]
            for row in answer(words, {"named": count, "wrong": share})
        ],
        "doubt": [
            row
            for count in _lengths(case)
            for share in WRONG
            for drawn in [[_doubting(case, count, share, draw) for draw in range(case.draws)]]
            for told, words in (("stated", drawn), ("ignored", _ignoring_doubt(drawn)))
            for row in answer(words, {"named": count, "wrong": share, "certainty": told})
        ],
        "witnesses": _witnesses(case, resampling, done),
    }


def _means_only(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row for curves alone: mAP and mADM without intervals and differences."""
    means = {
        name: {"map": found["map"][:1], "madm": found["madm"][:1]} for name, found in row["distances"].items()
    }
    return {key: value for key, value in row.items() if not key.startswith(("to_", "ratio_"))} | {
        "distances": means
    }


def questions(case: Interrogation, counts: int | None = None) -> int:
    """Return how many steps of progress :func:`interrogate` reports."""
    by_length = (1 + len(WRONG)) + 2 * len(WRONG) + len(WITNESSES)
    return 1 + 2 * (counts or case.attributes - 1) + len(_lengths(case)) * by_length


def _lengths(case: Interrogation) -> tuple[int, ...]:
    return tuple(sorted({min(FEW, case.attributes), case.attributes}))


def _relevances(case: Interrogation, named: int) -> tuple[Relevance, ...]:
    return (Relevance.EXACT,) if named == case.attributes else tuple(Relevance)


def _truth(case: Interrogation, choice: Choice, count: int, draw: int) -> Words:
    named = case.order(choice, draw) < count
    sure = errors(case.task.query_values.shape, 0.0)
    return speak(case.task.query_values, named, sure, case.generator(2, draw)), named


def _erring(case: Interrogation, count: int, share: float, draw: int) -> Words:
    """A witness who errs and does not know it."""
    named = case.order(Choice.UNIFORM, draw) < count
    wrong = errors(case.task.query_values.shape, share)
    words = speak(case.task.query_values, named, wrong, case.generator(2, draw))
    return words.equally_sure(), named


def _doubting(case: Interrogation, count: int, share: float, draw: int) -> Words:
    named = case.order(Choice.UNIFORM, draw) < count
    generator = case.generator(3, round(1000 * share), draw)
    wrong = doubtful_errors(case.task.query_values.shape, share, generator)
    return speak(case.task.query_values, named, wrong, generator), named


def _ignoring_doubt(drawn: Sequence[Words]) -> list[Words]:
    return [(words.equally_sure(), named) for words, named in drawn]


def _pooled(case: Interrogation, count: int, shares: Sequence[float], draw: int) -> Words:
    """Witnesses who each name their own attributes and know how often they err."""
    said = []
    for number, share in enumerate(shares):
        named = case.order(Choice.UNIFORM, draw, witness=number) < count
        wrong = errors(case.task.query_values.shape, share)
        generator = case.generator(4, draw, number)
        said.append(speak(case.task.query_values, named, wrong, generator))
    pooled = said[0] if len(said) == 1 else pool_statements(said)
    return pooled, np.any([one.named for one in said], axis=0)


def _witnesses(
    case: Interrogation, resampling: Resampling, done: Callable[[int], None]
) -> list[dict[str, Any]]:
    """Score every group of witnesses, and its distance to its best witness and to one who errs in 10 %."""
    rows = []
    for count in _lengths(case):
        scores: dict[tuple[float, ...], dict[str, QueryValues]] = {}
        for shares in WITNESSES:
            words = [_pooled(case, count, shares, draw) for draw in range(case.draws)]
            scores[shares] = _scores(case, words, [Relevance.EXACT])[0]
            row = {"named": count, "wrong": list(shares), "distances": table(scores[shares], resampling)}
            for key, other in (("to_best", (min(shares),)), ("to_one_of_ten_percent", (0.1,))):
                if other in scores and other != shares:
                    row[key] = differences(scores[shares], scores[other], resampling)
            rows.append(row)
            done(1)
    return rows


def _answers(
    case: Interrogation, words: Sequence[Words], named: int, resampling: Resampling
) -> list[dict[str, Any]]:
    """Score the same words by each idea of who is right; so many attributes are named."""
    relevances = _relevances(case, named)
    persons = len(case.task.person_values)
    scores = _scores(case, words, relevances)
    rows = []
    for relevance, found in zip(relevances, scores, strict=True):
        count = [(judge(case.task, about, relevance).relevant >= 0).sum(axis=1) for _, about in words]
        chance = np.mean([100 * expected_average_precision(one, persons).mean() for one in count])
        row: dict[str, Any] = {
            "relevance": relevance.value,
            "relevant": round(float(np.mean(count)), 2),
            "chance_map": round(float(chance), 2),
            "distances": table(found, resampling),
            "to_paper": differences(found, dict.fromkeys(found, found[BASELINE]), resampling),
        }
        if named in _lengths(case):
            row["ratio_to_paper"] = ratios(found, found[BASELINE], resampling)
            if SEARCH_BASELINE in found:
                row["ratio_to_naive_search"] = ratios(found, found[SEARCH_BASELINE], resampling)
        rows.append(row)
    return rows


def _scores(
    case: Interrogation, words: Sequence[Words], relevances: Sequence[Relevance]
) -> list[dict[str, QueryValues]]:
    """Return each distance's scores per query, averaged over the draws, for each idea of who is right."""
    drawn: list[dict[str, list[QueryValues]]] = [{} for _ in relevances]
    for said, named in words:
        judgements = [judge(case.task, named, relevance) for relevance in relevances]
        for name, distance in case.distances(said).items():
            for judgement, kept in zip(judgements, drawn, strict=True):
                kept.setdefault(name, []).append(score(np.ascontiguousarray(distance), judgement))
    return [
        {name: QueryValues(*(_mean(found, metric) for metric in _VALUES)) for name, found in kept.items()}
        for kept in drawn
    ]


def _mean(drawn: Sequence[QueryValues], metric: str) -> ndarray:
    return np.asarray(np.mean([getattr(one, metric) for one in drawn], axis=0))
