"""What a description asks of each attribute, as the numbers every distance starts from."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Float32
from torch import Tensor

from attrieve.errors import InputError
from attrieve.scoring.products import inner_products


@dataclass(frozen=True)
class Demand:
    """Certainty-weighted wishes: how much an attribute should hold, and how much it should not.

    Args:
        wanted: shape (query, attribute), ``certainty * query``.
        unwanted: shape (query, attribute), ``certainty * (1 - query)``.
        ambiguity: shape (query,), ``sum certainty * query * (1 - query)``; 0 for yes/no queries.
    """

    wanted: Float32[Tensor, "query attribute"]
    unwanted: Float32[Tensor, "query attribute"]
    ambiguity: Float32[Tensor, " query"]


def read_demand(
    query: Float[Tensor, "query attribute"], certainty: Float[Tensor, "query attribute"] | None
) -> Demand:
    """Check a description and split it into wanted and unwanted.

    Args:
        query: 1 wanted, 0 unwanted, between if graded; what stands at certainty 0 is not read.
        certainty: at least 0, 0 for open attributes; None means 1 everywhere.

    Raises:
        InputError: for a certainty below 0 or not finite, or a value outside [0, 1] that counts.
    """
    asked = query.to(torch.float32)
    weight = torch.ones_like(asked) if certainty is None else certainty.to(asked)
    if not bool(((weight >= 0) & weight.isfinite()).all()):
        raise InputError("certainties are finite and at least 0 (0 leaves an attribute open)")
    asked = torch.where(weight > 0, asked, 0.0)
    if not bool(((asked >= 0) & (asked <= 1)).all()):
        raise InputError(
            "query values lie in [0, 1], 1 wanted, 0 unwanted; give open attributes (-1) certainty 0"
        )
    wanted, unwanted = weight * asked, weight * (1 - asked)
    return Demand(wanted, unwanted, (wanted * (1 - asked)).sum(dim=1))


def weigh(
    demand: Demand,
    cost_if_wanted: Float[Tensor, "person attribute"],
    cost_if_unwanted: Float[Tensor, "person attribute"],
) -> Float32[Tensor, "query person"]:
    """Sum the cost of every attribute by what is asked of it, in one matrix product.

    Costs of at least 0 give sums without cancellation, so near matches keep their precision.
    """
    asked = torch.cat([demand.wanted, demand.unwanted], dim=1)
    cost = torch.cat([cost_if_wanted, cost_if_unwanted], dim=1).to(asked)
    return inner_products(asked, cost)
