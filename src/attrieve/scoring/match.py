"""P(match): how probable it is that a person fulfils a description, comparable across descriptions.

Each thing asked is in force with the asker's certainty c, so an event of probability P is met with
``1 - c (1 - P)``. Their product would be the answer if attributes were independent; how far it is from the
truth is learnt from simulated partial descriptions of people the model did not learn from
(:mod:`attrieve.scoring.match_fit`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int8, Int64
from torch import Tensor

from attrieve.models.calibration import MatchCorrection
from attrieve.schema import AttributeQuery
from attrieve.scoring.factors import Event, event_log_probabilities, events_of

LEAST_LOG = -30.0
"""The smallest log-odds a product of probabilities is given."""

PRIOR_IMAGES = 20.0
"""Images of imagined people with independent attributes that are added to those of training, for the lift."""


@dataclass(frozen=True, eq=False)
class AskedMatch:
    """A description made ready for P(match); depends on no gallery row.

    Args:
        events: what is asked.
        asked: how many.
        lift: see :func:`population_lift`.
        attributes: of the vocabulary.
    """

    events: tuple[Event, ...]
    lift: float
    attributes: int

    @property
    def asked(self) -> int:
        """How many things are asked."""
        return len(self.events)

    @classmethod
    def of(
        cls,
        query: AttributeQuery,
        categories: Int8[Tensor, "category attribute"],
        counts: Int64[Tensor, " category"],
    ) -> "AskedMatch":
        """Read a description against the people of training."""
        return cls(events_of(query), population_lift(query, categories, counts), len(query.schema))


def population_lift(
    query: AttributeQuery, categories: Int8[Tensor, "category attribute"], counts: Int64[Tensor, " category"]
) -> float:
    """Return the log of how much more often people have all that is asked than if it were independent.

    Unknown values count as the share of those known. Some imagined people with independent attributes keep
    combinations that training never showed from being impossible. 0 without training categories.

    >>> from attrieve.schema import load_vocabulary, parse_query
    >>> both = torch.zeros(2, 35, dtype=torch.int8)
    >>> both[0, [4, 10]] = 1  # backpack and hat always come together
    >>> query = parse_query("backpack, hat", load_vocabulary("peta35"))
    >>> round(population_lift(query, both, torch.tensor([5000, 5000])), 2)
    0.69
    """
    if not len(categories):
        return 0.0
    weight = counts.double()
    known = (categories >= 0).double()
    rate = (weight @ (categories == 1).double()) / (weight @ known).clamp_min(1e-9)
    values = torch.where(categories >= 0, categories.double(), rate)
    met = _met_by_values(query, values)
    single = (weight @ met / weight.sum()).clamp_min(1e-9)
    independent = float(single.log().sum())
    together = float((weight @ met.prod(dim=1)).item())
    total = float(weight.sum())
    share = (together + PRIOR_IMAGES * math.exp(independent)) / (total + PRIOR_IMAGES)
    return math.log(share) - independent if share > 0 else 0.0


def _met_by_values(
    query: AttributeQuery, values: Float[Tensor, "category attribute"]
) -> Float[Tensor, "category term"]:
    columns = []
    for term in query.terms:
        most = values[:, list(term.attributes)].amax(dim=1)
        met = most if term.wanted else 1 - most
        columns.append(1 - term.certainty * (1 - met))
    return torch.stack(columns, dim=1)


def log_product(
    events: Sequence[Event], logit: Float[Tensor, "person attribute"]
) -> Float[Tensor, " person"]:
    """Return ``sum over events of log(1 - c (1 - P))`` from calibrated logits, in float64."""
    certainty = torch.tensor([event.certainty for event in events], dtype=torch.float64)
    probability = event_log_probabilities(events, logit, shares=True).exp()
    return torch.log1p(-certainty * (1 - probability).clamp(0, 1 - 1e-13)).sum(dim=1)


def product_log_odds(log_probability: Float[Tensor, " person"]) -> Float[Tensor, " person"]:
    """Return the log-odds of ``exp(log_probability)``, held within +-30."""
    below = log_probability.clamp(LEAST_LOG, -1e-13)
    return below - torch.log(-torch.expm1(below))


def match_probability(
    asked: AskedMatch,
    logit: Float[Tensor, "person attribute"],
    correction: MatchCorrection,
    cosine: Float[Tensor, " person"] | None = None,
) -> Float[Tensor, " person"]:
    """Return P(match) of each person in float64, in (0, 1).

    Args:
        asked: the description.
        logit: calibrated, see :class:`~attrieve.models.calibration.Calibration`.
        correction: for attributes alone, or with the embedding.
        cosine: between each person's embedding and the expected one; None leaves it out.
    """
    intercept, slope, of_cosine = correction.line(asked.asked, asked.attributes, asked.lift)
    odds = intercept + slope * product_log_odds(log_product(asked.events, logit))
    if cosine is not None:
        odds = odds + of_cosine * cosine.double()
    return torch.sigmoid(odds)
