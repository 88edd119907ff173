"""Named divisions of PETA into training and test images.

======================  ==========================================================================
``paper``               the rule of SAL with seed 2: 12,140 / 1,181 images, 1,890 / 200 categories
``sal``                 the same rule with the published seed 1: 11,886 / 1,435 images
``sal-seed-N``          the same rule with any other seed
``official-0`` .. 4     the five random partitions in PETA.mat, train + validation against test
``person-disjoint``     ours: about 60 / 40 persons, no person on both sides
======================  ==========================================================================

A category is one full vector of attribute values. The rule of SAL (Cao, Wang, Peng, "Symbiotic
Adversarial Learning for Attribute-based Person Search", ECCV 2020, ``import_PETA.py``): drop
categories with one image, order the rest by first appearance, keep a random draw of all but 200 for
training. The official partitions share persons between both sides; :mod:`attrieve.data.leaks` says
how many.
"""

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from jaxtyping import Int8, Int64

from attrieve.data.peta import PetaDataset
from attrieve.errors import ConfigurationError, DatasetError, UnknownNameError
from attrieve.schema.person import PersonSet

PAPER_SEED = 2
"""The seed that yields the image counts of the paper; found by trying seeds in turn."""
SAL_SEED = 1
"""The seed in SAL's published code."""
OFFICIAL_PARTITIONS = 5

_PERSON_SEED = 20140  # fixed for good: changing it changes a named split
_TRAIN_SHARE = 0.6


@dataclass(frozen=True)
class Split:
    """Training and test persons; both keep the full vocabulary of the data set.

    Args:
        name: one of :func:`split_names`, or derived from one.
        train: persons to learn from.
        test: persons to search among.
    """

    name: str
    train: PersonSet
    test: PersonSet


def split_names() -> tuple[str, ...]:
    """Return the names :func:`load_split` knows, without the ``sal-seed-N`` for every number N."""
    official = tuple(f"official-{number}" for number in range(OFFICIAL_PARTITIONS))
    return ("paper", "sal", *official, "person-disjoint")


def load_split(dataset: PetaDataset, name: str, *, test_categories: int = 200) -> Split:
    """Divide a data set by one of the named rules.

    Args:
        dataset: from :func:`attrieve.data.peta.read_peta`.
        name: see :func:`split_names`; also ``sal-seed-N``.
        test_categories: number of categories held out by ``paper`` and the ``sal`` splits.

    Raises:
        UnknownNameError: for another name, with the nearest ones.
        DatasetError: if there are fewer categories of two images than ``test_categories + 2``, the
            official partitions are not known, or persons are too few to divide.
    """
    seeded = re.fullmatch(r"sal-seed-(\d+)", name)
    official = re.fullmatch(r"official-(\d+)", name)
    if name == "paper":
        train, test = _hold_out_categories(dataset.persons.values, PAPER_SEED, test_categories)
    elif name == "sal":
        train, test = _hold_out_categories(dataset.persons.values, SAL_SEED, test_categories)
    elif seeded and int(seeded[1]) < 2**32:
        train, test = _hold_out_categories(dataset.persons.values, int(seeded[1]), test_categories)
    elif official and name in split_names():
        train, test = _official(dataset, int(official[1]))
    elif name == "person-disjoint":
        train, test = _divide_persons(dataset.persons)
    else:
        raise UnknownNameError("split", name, [*split_names(), "sal-seed-3"])
    return Split(name, dataset.persons.subset(train), dataset.persons.subset(test))


def category_labels(
    values: Int8[np.ndarray, "person attribute"],
) -> tuple[Int64[np.ndarray, " person"], Int8[np.ndarray, "category attribute"]]:
    """Number the distinct rows in order of first appearance.

    Returns:
        The category of each person, from 0, and the rows themselves.

    >>> labels, vectors = category_labels(np.array([[1, 0], [0, 0], [1, 0]], dtype=np.int8))
    >>> labels.tolist(), vectors.tolist()
    ([0, 1, 0], [[1, 0], [0, 0]])
    """
    _, first, inverse = np.unique(values, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    position = np.empty_like(order)
    position[order] = np.arange(len(order))
    labels = position[inverse.reshape(-1)].astype(np.int64)
    return labels, np.ascontiguousarray(values[first[order]])


def carve_validation(split: Split, *, categories: int, seed: int) -> Split:
    """Set whole training categories aside for validation; the test side is never touched.

    Drawn, like the test side of the paper's split, among the training categories with at least two
    images. The result's ``test`` is the validation part, its ``train`` all other training images.

    Raises:
        ConfigurationError: if ``categories`` is below 1.
        DatasetError: if there are fewer such categories than ``categories + 2``.
    """
    if categories < 1:
        raise ConfigurationError(f"validation needs at least 1 category, got {categories}")
    labels, _ = category_labels(split.train.values)
    several = _categories_of_several(labels, categories)
    chosen = np.random.default_rng(seed).choice(several, categories, replace=False)
    held_out = np.isin(labels, chosen)
    return Split(
        f"{split.name}/validation-{categories}-{seed}",
        split.train.subset(np.flatnonzero(~held_out)),
        split.train.subset(np.flatnonzero(held_out)),
    )


def _hold_out_categories(
    values: npt.NDArray[np.int8], seed: int, test_categories: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """SAL's rule; image positions in file order."""
    if test_categories < 1:
        raise ConfigurationError(f"a split needs at least 1 test category, got {test_categories}")
    labels, _ = category_labels(values)
    several = _categories_of_several(labels, test_categories)
    # NumPy's legacy generator, since the published split was drawn with it.
    draw = np.random.RandomState(seed).choice(len(several), len(several) - test_categories, replace=False)
    train = np.isin(labels, several[draw])
    test = np.isin(labels, several) & ~train
    return np.flatnonzero(train), np.flatnonzero(test)


def _categories_of_several(labels: npt.NDArray[np.int64], wanted: int) -> npt.NDArray[np.int64]:
    """Return the categories of at least two images, by first appearance."""
    several = np.flatnonzero(np.bincount(labels) >= 2)
    if len(several) < wanted + 2:
        raise DatasetError(
            f"holding out {wanted} categories needs at least {wanted + 2} attribute vectors that two or more "
            f"images share, found {len(several)}; ask for fewer"
        )
    return several


def _official(dataset: PetaDataset, number: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    if number >= len(dataset.partitions):
        raise DatasetError(
            f"split 'official-{number}' needs the partitions of PETA.mat, this copy has "
            f"{len(dataset.partitions)}; use the prepared layout"
        )
    train, validation, test = dataset.partitions[number]
    return np.sort(np.concatenate((train, validation))), np.sort(test)


def _divide_persons(persons: PersonSet) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Divide by identity; an image without identity counts as a person of its own."""
    position: dict[str, int] = {}
    numbers = np.array(
        [position.setdefault(p.identity or f"image {p.key}", len(position)) for p in persons.persons],
        dtype=np.int64,
    )
    if len(position) < 2:
        raise DatasetError(f"dividing by person needs at least 2 persons, found {len(position)}")
    order = np.random.default_rng(_PERSON_SEED).permutation(len(position))
    count = min(max(1, round(_TRAIN_SHARE * len(position))), len(position) - 1)
    train = np.isin(numbers, order[:count])
    return np.flatnonzero(train), np.flatnonzero(~train)
