"""The persons that recipes speak of, read and decoded once and shared by all that need them."""

import os
from collections.abc import Callable
from pathlib import Path

from attrieve.data.peta import PetaDataset, read_peta
from attrieve.data.splits import Split, carve_validation, load_split
from attrieve.schema import PersonSet, load_vocabulary
from attrieve.training.config import Recipe
from attrieve.training.people import TrainingPeople, load_people

VALIDATION_SEED = 11
"""Which training categories are set aside for choosing settings; the same for every recipe."""


def divide(dataset: PetaDataset, recipe: Recipe) -> Split:
    """Return the recipe's split of a data set, in the data set's full vocabulary.

    Raises:
        UnknownNameError: for an unknown split.
        DatasetError: if there are too few categories to hold out.
    """
    split = load_split(dataset, recipe.data.split, test_categories=recipe.data.test_categories)
    if recipe.data.validation_categories:
        split = carve_validation(split, categories=recipe.data.validation_categories, seed=VALIDATION_SEED)
    return split


def decode_people(
    persons: PersonSet,
    recipe: Recipe,
    *,
    cache: Path | None,
    progress: Callable[[int], None] | None = None,
) -> TrainingPeople:
    """Decode the persons' images at the recipe's size, in the recipe's vocabulary.

    Raises:
        ImageError: for the first image that cannot be decoded.
        StorageError: if the cache cannot be written.
    """
    return load_people(
        persons.select(load_vocabulary(recipe.data.vocabulary)),
        recipe.model.height_px,
        recipe.model.width_px,
        cache=cache,
        workers=max(1, os.cpu_count() or 1),
        progress=progress,
    )


class SharedPeople:
    """All persons of a data folder; every split and image size is made once and kept.

    Args:
        data: folder or archive.
        cache: folder for decoded images, which all processes on a machine then share; None keeps them in
            the memory of this one.

    Raises:
        DatasetError: if there is no data set at ``data``.
    """

    def __init__(self, data: Path, *, cache: Path | None = None) -> None:
        self.dataset = read_peta(data)
        self.cache = cache
        self._splits: dict[tuple[object, ...], Split] = {}
        self._decoded: dict[tuple[object, ...], TrainingPeople] = {}

    def split(self, recipe: Recipe) -> Split:
        """Return the recipe's split, in the data set's full vocabulary."""
        key = _split_key(recipe)
        if key not in self._splits:
            self._splits[key] = divide(self.dataset, recipe)
        return self._splits[key]

    def train(self, recipe: Recipe) -> TrainingPeople:
        """Return the decoded training persons of a recipe."""
        return self._people("train", self.split(recipe).train, recipe)

    def test(self, recipe: Recipe) -> TrainingPeople:
        """Return the decoded test persons of a recipe."""
        return self._people("test", self.split(recipe).test, recipe)

    def is_ready(self, recipe: Recipe) -> bool:
        """Whether the training images of a recipe are decoded already."""
        return self._key("train", recipe) in self._decoded

    def _people(self, part: str, persons: PersonSet, recipe: Recipe) -> TrainingPeople:
        key = self._key(part, recipe)
        if key not in self._decoded:
            self._decoded[key] = decode_people(persons, recipe, cache=self.cache)
        return self._decoded[key]

    def _key(self, part: str, recipe: Recipe) -> tuple[object, ...]:
        size = (recipe.model.height_px, recipe.model.width_px)
        return part, *_split_key(recipe), recipe.data.vocabulary, *size


def _split_key(recipe: Recipe) -> tuple[object, ...]:
    data = recipe.data
    return data.split, data.test_categories, data.validation_categories
