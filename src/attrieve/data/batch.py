"""Batches that travel: decoded images with their labels, and the order they come in."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int8, Int64
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

    def rows(self, rows: slice) -> "PersonBatch":
        """Return some of the images with their labels; shares their memory."""
        return PersonBatch(self.images[rows], self.values[rows], self.category[rows])

    def to(self, device: torch.device) -> "PersonBatch":
        """Return the batch on another device."""
        return PersonBatch(
            self.images.to(device, non_blocking=True),
            self.values.to(device, non_blocking=True),
            self.category.to(device, non_blocking=True),
        )


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


class RepeatedBatches(Sampler[list[int]]):
    """Each batch several times in a row, for those who take it in pieces.

    Args:
        batches: in their order.
        times: how often each comes.
    """

    def __init__(self, batches: EpochBatches, times: int) -> None:
        self.batches = batches
        self.times = times

    def __len__(self) -> int:
        return len(self.batches) * self.times

    def __iter__(self) -> Iterator[list[int]]:
        for batch in self.batches:
            for _ in range(self.times):
                yield batch


def category_positions(
    values: Int8[Tensor, "person attribute"],
) -> tuple[Int64[Tensor, " person"], Int8[Tensor, "category attribute"], Int64[Tensor, " category"]]:
    """Return each person's category, the distinct label vectors, and how many images have each."""
    categories, category, counts = torch.unique(values, dim=0, return_inverse=True, return_counts=True)
    return category, categories, counts
