"""Batches that travel: decoded images with their labels, and augmentation on whole batches."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int8, Int64, UInt8
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.utils.data import Sampler

from attrieve.errors import InputError


@dataclass(frozen=True)
class PersonBatch:
    """Images and what is known of the persons in them.

    Args:
        images: decoded RGB, uint8 (batch, height, width, 3).
        values: int8 (batch, attribute): 1 yes, 0 no, -1 unknown.
        category: int64 (batch,), position of each image's label vector among the training categories.

    Raises:
        InputError: if the parts are of different lengths.
    """

    images: Tensor
    values: Tensor
    category: Tensor

    def __post_init__(self) -> None:
        lengths = {len(self.images), len(self.values), len(self.category)}
        if len(lengths) != 1:
            raise InputError(
                f"a batch needs as many images as labels, got {len(self.images)} images, "
                f"{len(self.values)} values, {len(self.category)} categories"
            )

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: torch.device) -> "PersonBatch":
        """Return the batch on another device."""
        return PersonBatch(
            self.images.to(device, non_blocking=True),
            self.values.to(device, non_blocking=True),
            self.category.to(device, non_blocking=True),
        )


class AugmentationSettings(BaseModel):
    """What is done to training images."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pad_share: float = Field(default=10 / 256, ge=0, le=0.5)
    """Padding before the random crop, as a share of the height (10 of 256 pixels by default)."""
    flip: bool = True
    """Mirror every second image."""
    erase_probability: float = Field(default=0.0, ge=0, le=1)
    """How often a random rectangle is filled with the batch's mean colour (Zhong et al. 2017)."""
    colour_strength: float = Field(default=0.0, ge=0, le=1)
    """Random brightness and contrast by up to this share; 0 leaves colours alone."""


def augment(
    images: UInt8[Tensor, "batch height width 3"],
    settings: AugmentationSettings,
    generator: torch.Generator,
) -> UInt8[Tensor, "batch height width 3"]:
    """Pad, crop and mirror a whole batch at once, each image in its own way.

    The generator's state decides everything, so that a run that was cut off can be repeated exactly.
    """
    batch, height, width, _ = images.shape
    pad = round(settings.pad_share * height)
    rows = torch.arange(height).expand(batch, -1)
    columns = torch.arange(width).expand(batch, -1)
    if pad:
        rows = rows + torch.randint(-pad, pad + 1, (batch, 1), generator=generator)
        columns = columns + torch.randint(-pad, pad + 1, (batch, 1), generator=generator)
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None, :]
    columns = columns.clamp(0, width - 1)
    if settings.flip:
        mirrored = torch.rand(batch, 1, generator=generator) < 0.5
        columns = torch.where(mirrored, columns.flip(1), columns)
        inside = torch.where(mirrored[:, :, None], inside.flip(2), inside)
    device = images.device
    which = torch.arange(batch)[:, None, None].to(device)
    moved = images[which, rows.clamp(0, height - 1)[:, :, None].to(device), columns[:, None, :].to(device)]
    moved = moved * inside[..., None].to(device)
    if settings.colour_strength:
        moved = _change_light(moved, settings.colour_strength, generator)
    if settings.erase_probability:
        moved = _erase(moved, settings.erase_probability, generator)
    return moved


def _change_light(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    batch = len(images)
    contrast = 1 + strength * (2 * torch.rand(batch, 1, 1, 1, generator=generator) - 1)
    brightness = 1 + strength * (2 * torch.rand(batch, 1, 1, 1, generator=generator) - 1)
    light = images.float()
    mean = light.mean(dim=(1, 2, 3), keepdim=True)
    changed = (light - mean) * contrast.to(images.device) + mean * brightness.to(images.device)
    return changed.round().clamp(0, 255).to(torch.uint8)


def _erase(images: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    batch, height, width, _ = images.shape
    chosen = torch.rand(batch, generator=generator) < probability
    tall = (height * (0.1 + 0.3 * torch.rand(batch, generator=generator))).long()
    wide = (width * (0.2 + 0.4 * torch.rand(batch, generator=generator))).long()
    top = (torch.rand(batch, generator=generator) * (height - tall)).long()
    left = (torch.rand(batch, generator=generator) * (width - wide)).long()
    row = torch.arange(height)[None, :]
    column = torch.arange(width)[None, :]
    in_rows = (row >= top[:, None]) & (row < (top + tall)[:, None])
    in_columns = (column >= left[:, None]) & (column < (left + wide)[:, None])
    erased = (in_rows[:, :, None] & in_columns[:, None, :] & chosen[:, None, None]).to(images.device)
    mean = images.float().mean(dim=(0, 1, 2)).to(torch.uint8)
    return torch.where(erased[..., None], mean, images)


class EpochBatches(Sampler[list[int]]):
    """Shuffled batches of positions, decided by seed and epoch alone.

    A killed run that starts again at an epoch sees the very batches it would have seen. With several
    processes each takes every ``processes``-th batch, so that together they see the same batches.

    Args:
        count: number of training images.
        batch: images per batch; a last smaller batch is dropped, as BatchNorm wants full ones.
        seed: of the whole run.
        process: number of this process, from 0.
        processes: how many there are.
    """

    def __init__(self, count: int, batch: int, seed: int, *, process: int = 0, processes: int = 1) -> None:
        if count < batch * processes:
            raise InputError(
                f"{count} training images do not fill one batch of {batch} for {processes} process(es); "
                "use a smaller batch"
            )
        self.count = count
        self.batch = batch
        self.seed = seed
        self.process = process
        self.processes = processes
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order is to come."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count // (self.batch * self.processes)

    def __iter__(self) -> Iterator[list[int]]:
        order = np.random.default_rng((self.seed, self.epoch)).permutation(self.count)
        for step in range(len(self)):
            start = (step * self.processes + self.process) * self.batch
            yield order[start : start + self.batch].tolist()


def category_positions(
    values: Int8[Tensor, "person attribute"],
) -> tuple[Int64[Tensor, " person"], Int8[Tensor, "category attribute"], Int64[Tensor, " category"]]:
    """Return each person's category, the distinct label vectors, and how many images have each."""
    categories, category, counts = torch.unique(values, dim=0, return_inverse=True, return_counts=True)
    return category, categories, counts
