"""How much each answer of a description should count in a likelihood, learnt by ranking."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int8
from numpy import ndarray
from scipy.optimize import minimize
from torch import Tensor

from attrieve.errors import InputError
from attrieve.schema import AttributeSchema
from attrieve.scoring.likelihood import group_likelihood

RIDGE = 1.5
"""How much the squares of log weights cost, beside the mean loss of a description times their number."""

SPOKEN = (3, 8, 16)
"""Numbers of named attributes, besides all, of the descriptions the weights are learnt from."""

_STEPS = 60
_SCALE_RIDGE = 0.1


@dataclass(frozen=True, eq=False)
class RankingWeights:
    """Factors of certainties: an answer that tells people apart counts for more than one that does not.

    Args:
        wanted: of attributes that are wanted; above 0.
        unwanted: of attributes that are not.
    """

    wanted: Float32[Tensor, " attribute"]
    unwanted: Float32[Tensor, " attribute"]

    def certainty(
        self,
        query: Float[Tensor, "query attribute"],
        certainty: Float[Tensor, "query attribute"] | None = None,
    ) -> Float32[Tensor, "query attribute"]:
        """Return certainties times the weights of what is asked; None means 1 everywhere."""
        own = torch.ones_like(query, dtype=torch.float32) if certainty is None else certainty.float()
        return own * torch.where(query >= 0.5, self.wanted.to(own), self.unwanted.to(own))


def fit_ranking_weights(
    logit: Float[Tensor, "person attribute"],
    values: Int8[Tensor, "person attribute"],
    schema: AttributeSchema,
    *,
    shift: Float[Tensor, " attribute"] | None = None,
    ridge: float = RIDGE,
    seed: int = 0,
) -> RankingWeights:
    """Learn weights by which people who fulfil a description come before those who do not.

    Every distinct description of the people is asked among them, whole and with :data:`SPOKEN` attributes
    named. With d the group-structured likelihood under the weights and t a scale, the loss of one is

        mean over fulfilling p of  -log[ e^(-t d_p) / (e^(-t d_p) + sum over others n of e^(-t d_n)) ],

    and ``ridge`` times the sum of squared log weights is added to the sum over descriptions (a quarter of it,
    as there are four of each). Attributes that say the same twice, or that the model recognises worse than it
    believes, come to count for less.

    Args:
        logit: of people the model did not learn from.
        values: their attributes, 0 or 1.
        schema: of the vocabulary.
        shift: as for :func:`~attrieve.scoring.likelihood.group_likelihood`.
        ridge: at least 0; large keeps all weights at 1.
        seed: of which attributes are named.

    Raises:
        InputError: for shapes that differ, unknown values, or people who all fit one description.
    """
    if logit.shape != values.shape or not len(logit):
        raise InputError(
            f"ranking weights need logits and values of the same people, got {tuple(logit.shape)} and "
            f"{tuple(values.shape)}"
        )
    if bool((values < 0).any()):
        raise InputError("ranking weights need people whose attributes are all known; some are -1")
    described = torch.unique(values, dim=0)
    if len(described) < 2:
        raise InputError("ranking weights need people of at least two descriptions; all have the same")
    attributes = values.shape[1]
    generator = torch.Generator().manual_seed(seed)
    place = torch.rand(described.shape, generator=generator).argsort(dim=1).argsort(dim=1)
    asked = [
        (named.float(), fulfilling)
        for count in (*(min(one, attributes) for one in SPOKEN), attributes)
        for named in (place < count,)
        for fulfilling in (~((described[:, None] != values[None]) & named[:, None]).any(dim=2),)
    ]
    query = described.float()

    def loss(free: Float[ndarray, " number"]) -> tuple[float, Float[ndarray, " number"]]:
        """Return loss and gradient: of the log of the scale, then of the log weights."""
        given = torch.from_numpy(free.astype(np.float32)).requires_grad_()
        weights = _weights(given)
        total = ridge * given[1:].square().sum() + _SCALE_RIDGE * given[0].square()
        for named, fulfilling in asked:
            told = weights.certainty(query, named)
            distance = given[0].exp() * group_likelihood(query, logit, schema, told, shift=shift)
            total = total + _outranked(distance, fulfilling) / len(asked)
        (gradient,) = torch.autograd.grad(total, given)
        return float(total.detach()), gradient.double().numpy()

    start = np.zeros(1 + 2 * attributes)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS})
    return _weights(torch.from_numpy(found.x).float())


def _weights(free: Float32[Tensor, " number"]) -> RankingWeights:
    wanted, unwanted = free[1:].exp().chunk(2)
    return RankingWeights(wanted, unwanted)


def _outranked(
    distance: Float32[Tensor, "query person"], fulfilling: Bool[Tensor, "query person"]
) -> Float32[Tensor, ""]:
    """Return the loss above, summed over descriptions; one that everybody fulfils has none."""
    others = torch.logsumexp((-distance).masked_fill(fulfilling, -torch.inf), dim=1, keepdim=True)
    # Where nobody else is left, others is -inf and the loss 0; the finite stand-in keeps gradients finite.
    others = torch.where(fulfilling.all(dim=1, keepdim=True), torch.full_like(others, -1e30), others)
    each = torch.nn.functional.softplus(others + distance)
    return ((each * fulfilling).sum(dim=1) / fulfilling.sum(dim=1)).sum()
