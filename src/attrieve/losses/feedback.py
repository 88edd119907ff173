"""Feedback between tasks: a sample that is hard for one task counts more in the other."""

from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from attrieve.errors import ConfigurationError

FeedbackMode = Literal["proportional", "rank"]
"""What of the other task's losses counts: their size, or their order only."""


def feedback_weights(
    other_loss: Float[Tensor, " batch"],
    *,
    beta: float = 0.5,
    lowest: float = 1 / 3,
    highest: float = 3.0,
    mode: FeedbackMode = "proportional",
) -> Float[Tensor, " batch"]:
    """Return one weight per sample from the loss of the other task, shape (batch,), mean 1.

    The paper gives the idea in words only; the formula is ours::

        v_i = u_i / mean(u)
        w_i = clip((1 - beta) + beta * v_i, lowest, highest),  divided by its mean

    with u the other task's losses (``proportional``) or their ranks counted from 1, equal losses
    sharing their mean rank (``rank``: one outlier cannot take the whole batch). No gradient flows.
    The last division may carry a weight a little past the limits. Losses that are all equal, all
    zero, or of a single sample give weights of 1. A loss that is not finite makes the weights so
    too: it is for ``require_finite`` to say.

    Args:
        other_loss: per-sample loss of the other task, 0 or more.
        beta: in [0, 1]; 0 switches the feedback off.
        lowest: smallest weight before the last division, above 0.
        highest: largest weight before the last division, at least ``lowest``.
        mode: ``proportional`` or ``rank``.

    Raises:
        ConfigurationError: for a setting out of its range.

    >>> feedback_weights(torch.tensor([1.0, 3.0]))
    tensor([0.7500, 1.2500])
    """
    if mode not in get_args(FeedbackMode):
        raise ConfigurationError(f"feedback mode must be one of {get_args(FeedbackMode)}, got {mode!r}")
    if not 0 <= beta <= 1 or not 0 < lowest <= 1 <= highest:
        raise ConfigurationError(
            "feedback needs 0 <= beta <= 1 and 0 < lowest <= 1 <= highest, "
            f"got beta {beta}, lowest {lowest}, highest {highest}"
        )
    size = other_loss.detach().float()
    if size.numel() == 0:
        return size
    hardness = _mean_ranks(size) if mode == "rank" else size
    average = hardness.mean()
    relative = torch.where(average == 0, torch.ones_like(hardness), hardness / average)
    weight = ((1 - beta) + beta * relative).clamp(lowest, highest)
    return weight / weight.mean()


def _mean_ranks(size: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """Rank from 1; equal values share the mean of their ranks."""
    below = (size[:, None] > size[None, :]).sum(dim=1)
    equal = (size[:, None] == size[None, :]).sum(dim=1)
    ranks = below + (equal + 1) / 2
    return torch.where(size.isfinite(), ranks, size)
