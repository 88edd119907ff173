"""Augmentation of whole batches of decoded images, on whatever device they lie."""

import functools
import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn import functional

_LUMA_AND_CHROMA = (
    (0.299, 0.587, 0.114),
    (0.595716, -0.274453, -0.321263),
    (0.211456, -0.522591, 0.311135),
)
"""RGB to YIQ (NTSC): the first row is the light, the other two span the colours."""
_BLUR = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)


class AugmentationSettings(BaseModel):
    """What is done to training images."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pad_share: float = Field(default=10 / 256, ge=0, le=0.5)
    """Padding before the random crop, as a share of the height (10 of 256 pixels by default)."""
    flip: bool = True
    """Mirror every second image."""
    zoom_share: float = Field(default=0.0, ge=0, le=0.5)
    """Random zoom in or out by up to this share, and by a third of it in height and width apart, at a random
    place."""
    erase_probability: float = Field(default=0.0, ge=0, le=1)
    """How often a random rectangle is filled with the batch's mean colour (Zhong et al. 2017)."""
    colour_strength: float = Field(default=0.0, ge=0, le=1)
    """Random brightness and contrast by up to this share; 0 leaves colours alone."""
    hue_strength: float = Field(default=0.0, ge=0, le=0.5)
    """Random turn of the colour circle by up to this share; keep it small where colours are attributes."""
    saturation_strength: float = Field(default=0.0, ge=0, le=1)
    """Colours become paler or stronger by up to this share."""
    grey_probability: float = Field(default=0.0, ge=0, le=1)
    """How often an image loses its colours."""
    blur_probability: float = Field(default=0.0, ge=0, le=1)
    """How often an image is blurred, as if seen from farther away."""
    mixup_alpha: float = Field(default=0.0, ge=0)
    """Each batch is mixed with itself in another order, the share drawn from Beta(alpha, alpha); 0 mixes
    nothing (Zhang et al. 2018)."""


def augment(
    images: UInt8[Tensor, "batch height width 3"],
    settings: AugmentationSettings,
    generator: torch.Generator,
) -> UInt8[Tensor, "batch height width 3"]:
    """Pad, crop, mirror, zoom, recolour, blur and erase a whole batch at once, each image in its own way.

    The state of the generator, which lives on the processor, decides everything, so that a run that was cut
    off can be repeated exactly. A few numbers per image are drawn there; all pixels and positions are worked
    out on the images' own device.
    """
    moved = _shift_and_mirror(images, settings, generator)
    if settings.zoom_share:
        moved = _zoom(moved, settings.zoom_share, generator)
    if settings.colour_strength:
        moved = _change_light(moved, settings.colour_strength, generator)
    if settings.hue_strength or settings.saturation_strength or settings.grey_probability:
        moved = _change_colours(moved, settings, generator)
    if settings.blur_probability:
        moved = _blur(moved, settings.blur_probability, generator)
    if settings.erase_probability:
        moved = _erase(moved, settings.erase_probability, generator)
    return moved


def _shift_and_mirror(images: Tensor, settings: AugmentationSettings, generator: torch.Generator) -> Tensor:
    batch, height, width, _ = images.shape
    device = images.device
    pad = round(settings.pad_share * height)
    rows = torch.arange(height, device=device).expand(batch, -1)
    columns = torch.arange(width, device=device).expand(batch, -1)
    if pad:
        rows = rows + _on(device, torch.randint(-pad, pad + 1, (batch, 1), generator=generator))
        columns = columns + _on(device, torch.randint(-pad, pad + 1, (batch, 1), generator=generator))
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None, :]
    columns = columns.clamp(0, width - 1)
    if settings.flip:
        mirrored = _on(device, torch.rand(batch, 1, generator=generator) < 0.5)
        columns = torch.where(mirrored, columns.flip(1), columns)
        inside = torch.where(mirrored[:, :, None], inside.flip(2), inside)
    which = torch.arange(batch, device=device)[:, None, None]
    moved = images[which, rows.clamp(0, height - 1)[:, :, None], columns[:, None, :]]
    return moved * inside[..., None]


