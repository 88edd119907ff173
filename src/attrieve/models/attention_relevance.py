"""What attribute tokens owe to visual tokens, followed back through the attention of all blocks."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor


def roll_out(
    attention: Sequence[Float[Tensor, "batch head _ token"]],
    visual: int,
    attributes: Sequence[int],
    rows: Sequence[int],
) -> Float[Tensor, "batch asked visual"]:
    """Return attention rollout from attribute tokens to every visual token.

    ``R = A_M ... A_2 A_1`` with ``A_m = (mean over heads + I) / 2``: half of what a token holds after a block
    comes from itself, by the residual connection. Rows of R sum to 1; those of the attributes asked are
    returned, for visual tokens. One map per attribute, whatever the model says of the attribute.

    Args:
        attention: one per block, from the first to the last; rows sum to 1. The last may lack rows.
        visual: how many tokens are visual; they stand first, attribute tokens follow.
        attributes: which to explain.
        rows: where their tokens stand among the rows of the last attention.

    Source: Abnar and Zuidema, "Quantifying Attention Flow in Transformers", ACL 2020.

    >>> one_block = torch.tensor([[[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.6, 0.2, 0.2]]]])
    >>> roll_out([one_block], visual=2, attributes=[0], rows=[2])
    tensor([[[0.3000, 0.1000]]])
    """
    *before, last = [block.mean(dim=1) for block in attention]
    found = (last[:, list(rows)] + _own_rows(last, visual, attributes)) / 2
    for block in reversed(before):
        found = (found @ block + found) / 2
    return found[:, :, :visual]


def gradient_rollout(
    attention: Sequence[Float[Tensor, "batch head _ token"]],
    logits: Float[Tensor, "batch asked"],
    visual: int,
    attributes: Sequence[int],
    rows: Sequence[int],
) -> Float[Tensor, "batch asked visual"]:
    """Return attention weighted by what it does for the logit, from attribute tokens to visual tokens.

    ``R = (I + A_M) ... (I + A_1)`` with ``A_m = mean over heads of max(0, dz/dA * A)``: only attention that
    raises the attribute's logit z counts, head by head. Unlike plain rollout it knows what heads are for; it
    costs one backward pass through the blocks per attribute, none through the backbone.

    Args:
        attention: one per block, from the first to the last, in the graph that ``logits`` hang on. The last
            may lack rows.
        logits: of the attributes asked.
        visual: how many tokens are visual; they stand first, attribute tokens follow.
        attributes: which to explain.
        rows: where their tokens stand among the rows of the last attention.

    Source: Chefer, Gur, Wolf, "Generic Attention-model Explainability for Interpreting Bi-Modal and
    Encoder-Decoder Transformers", ICCV 2021, equations 5 and 6.
    """
    *before, last = [block.detach() for block in attention]
    identity = _own_rows(last[:, 0], visual, attributes)
    found = []
    for number, place in enumerate(rows):
        # images do not mix, so the gradient of the sum over images is that of each image's own logit
        *slopes, slope = torch.autograd.grad(
            logits[:, number].sum(), list(attention), retain_graph=number + 1 < len(rows)
        )
        row = identity[:, number] + _helps(slope[:, :, place], last[:, :, place])
        for block, slope in zip(reversed(before), reversed(slopes), strict=True):
            row = row + torch.einsum("bi,bij->bj", row, _helps(slope, block))
        found.append(row[:, :visual])
    return torch.stack(found, dim=1)


def _helps(slope: Float[Tensor, "batch head *row token"], block: Tensor) -> Float[Tensor, "batch *row token"]:
    """Return the mean over heads of attention that raises the logit."""
    return (slope * block).clamp_min_(0).mean(dim=1)


def _own_rows(
    like: Float[Tensor, "batch _ token"], visual: int, attributes: Sequence[int]
) -> Float[Tensor, "batch asked token"]:
    """Return the rows of the identity that belong to the tokens of the attributes asked."""
    identity = torch.eye(like.shape[-1], dtype=like.dtype, device=like.device)
    return identity[[visual + attribute for attribute in attributes]].expand(like.shape[0], -1, -1)
