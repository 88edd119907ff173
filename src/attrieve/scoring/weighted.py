"""Calibrated, weighted and distribution-based distances between descriptions and attribute scores.

After A. Specker and J. Beyerer, "Improving Attribute-Based Person Retrieval By Using A Calibrated, Weighted,
And Distribution-Based Distance Metric", ICIP 2021, of which only the title and second-hand accounts were at
hand: that scores are calibrated, attributes weighted by how reliably they are recognised, and compared with
the distribution of scores where an attribute holds and where it does not, is theirs; the formulas here are
ours.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Float32, Int8
from torch import Tensor

from attrieve.errors import InputError
from attrieve.scoring.demand import read_demand, weigh
from attrieve.scoring.euclidean import euclidean_distance

PRIOR_PEOPLE = 4.0
"""Shrinkage of a distribution: so many people at the middle of all scores are added to either side."""

_LEAST_WEIGHT = 1e-3  # what is recognised no better than by chance still orders people that tie otherwise
_LEAST_SPREAD = 1e-3


@dataclass(frozen=True, eq=False)
class ScoreDistributions:
    """How the logits of each attribute lie where it holds and where it does not: two normal distributions.

    Args:
        mean_yes, mean_no: middles.
        spread_yes, spread_no: standard deviations, above 0.
    """

    mean_yes: Float[Tensor, " attribute"]
    mean_no: Float[Tensor, " attribute"]
    spread_yes: Float[Tensor, " attribute"]
    spread_no: Float[Tensor, " attribute"]


def fit_distributions(
    logit: Float[Tensor, "person attribute"], values: Int8[Tensor, "person attribute"]
) -> ScoreDistributions:
    """Estimate both distributions of every attribute on people the model did not learn from.

    Args:
        logit: of the model.
        values: 1 yes, 0 no, -1 unknown, which is left out.

    Raises:
        InputError: for shapes that differ, or nobody.
    """
    if logit.shape != values.shape or not len(logit):
        raise InputError(
            f"distributions need logits and values of the same people, got {tuple(logit.shape)} and "
            f"{tuple(values.shape)}"
        )
    given = logit.double()
    middle, spread = given.mean(dim=0), given.std(dim=0, correction=0).clamp_min(_LEAST_SPREAD)
    sides = []
    for wanted in (1, 0):
        inside = (values == wanted).double()
        count = inside.sum(dim=0)
        mean = ((given * inside).sum(dim=0) + PRIOR_PEOPLE * middle) / (count + PRIOR_PEOPLE)
        squares = ((given - mean).square() * inside).sum(dim=0)
        variance = (squares + PRIOR_PEOPLE * spread.square()) / (count + PRIOR_PEOPLE)
        sides.append((mean, variance.sqrt().clamp_min(_LEAST_SPREAD)))
    (mean_yes, spread_yes), (mean_no, spread_no) = sides
    return ScoreDistributions(mean_yes, mean_no, spread_yes, spread_no)


def reliability_weights(
    probability: Float[Tensor, "person attribute"], values: Int8[Tensor, "person attribute"]
) -> Float[Tensor, " attribute"]:
    """Return how much each attribute counts: how far its balanced accuracy at 0.5 is above chance.

    ``w = max(0.001, 2 * (sensitivity + specificity) / 2 - 1)``, scaled to the mean 1. An attribute of which
    one of both sides is not there counts as recognised by chance.

    >>> reliability_weights(
    ...     torch.tensor([[0.9, 0.5], [0.1, 0.6]]), torch.tensor([[1, 1], [0, 0]], dtype=torch.int8)
    ... ).round(decimals=2).tolist()
    [2.0, 0.0]
    """
    said = probability >= 0.5
    sides = []
    for wanted in (1, 0):
        inside = values == wanted
        right = (inside & (said == bool(wanted))).sum(dim=0).double()
        sides.append(torch.where(inside.any(dim=0), right / inside.sum(dim=0).clamp_min(1), 0.5))
    weight = (sides[0] + sides[1] - 1).clamp_min(_LEAST_WEIGHT)
    return weight / weight.mean()


def weighted_distance(
    query: Float[Tensor, "query attribute"],
    probability: Float[Tensor, "person attribute"],
    weight: Float[Tensor, " attribute"],
    certainty: Float[Tensor, "query attribute"] | None = None,
) -> Float32[Tensor, "query person"]:
    """Return the paper's Euclidean distance with attributes weighted, on calibrated probabilities or others.

    ``d = sqrt(sum_a w_a c_a (q_a - p_a)^2)``; arguments and errors as for
    :func:`~attrieve.scoring.euclidean.euclidean_distance`.
    """
    own = torch.ones_like(query, dtype=torch.float32) if certainty is None else certainty.float()
    return euclidean_distance(query, probability, own * weight.to(own))


def distribution_distance(
    query: Float[Tensor, "query attribute"],
    logit: Float[Tensor, "person attribute"],
    distributions: ScoreDistributions,
    certainty: Float[Tensor, "query attribute"] | None = None,
) -> Float32[Tensor, "query person"]:
    """Return how far scores lie from where they usually lie for what is asked, in standard deviations.

    A score better than usual costs nothing: ``e_a = max(0, mean_yes - z) / spread_yes`` where the attribute
    is wanted, ``max(0, z - mean_no) / spread_no`` where it is not; ``d = sqrt(sum_a c_a e_a^2)``.

    Args:
        query: at least 0.5 wanted, below unwanted.
        logit: of the model.
        distributions: from :func:`fit_distributions`.
        certainty: at least 0; 0 leaves an attribute open. None means 1 everywhere.

    Raises:
        InputError: as for :func:`~attrieve.scoring.euclidean.euclidean_distance`.
    """
    read_demand(query, certainty)  # refuses an open attribute (-1) that counts, before it reads as "no"
    demand = read_demand((query >= 0.5).to(query), certainty)
    given = logit.double()
    missing = (distributions.mean_yes - given).clamp_min(0) / distributions.spread_yes
    present = (given - distributions.mean_no).clamp_min(0) / distributions.spread_no
    return weigh(demand, missing.square().float(), present.square().float()).clamp_min(0).sqrt()