def _zoom(images: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Show a window of each image that is smaller or larger than it; outside is black, as the padding is."""
    batch = len(images)
    together, apart, place = (2 * torch.rand(count, batch, generator=generator) - 1 for count in (1, 2, 2))
    window = 1 / ((1 + share * together) * (1 + share / 3 * apart))  # width, height in images
    middle = place * (1 - window).abs()
    affine = torch.zeros(batch, 2, 3)
    affine[:, 0, 0], affine[:, 1, 1] = window
    affine[:, :, 2] = middle.T
    light = images.permute(0, 3, 1, 2).float()
    grid = functional.affine_grid(_on(images.device, affine), list(light.shape), align_corners=False)
    shown = functional.grid_sample(light, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return _as_bytes(shown.permute(0, 2, 3, 1)).contiguous()


def _change_light(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    batch = len(images)
    contrast = 1 + strength * (2 * torch.rand(batch, 1, 1, 1, generator=generator) - 1)
    brightness = 1 + strength * (2 * torch.rand(batch, 1, 1, 1, generator=generator) - 1)
    light = images.float()
    mean = light.mean(dim=(1, 2, 3), keepdim=True)
    return _as_bytes((light - mean) * _on(images.device, contrast) + mean * _on(images.device, brightness))


def _change_colours(images: Tensor, settings: AugmentationSettings, generator: torch.Generator) -> Tensor:
    """Turn and stretch the plane of colours around the grey axis: one 3 x 3 matrix per image."""
    batch = len(images)
    turn, stretch = 2 * torch.rand(2, batch, generator=generator, dtype=torch.float64) - 1
    grey = torch.rand(batch, generator=generator) < settings.grey_probability
    angle = 2 * math.pi * settings.hue_strength * turn
    colour = (1 + settings.saturation_strength * stretch) * ~grey
    inner = torch.zeros(batch, 3, 3, dtype=torch.float64)
    inner[:, 0, 0] = 1
    inner[:, 1, 1] = inner[:, 2, 2] = colour * angle.cos()
    inner[:, 2, 1] = colour * angle.sin()
    inner[:, 1, 2] = -inner[:, 2, 1]
    to_chroma = torch.tensor(_LUMA_AND_CHROMA, dtype=torch.float64)
    matrix = torch.linalg.inv(to_chroma) @ inner @ to_chroma
    # written out: with mixed precision a matrix product would round colours to bfloat16
    red, green, blue = images.float().unbind(-1)
    weight = _on(images.device, matrix.float())[:, :, :, None, None]
    mixed = [
        weight[:, row, 0] * red + weight[:, row, 1] * green + weight[:, row, 2] * blue for row in range(3)
    ]
    return _as_bytes(torch.stack(mixed, dim=-1))


def _blur(images: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Smooth the chosen images with a binomial filter five pixels wide; the border is repeated."""
    chosen = (torch.rand(len(images), generator=generator) < probability).nonzero()[:, 0]
    if not len(chosen):
        return images
    chosen = _on(images.device, chosen)
    light = images[chosen].permute(0, 3, 1, 2).float()
    height, width = light.shape[2:]
    padded = functional.pad(light, (2, 2, 2, 2), mode="replicate")
    smooth = _weigh_neighbours(_weigh_neighbours(padded, 2, height), 3, width)
    return images.index_copy(0, chosen, _as_bytes(smooth.permute(0, 2, 3, 1)))


def _weigh_neighbours(padded: Tensor, dim: int, size: int) -> Tensor:
    parts = [weight * padded.narrow(dim, place, size) for place, weight in enumerate(_BLUR)]
    return functools.reduce(torch.add, parts)


def _erase(images: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    batch, height, width, _ = images.shape
    chosen = torch.rand(batch, generator=generator) < probability
    tall = (height * (0.1 + 0.3 * torch.rand(batch, generator=generator))).long()
    wide = (width * (0.2 + 0.4 * torch.rand(batch, generator=generator))).long()
    top = (torch.rand(batch, generator=generator) * (height - tall)).long()
    left = (torch.rand(batch, generator=generator) * (width - wide)).long()
    bounds = _on(images.device, torch.stack([top, top + tall, left, left + wide], dim=1))[:, :, None]
    row = torch.arange(height, device=images.device)[None, :]
    column = torch.arange(width, device=images.device)[None, :]
    in_rows = (row >= bounds[:, 0]) & (row < bounds[:, 1])
    in_columns = (column >= bounds[:, 2]) & (column < bounds[:, 3])
    erased = in_rows[:, :, None] & in_columns[:, None, :] & _on(images.device, chosen)[:, None, None]
    mean = images.float().mean(dim=(0, 1, 2)).to(torch.uint8)
    return torch.where(erased[..., None], mean, images)


def _as_bytes(light: Tensor) -> Tensor:
    return light.round().clamp(0, 255).to(torch.uint8)


def _on(device: torch.device, drawn: Tensor) -> Tensor:
    return drawn.to(device, non_blocking=True)


@dataclass(frozen=True)
class Mixture:
    """How a batch is mixed with itself (mixup, Zhang et al. 2018).

    Losses are mixed as the images are: share * loss(labels) + (1 - share) * loss(labels[partner]); for binary
    cross-entropy with known labels that is the loss of the mixed labels.

    Args:
        partner: int64 (batch,), whom each image is mixed with.
        share: of the image itself, in [0, 1].
    """

    partner: Tensor
    share: float

    def mix(
        self, images: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """Return share * images + (1 - share) * images[partner]."""
        return torch.lerp(images[self.partner], images, self.share)


def draw_mixture(count: int, alpha: float, generator: torch.Generator, device: torch.device) -> Mixture:
    """Draw partners and one share from Beta(alpha, alpha) for a batch of ``count`` images."""
    partner = torch.randperm(count, generator=generator)
    seed = int(torch.randint(2**62, (1,), generator=generator))  # PyTorch's own Beta takes no generator
    return Mixture(_on(device, partner), float(np.random.default_rng(seed).beta(alpha, alpha)))
