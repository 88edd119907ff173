"""Learning how P(match) follows from single probabilities, from simulated partial descriptions."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int8, Int64
from scipy.optimize import minimize
from scipy.special import expit
from torch import Tensor

from attrieve.errors import InputError
from attrieve.models.calibration import MatchCorrection
from attrieve.schema import AttributeQuery, AttributeSchema, Term
from attrieve.scoring.match import AskedMatch, log_product, product_log_odds

DESCRIPTIONS = 600
"""How many partial descriptions are simulated."""

POSITIVE_SHARE = 0.5
"""Share of what a simulated witness names that is sought among what the person has, as far as it goes."""

_RIDGE = 1.0  # of a standard normal prior on every number of the correction, around independence


@dataclass(frozen=True, eq=False)
class MatchSample:
    """Simulated answers: whether persons fulfil descriptions, and what P(match) is to be read from.

    Args:
        odds: log-odds of the product of single probabilities.
        count: log n / log N.
        lift: of the description.
        cosine: to the expected embedding; 0 where there is none.
        fulfilled: whether the person does.
        description: number of the description.
        person: number of the person.
    """

    odds: Float[np.ndarray, " answer"]
    count: Float[np.ndarray, " answer"]
    lift: Float[np.ndarray, " answer"]
    cosine: Float[np.ndarray, " answer"]
    fulfilled: Bool[np.ndarray, " answer"]
    description: Int64[np.ndarray, " answer"]
    person: Int64[np.ndarray, " answer"]

    def where(self, people: Bool[Tensor, " person"]) -> Bool[np.ndarray, " answer"]:
        """Return which answers are of some people."""
        return np.asarray(people.numpy()[self.person])

    def of_people(self, people: Bool[Tensor, " person"]) -> "MatchSample":
        """Return the answers of some people."""
        chosen = self.where(people)
        return MatchSample(**{name: column[chosen] for name, column in vars(self).items()})

    def probability(self, correction: MatchCorrection) -> Float[np.ndarray, " answer"]:
        """Return P(match) of every answer."""
        t = self.count
        odds = correction.bias + (correction.slope_few * (1 - t) + correction.slope_many * t) * self.odds
        odds = odds + correction.count * t + correction.lift_weight * self.lift
        odds = odds + (correction.cosine_few * (1 - t) + correction.cosine_many * t) * self.cosine
        return np.asarray(expit(odds))


def simulated_descriptions(
    schema: AttributeSchema,
    values: Int8[Tensor, "person attribute"],
    *,
    count: int = DESCRIPTIONS,
    seed: int = 0,
) -> tuple[AttributeQuery, ...]:
    """Return true partial descriptions of randomly chosen people.

    The number of things named is drawn log-uniformly from 1 to all that is known of the person; half of
    them, as far as possible, are things the person has, for witnesses name what they saw rather than
    what was not there.

    Raises:
        InputError: if nothing is known of anybody.
    """
    known = values >= 0
    usable = torch.nonzero(known.any(dim=1)).flatten().numpy()
    if not len(usable):
        raise InputError(
            "descriptions are drawn from people of whom something is known; of nobody anything is"
        )
    draw = np.random.default_rng(seed)
    table, there = values.numpy(), known.numpy()
    found = []
    for person in draw.choice(usable, count).tolist():
        own = np.flatnonzero(there[person])
        size = int(np.clip(round(math.exp(draw.uniform(0, math.log(len(own))))), 1, len(own)))
        has = draw.permutation(own[table[person, own] == 1])[: draw.binomial(size, POSITIVE_SHARE)]
        rest = draw.permutation(np.setdiff1d(own, has))[: size - len(has)]
        named = sorted([*has.tolist(), *rest.tolist()])
        found.append(AttributeQuery(schema, tuple(Term((i,), bool(table[person, i])) for i in named)))
    return tuple(found)


def simulate_matches(
    queries: Sequence[AttributeQuery],
    logit: Float[Tensor, "person attribute"],
    values: Int8[Tensor, "person attribute"],
    *,
    categories: Int8[Tensor, "category attribute"],
    counts: Int64[Tensor, " category"],
    embedding: Float[Tensor, "person dim"] | None = None,
    expected_embedding: Callable[[AttributeQuery], Float[Tensor, " dim"]] | None = None,
) -> MatchSample:
    """Compare every description with every person of whom all that is asked is known.

    Args:
        queries: the descriptions.
        logit: calibrated, by curves that did not see the person (``held_out`` of a fit).
        values: the truth.
        categories: of training, for the lift.
        counts: images of each.
        embedding: unit vectors, or None.
        expected_embedding: the unit vector a description asks for, or None.
    """
    parts = [
        _answers(number, query, logit, values, categories, counts, embedding, expected_embedding)
        for number, query in enumerate(queries)
    ]
    columns = (np.concatenate(column) for column in zip(*parts, strict=True))
    return MatchSample(*columns)


def _answers(
    number: int,
    query: AttributeQuery,
    logit: Tensor,
    values: Tensor,
    categories: Tensor,
    counts: Tensor,
    embedding: Tensor | None,
    expected_embedding: Callable[[AttributeQuery], Tensor] | None,
) -> tuple[np.ndarray, ...]:
    asked = AskedMatch.of(query, categories, counts)
    wanted = torch.from_numpy(query.values())
    named = wanted >= 0
    known = (values[:, named] >= 0).all(dim=1)
    persons = torch.nonzero(known).flatten().numpy()
    rows = len(persons)
    t = math.log(asked.asked) / math.log(asked.attributes) if asked.attributes > 1 else 0.0
    if embedding is None or expected_embedding is None:
        cosine = np.zeros(rows)
    else:
        cosine = (embedding[known].double() @ expected_embedding(query).double()).numpy()
    return (
        product_log_odds(log_product(asked.events, logit[known])).numpy(),
        np.full(rows, t),
        np.full(rows, asked.lift),
        cosine,
        (values[known][:, named] == wanted[named]).all(dim=1).numpy(),
        np.full(rows, number, dtype=np.int64),
        persons,
    )


def fit_match(sample: MatchSample, *, with_embedding: bool = False) -> MatchCorrection:
    """Return the correction of the largest likelihood, with a weak pull towards independence.

    Slopes are held at or above 0, so that a person who shows more of what is asked is never less probable.

    Raises:
        InputError: without any answer.
    """
    if not len(sample.odds):
        raise InputError(
            "P(match) cannot be learnt without a single answer; hand in people whose values are known"
        )
    t = sample.count
    columns = [np.ones_like(t), (1 - t) * sample.odds, t * sample.odds, t, sample.lift]
    start = [0.0, 1.0, 1.0, 0.0, 0.0]
    bounds: list[tuple[float | None, float | None]] = [
        (None, None),
        (0, None),
        (0, None),
        (None, None),
        (None, None),
    ]
    if with_embedding:
        columns += [(1 - t) * sample.cosine, t * sample.cosine]
        start += [0.0, 0.0]
        bounds += [(0, None), (0, None)]
    table, middle = np.stack(columns, axis=1), np.array(start)
    sign = np.where(sample.fulfilled, -1.0, 1.0)

    def loss(at: np.ndarray) -> tuple[float, np.ndarray]:
        margin = sign * (table @ at)
        away = _RIDGE * (at - middle)
        total = float(np.logaddexp(0.0, margin).sum() + 0.5 * away @ away)
        return total, (sign * expit(margin)) @ table + _RIDGE * away

    found = minimize(loss, middle, jac=True, method="L-BFGS-B", bounds=bounds).x.tolist()
    return MatchCorrection(*found)


def halves(category: Int64[Tensor, " person"], *, seed: int = 0) -> Iterator[Bool[Tensor, " person"]]:
    """Yield both halves of people, whole categories together: one to learn from, the other to check with."""
    names, place = torch.unique(category, return_inverse=True)
    first = torch.from_numpy(np.random.default_rng(seed).permutation(len(names)) % 2 == 0)[place]
    yield first
    yield ~first
