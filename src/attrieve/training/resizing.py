"""Progressive resizing: the first epochs see smaller images, which cost less."""

from collections.abc import Sequence

import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.nn import functional

from attrieve.errors import ConfigurationError
from attrieve.models.retriever import Retriever

Stage = tuple[int, int, int]
"""Height and width in pixels, and for how many epochs."""


def size_in_epoch(sizes: Sequence[Stage], epoch: int) -> tuple[int, int] | None:
    """Return height and width in pixels in an epoch, counted from 0; None for the model's own size.

    >>> [size_in_epoch([(64, 32, 2), (128, 64, 1)], epoch) for epoch in range(4)]
    [(64, 32), (64, 32), (128, 64), None]
    """
    for height, width, epochs in sizes:
        if epoch < epochs:
            return height, width
        epoch -= epochs
    return None


def share_of_pixels(sizes: Sequence[Stage], epoch: int, *, own: tuple[int, int]) -> float:
    """Return the pixels of an image in an epoch, counted from 0, over those of the model's own size.

    >>> [share_of_pixels([(96, 48, 2)], epoch, own=(192, 96)) for epoch in range(3)]
    [0.25, 0.25, 1.0]
    """
    height, width = size_in_epoch(sizes, epoch) or own
    return height * width / (own[0] * own[1])


def cost_of_steps(step: int, *, of: int, shares: Sequence[float]) -> float:
    """Return what the first steps cost, in steps with images of the model's own size.

    Args:
        step: how many.
        of: steps of the whole training; every epoch has as many.
        shares: of each epoch, see :func:`share_of_pixels`; empty where all images are alike.

    >>> cost_of_steps(15, of=20, shares=[0.25, 1.0])
    7.5
    """
    if not shares:
        return float(step)
    per_epoch = of / len(shares)
    return sum(
        share * min(max(step - epoch * per_epoch, 0.0), per_epoch) for epoch, share in enumerate(shares)
    )


def shrink_pixels(
    images: UInt8[Tensor, "batch height width 3"], size: tuple[int, int] | None
) -> UInt8[Tensor, "batch small_height small_width 3"]:
    """Shrink images with a triangle filter over all their pixels, as images are shrunk when decoded.

    It comes before augmentation, which then costs as little as the smaller images do.
    """
    if size is None or size == tuple(images.shape[1:3]):
        return images
    light = images.permute(0, 3, 1, 2).float()
    small = functional.interpolate(light, size=size, mode="bilinear", antialias=True, align_corners=False)
    return small.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


@torch.no_grad()
def require_sizes(retriever: Retriever, sizes: Sequence[Stage]) -> None:
    """Look at one grey image of each size, before hours are spent.

    Raises:
        ConfigurationError: for a size the model cannot look at, or one larger than its own.
    """
    was_training = retriever.training
    retriever.eval()
    try:
        for height, width, _ in sizes:
            _require_size(retriever, height, width)
    finally:
        retriever.train(was_training)


def _require_size(retriever: Retriever, height: int, width: int) -> None:
    own = retriever.input_size
    if height > own[0] or width > own[1]:
        raise ConfigurationError(
            f"training.sizes holds {height}x{width}, larger than the model's own {own[0]}x{own[1]}, at which "
            "images are decoded; stages can only be smaller"
        )
    try:
        retriever(torch.full((1, 3, height, width), 0.5, device=retriever.device))
    except (ConfigurationError, RuntimeError) as error:
        raise ConfigurationError(
            f"training.sizes holds {height}x{width}, which this model cannot look at: {error}"
        ) from error
