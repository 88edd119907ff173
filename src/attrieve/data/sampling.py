"""Epochs in which some images come oftener than others."""

from collections.abc import Iterator
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, Int8, Int64
from torch import Tensor

from attrieve.data.batch import EpochBatches
from attrieve.errors import ConfigurationError, InputError

Sampling = Literal["uniform", "rare_attributes", "categories"]
"""How often an image comes: like any other, oftener with a rare attribute, or oftener in a small category."""


def person_weights(
    sampling: Sampling,
    values: Int8[Tensor, "person attribute"],
    category: Int64[Tensor, " person"],
    *,
    rare_share: float = 0.1,
    largest: float = 4.0,
) -> Float[Tensor, " person"]:
    """Return how often each training image comes relative to the others, float64, above 0.

    - ``uniform``: 1 for everyone.
    - ``rare_attributes``: see :func:`rare_attribute_weights`.
    - ``categories``: see :func:`category_weights`.

    Raises:
        ConfigurationError: for an unknown way or a setting out of its range.
    """
    if sampling not in get_args(Sampling):
        raise ConfigurationError(f"sampling must be one of {get_args(Sampling)}, got {sampling!r}")
    if sampling == "rare_attributes":
        return rare_attribute_weights(values, rare_share=rare_share, largest=largest)
    if sampling == "categories":
        return category_weights(category)
    return torch.ones(len(values), dtype=torch.float64)


def rare_attribute_weights(
    values: Int8[Tensor, "person attribute"], *, rare_share: float = 0.1, largest: float = 4.0
) -> Float[Tensor, " person"]:
    """Return repeat factors by each person's rarest attribute, from 1 to ``largest``, float64.

    Formula (repeat factor sampling: Gupta, Dollar, Girshick, "LVIS", CVPR 2019, with a bound of ours),
    with r_j the share of "yes" among the known values of attribute j and t the rare share::

        w_i = min( largest, max( 1, max over the attributes j of person i: sqrt(t / r_j) ) )

    Args:
        values: 1 yes, 0 no, -1 unknown. Somebody without any attribute gets 1.
        rare_share: t, in (0, 1]: an attribute shown by at least this share is not rare.
        largest: 1 or more.

    Raises:
        ConfigurationError: for a setting out of its range.

    >>> values = torch.tensor([[1, 1], [1, 0], [1, 0], [1, 0]], dtype=torch.int8)
    >>> rare_attribute_weights(values, rare_share=1.0).tolist()  # the second attribute: sqrt(1 / 0.25)
    [2.0, 1.0, 1.0, 1.0]
    """
    if not 0 < rare_share <= 1 or not largest >= 1:
        raise ConfigurationError(
            "rare attributes need a share in (0, 1] and a largest weight of at least 1, "
            f"got {rare_share} and {largest}"
        )
    known = (values >= 0).sum(dim=0).clamp(min=1).double()
    positive = (values == 1).sum(dim=0).clamp(min=1).double()  # an attribute of nobody weighs on nobody
    factor = (rare_share * known / positive).sqrt()
    of_person = torch.where(values == 1, factor, 1.0).amax(dim=1)
    return of_person.clamp(1.0, largest)


def category_weights(category: Int64[Tensor, " person"]) -> Float[Tensor, " person"]:
    """Return weights under which a category comes in proportion to the square root of its images, float64.

    Formula (square-root sampling: Mahajan et al., "Exploring the limits of weakly supervised
    pretraining", ECCV 2018), with n the images of person i's category: w_i = 1 / sqrt(n).

    Args:
        category: of each person; any numbers from 0.

    >>> category_weights(torch.tensor([0, 1, 1, 1, 1])).tolist()  # together 1 and 2
    [1.0, 0.5, 0.5, 0.5, 0.5]
    """
    return torch.bincount(category)[category].double().rsqrt()


class WeightedBatches(EpochBatches):
    """Shuffled batches in which an image comes as often as its weight says, decided by seed and epoch alone.

    An epoch is as long as ever. Image i is expected n w_i / sum(w) times in it and comes that often,
    rounded down or up by chance (systematic resampling: Kitagawa 1996), so that equal weights give each
    image once: the very epochs of :class:`~attrieve.data.batch.EpochBatches`. Restarts and several
    processes work as there.

    Args:
        weights: of each training image, above 0.
        batch: images per batch; a last smaller batch is dropped.
        seed: of the whole run.
        process: number of this process, from 0.
        processes: how many there are.

    Raises:
        InputError: for weights that are not finite and above 0, or too few images for one batch.
    """

    def __init__(
        self,
        weights: Float[Tensor, " person"],
        batch: int,
        seed: int,
        *,
        process: int = 0,
        processes: int = 1,
    ) -> None:
        super().__init__(len(weights), batch, seed, process=process, processes=processes)
        self.weights = weights.double().numpy()
        if not (np.isfinite(self.weights) & (self.weights > 0)).all():
            raise InputError(
                f"sampling weights must be finite and above 0, got {weights.min()} to {weights.max()}"
            )

    def __iter__(self) -> Iterator[list[int]]:
        order = self._draw()
        for step in range(len(self)):
            start = (step * self.processes + self.process) * self.batch
            yield order[start : start + self.batch].tolist()

    def _draw(self) -> np.ndarray:
        generator = np.random.default_rng((self.seed, self.epoch))
        order = generator.permutation(self.count)
        if (self.weights == self.weights[0]).all():
            return order
        reached = self.weights[order].cumsum()
        reached *= self.count / reached[-1]
        reached[-1] = self.count  # not a rounding less, or the epoch would miss an image
        counts = np.diff(np.floor(reached + generator.random()), prepend=0)
        return generator.permutation(np.repeat(order, counts.astype(np.int64)))
