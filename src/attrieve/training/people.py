"""Training persons in memory: decoded images, labels, and the categories they form."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from attrieve.data.batch import PersonBatch, category_positions
from attrieve.data.images import cached_images, load_images
from attrieve.schema import AttributeSchema, PersonSet


@dataclass(frozen=True)
class TrainingPeople:
    """Everything training needs to know of its persons.

    Args:
        schema: the vocabulary of ``values``.
        images: decoded RGB, uint8 (person, height, width, 3); may be memory-mapped.
        values: int8 (person, attribute).
        category: int64 (person,), position in ``categories``.
        categories: distinct label vectors, int8 (category, attribute).
        counts: images of each category, int64 (category,).
    """

    schema: AttributeSchema
    images: Tensor
    values: Tensor
    category: Tensor
    categories: Tensor
    counts: Tensor

    def __len__(self) -> int:
        return len(self.images)


def load_people(
    persons: PersonSet,
    height_px: int,
    width_px: int,
    *,
    cache: Path | None = None,
    workers: int = 2,
    progress: Callable[[int], None] | None = None,
) -> TrainingPeople:
    """Decode the images of a person set once, with their labels beside them.

    Args:
        persons: in the vocabulary to train.
        height_px: model input height.
        width_px: model input width.
        cache: folder for decoded images, so that a second run starts at once; None keeps them in memory.
        workers: decoding threads.
        progress: called with the number of images done so far.

    Raises:
        ImageError: for the first image that cannot be decoded.
    """
    sources = [person.image for person in persons.persons]
    if cache is None:
        images, _ = load_images(sources, height_px, width_px, workers=workers, progress=progress)
    else:
        mapped, _ = cached_images(sources, height_px, width_px, cache, workers=workers, progress=progress)
        # read-only maps make PyTorch warn; a private copy-on-write map shares the same pages
        images = mapped
        if isinstance(mapped, np.memmap) and mapped.filename is not None:
            images = np.load(mapped.filename, mmap_mode="c")
    values = torch.from_numpy(persons.values)
    category, categories, counts = category_positions(values)
    return TrainingPeople(persons.schema, torch.from_numpy(images), values, category, categories, counts)


class PersonImages(Dataset[PersonBatch]):
    """Whole batches by position, for a data loader with a batch sampler."""

    def __init__(self, people: TrainingPeople) -> None:
        self.people = people

    def __len__(self) -> int:
        return len(self.people)

    def __getitem__(self, index: int) -> PersonBatch:
        return self.__getitems__([index])

    def __getitems__(self, indices: list[int]) -> PersonBatch:
        """Return the batch at these positions."""
        chosen = torch.tensor(indices)
        people = self.people
        return PersonBatch(people.images[chosen], people.values[chosen], people.category[chosen])


def keep_batch(batch: PersonBatch) -> PersonBatch:
    """Collate nothing: the data set gives whole batches already."""
    return batch
