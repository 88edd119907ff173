"""How unlikely it is that a witness who errs says what was said, given what the model sees."""

import torch
from jaxtyping import Float, Float32
from torch import Tensor

from attrieve.errors import InputError

LEAST_WRONG = 0.01
"""The share of wrong answers of somebody who is quite sure: nobody is beyond error (as in
:mod:`attrieve.schema.witnesses`)."""


def erring_witness_likelihood(
    query: Float[Tensor, "query attribute"],
    probability: Float[Tensor, "person attribute"],
    certainty: Float[Tensor, "query attribute"] | None = None,
    *,
    least_wrong: float = LEAST_WRONG,
) -> Float32[Tensor, "query person"]:
    """Return ``-sum_a log( (1 - e_a) P(q_a) + e_a (1 - P(q_a)) )``, the cost of what an erring witness says.

    A certainty c is read as the witness's own odds of being right: ``e = max((1 - c) / 2, least_wrong)`` of
    such answers are wrong. One of certainty 0 says nothing and costs the same for everybody; it is left out.
    Unlike a cost times certainty, one doubtful answer against a person never outweighs much that speaks for
    him.

    Args:
        query: 1 wanted, 0 unwanted; what stands at certainty 0 is not read.
        probability: that the attribute holds, in [0, 1], calibrated.
        certainty: in [0, 1], 0 leaves an attribute open; None means 1 everywhere.
        least_wrong: in (0, 0.5).

    Raises:
        InputError: for a certainty outside [0, 1], a query value that counts and is neither 0 nor 1, or
            ``least_wrong`` out of range.

    >>> erring_witness_likelihood(torch.tensor([[1.0]]), torch.tensor([[1.0], [0.0]]), torch.tensor([[0.8]]))
    tensor([[0.1054, 2.3026]])
    """
    if not 0 < least_wrong < 0.5:
        raise InputError(f"least_wrong lies between 0 and 0.5, got {least_wrong:g}")
    asked = query.float()
    sure = torch.ones_like(asked) if certainty is None else certainty.to(asked)
    if not bool(((sure >= 0) & (sure <= 1)).all()):
        raise InputError("certainties lie in [0, 1]; 0 leaves an attribute open")
    counts = sure > 0
    if not bool(((asked == 0) | (asked == 1) | ~counts).all()):
        raise InputError("query values are 1 wanted or 0 unwanted; give open attributes certainty 0")
    wrong = ((1 - sure) / 2).clamp_min(least_wrong)
    slope = torch.where(counts, (1 - 2 * wrong) * (2 * asked - 1), 0.0)
    start = torch.where(counts, torch.where(asked == 1, wrong, 1 - wrong), 1.0)
    seen = probability.float().T.contiguous()
    rows = []
    for named, own_start, own_slope in zip(counts, start, slope, strict=True):
        told = own_start[named, None] + own_slope[named, None] * seen[named]
        rows.append(-told.log().sum(dim=0))
    return torch.stack(rows) if rows else seen.new_zeros(0, seen.shape[1])
