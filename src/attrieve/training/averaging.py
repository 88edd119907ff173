"""An exponential moving average of the weights: what a run that averages is judged by and leaves behind."""

import copy
import itertools

import torch
from torch import Tensor, nn

from attrieve.models.retriever import Retriever


def average_decay(decay: float, step: int) -> float:
    """Return how much of the old average stays at a step, counted from 0.

    min(decay, (1 + step) / (10 + step)), the usual warm-up: the first weights, which know nothing, are
    forgotten quickly. A pure function of the step, so a restart cannot drift.

    >>> [round(average_decay(0.99, step), 3) for step in (0, 8, 90, 10_000)]
    [0.1, 0.5, 0.91, 0.99]
    """
    return min(decay, (1 + step) / (10 + step))


class AverageWeights(nn.Module):
    """A second retriever that follows the trained one: average <- d average + (1 - d) weights.

    Parameters and floating-point buffers, BatchNorm's statistics among them, are averaged alike, so that the
    statistics belong to the averaged weights; whole numbers are copied. As a part of the training module it
    is saved, restored and moved with it.

    Lightning's own callback is not used: it copies the whole training module, images and all, averages the
    additional combinations, whose number changes, and waits for the device in every step.

    Args:
        retriever: where the average starts.
        decay: in [0, 1); about 1 / (1 - decay) steps are remembered.
    """

    def __init__(self, retriever: Retriever, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.retriever = copy.deepcopy(retriever).requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> "AverageWeights":
        """Stay in evaluation mode: nothing is learnt from a forward pass of the average."""
        super().train(False)
        return self

    @torch.no_grad()
    def update(self, retriever: Retriever, step: int) -> None:
        """Move the average after an optimiser step, counted from 0."""
        pairs = list(zip(_tensors(self.retriever), _tensors(retriever), strict=True))
        averaged = [(old, new) for old, new in pairs if old.is_floating_point()]
        torch._foreach_lerp_(
            [old for old, _ in averaged],
            [new.detach() for _, new in averaged],
            1 - average_decay(self.decay, step),
        )
        for old, new in pairs:
            if not old.is_floating_point():
                old.copy_(new)


def _tensors(module: nn.Module) -> "itertools.chain[Tensor]":
    return itertools.chain(module.parameters(), module.buffers())
