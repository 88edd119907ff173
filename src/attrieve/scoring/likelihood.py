"""How unlikely a description is, given what the model sees: negative log-likelihoods as distances."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Float32
from torch import Tensor
from torch.nn.functional import softplus

from attrieve.errors import InputError
from attrieve.schema import AttributeSchema, GroupKind
from attrieve.scoring.demand import Demand, read_demand, weigh

ONE_OF_MANY = frozenset({GroupKind.EXCLUSIVE, GroupKind.EXCLUSIVE_OR_NONE})
"""Groups read as one choice among their members and "none"."""

LARGEST_LOGIT = 50.0
"""Logits are held within this, so that 0 certainty times an infinite cost cannot give NaN."""


def independent_likelihood(
    query: Float[Tensor, "query attribute"],
    probability: Float[Tensor, "person attribute"],
    certainty: Float[Tensor, "query attribute"] | None = None,
    *,
    smallest: float = 1e-6,
) -> Float32[Tensor, "query person"]:
    """Return ``-sum_a c_a [q_a log p_a + (1 - q_a) log(1 - p_a)]``: every attribute by itself.

    Args:
        query: in [0, 1]: 1 wanted, 0 unwanted.
        probability: in [0, 1]; held within ``[smallest, 1 - smallest]``.
        certainty: at least 0; 0 leaves an attribute open. None means 1 everywhere.
        smallest: the least probability anything is given.

    Raises:
        InputError: for a certainty below 0, or a query value outside [0, 1] that counts.

    >>> import torch
    >>> independent_likelihood(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.5, 0.0]]))
    tensor([[0.6931]])
    """
    sure = probability.float().clamp(smallest, 1 - smallest)
    return weigh(read_demand(query, certainty), -sure.log(), -torch.log1p(-sure))


def training_weight_shift(positive_rate: Float[Tensor, " attribute"]) -> Float[Tensor, " attribute"]:
    """Return what to add to a logit that was trained with label weights exp(1-r) and exp(r).

    Weighting moves the best logit up by ``log(exp(1-r) / exp(r)) = 1 - 2r``; adding ``2r - 1`` undoes it.

    >>> import torch
    >>> training_weight_shift(torch.tensor([0.5, 0.0]))
    tensor([ 0., -1.])
    """
    return 2 * positive_rate - 1


def group_likelihood(
    query: Float[Tensor, "query attribute"],
    logit: Float[Tensor, "person attribute"],
    schema: AttributeSchema,
    certainty: Float[Tensor, "query attribute"] | None = None,
    *,
    shift: Float[Tensor, " attribute"] | None = None,
    one_of_many: frozenset[GroupKind] = ONE_OF_MANY,
) -> Float32[Tensor, "query person"]:
    """Return the negative log-likelihood of a description, with one choice per exclusive group.

    In a group of a kind in ``one_of_many`` the members and "none" (logit 0) share one softmax:
    ``P(k) = exp z_k / (1 + sum_j exp z_j)``. A wanted member costs ``-c log P(k)``; unwanted ones alone
    cost ``-c log P(none of them)`` with c their mean certainty (beside a wanted member they say
    nothing new); several wanted members contradict the group, and it falls back to independent bits.
    All other groups are independent bits: ``-c log sigmoid(z)`` and ``-c log sigmoid(-z)``.

    Args:
        query: at least 0.5 wanted, below unwanted.
        logit: before the sigmoid; held within +-50.
        schema: whose groups to use; as many attributes as the tensors have.
        certainty: at least 0; 0 leaves an attribute open. None means 1 everywhere.
        shift: added to the logits, e.g. :func:`training_weight_shift`.
        one_of_many: kinds of groups that hold one member at most.

    Raises:
        InputError: as for :func:`independent_likelihood`, or if the schema has another width.

    Source: after the group-structured scoring published by a participant of the UPAR challenge.
    """
    if len(schema) != logit.shape[1]:
        raise InputError(
            f"vocabulary {schema.name!r} has {len(schema)} attributes, logits have {logit.shape[1]}"
        )
    read_demand(query, certainty)  # refuses an open attribute (-1) that counts, before it reads as "no"
    demand = read_demand((query >= 0.5).to(query), certainty)
    shifted = logit.float() if shift is None else logit.float() + shift
    bounded = shifted.clamp(-LARGEST_LOGIT, LARGEST_LOGIT)
    alone = torch.ones_like(demand.wanted, dtype=torch.bool)
    choices = []
    for group, members in zip(schema.groups, schema.group_indices, strict=True):
        if group.kind in one_of_many:
            columns = list(members)
            single = (demand.wanted[:, columns] > 0).sum(dim=1) <= 1
            alone[:, columns] = ~single[:, None]
            choices.append(_group_cost(_GroupDemand.of(demand, columns, single), bounded[:, columns]))
    independent = Demand(demand.wanted * alone, demand.unwanted * alone, demand.ambiguity)
    total = weigh(independent, softplus(-bounded), softplus(bounded))
    for cost in choices:
        total += cost
    return total


@dataclass(frozen=True)
class _GroupDemand:
    """What is asked within one exclusive group, for the queries that want one member at most."""

    wanted: Float32[Tensor, "query member"]
    unwanted: Float32[Tensor, "query member"]

    @classmethod
    def of(cls, demand: Demand, columns: list[int], single: Bool[Tensor, " query"]) -> "_GroupDemand":
        wanted = demand.wanted[:, columns] * single[:, None]
        refuses_only = single & (wanted == 0).all(dim=1)
        return cls(wanted, demand.unwanted[:, columns] * refuses_only[:, None])


def _group_cost(
    asked: _GroupDemand, logit: Float32[Tensor, "person member"]
) -> Float32[Tensor, "query person"]:
    with_none = torch.cat([logit, torch.zeros_like(logit[:, :1])], dim=1)
    total = torch.logsumexp(with_none, dim=1)
    cost = asked.wanted @ (total[:, None] - logit).T
    refused = asked.unwanted > 0
    patterns, which = torch.unique(refused, dim=0, return_inverse=True)
    certainty = asked.unwanted.sum(dim=1) / refused.sum(dim=1).clamp_min(1)
    chosen = torch.zeros(len(refused), len(patterns)).to(cost)
    chosen[torch.arange(len(refused)), which] = certainty
    struck = torch.zeros(len(patterns), len(logit)).to(cost)
    for position, pattern in enumerate(patterns):
        if bool(pattern.any()):
            # What is left when the refused members are struck out, "none" among it.
            left = torch.logsumexp(with_none[:, torch.cat([~pattern, pattern.new_ones(1)])], dim=1)
            struck[position] = (total - left).clamp_min(0)
    return cost + chosen @ struck  # one pattern per query: all other summands are 0
