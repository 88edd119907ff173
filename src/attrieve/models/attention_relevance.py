"""What attribute tokens owe to visual tokens, followed back through the attention of all blocks."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor


def roll_out(
    attention: Sequence[Float[Tensor, "batch head token token"]], visual: int
) -> Float[Tensor, "batch attribute visual"]:
    """Return attention rollout from every attribute token to every visual token.

    ``R = A_M ... A_2 A_1`` with ``A_m = (mean over heads + I) / 2``: half of what a token holds after a block
    comes from itself, by the residual connection. Rows of R sum to 1; the rows of attribute tokens and the
    columns of visual ones are returned. One map per attribute, whatever the model says of the attribute.

    Args:
        attention: one per block, from the first to the last; rows sum to 1.
        visual: how many tokens are visual; they stand first.

    Source: Abnar and Zuidema, "Quantifying Attention Flow in Transformers", ACL 2020.

    >>> one_block = torch.tensor([[[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.6, 0.2, 0.2]]]])
    >>> roll_out([one_block], visual=2)
    tensor([[[0.3000, 0.1000]]])
    """
    weights = [block.mean(dim=1) for block in attention]
    rows = _own_rows(weights[-1], visual)
    for block in reversed(weights):
        rows = (rows @ block + rows) / 2
    return rows[:, :, :visual]


def gradient_rollout(
    attention: Sequence[Float[Tensor, "batch head token token"]],
    logits: Float[Tensor, "batch attribute"],
    visual: int,
    attributes: Sequence[int],
) -> Float[Tensor, "batch asked visual"]:
    """Return attention weighted by what it does for the logit, from attribute tokens to visual tokens.

    ``R = (I + A_M) ... (I + A_1)`` with ``A_m = mean over heads of max(0, dz/dA * A)``: only attention that
    raises the attribute's logit z counts, head by head. Unlike plain rollout it knows what heads are for; it
    costs one backward pass through the blocks per attribute, none through the backbone.

    Args:
        attention: one per block, from the first to the last, in the graph that ``logits`` hang on.
        logits: of all attributes.
        visual: how many tokens are visual; they stand first.
        attributes: which to explain, as positions among the logits.

    Source: Chefer, Gur, Wolf, "Generic Attention-model Explainability for Interpreting Bi-Modal and
    Encoder-Decoder Transformers", ICCV 2021, equations 5 and 6.
    """
    found = []
    for number, attribute in enumerate(attributes):
        # images do not mix, so the gradient of the sum over images is that of each image's own logit
        slopes = torch.autograd.grad(
            logits[:, attribute].sum(), list(attention), retain_graph=number + 1 < len(attributes)
        )
        row = _own_rows(attention[-1][:, 0], visual)[:, attribute : attribute + 1]
        for block, slope in zip(reversed(attention), reversed(slopes), strict=True):
            helps = (slope * block.detach()).clamp_min(0).mean(dim=1)
            row = row + row @ helps
        found.append(row[:, 0, :visual])
    return torch.stack(found, dim=1)


def _own_rows(
    like: Float[Tensor, "batch token token"], visual: int
) -> Float[Tensor, "batch attribute token"]:
    """Return the rows of the identity that belong to attribute tokens."""
    count = like.shape[-1]
    identity = torch.eye(count, dtype=like.dtype, device=like.device)[visual:]
    return identity.expand(like.shape[0], -1, -1)
