"""Data of another version is refused."""

from pathlib import Path

import numpy as np
import pytest

from attrieve.data.peta import PetaDataset, read_peta
from attrieve.errors import DatasetError, UnknownNameError
from attrieve.reproduction.version import require_known_counts
from attrieve.schema import ImageSource, Person, PersonSet, load_vocabulary


def dataset_of(count: int) -> PetaDataset:
    """As many persons as asked for, every two with labels of their own."""
    schema = load_vocabulary("peta105")
    values = (np.arange(count)[:, None] // 2 >> np.arange(len(schema)) % 20) & 1
    persons = tuple(
        Person(f"peta/{number:05d}", ImageSource(Path("none.png")), tuple(row))
        for number, row in enumerate(values.tolist())
    )
    return PetaDataset(PersonSet("peta", schema, persons))


@pytest.fixture(scope="module")
def regular() -> PetaDataset:
    """As many images as PETA has, in 9,500 categories of two."""
    return dataset_of(19_000)


def test_another_number_of_images_is_refused_with_both() -> None:
    with pytest.raises(DatasetError, match=r"19,000 images, found 60\b"):
        require_known_counts(dataset_of(60), ("paper",))


def test_another_number_in_a_split_is_refused_with_both(regular: PetaDataset) -> None:
    """200 categories of two are 400 test images; of other draws no counts are known."""
    expected = r"12,140 training and 1,181 test images in split 'paper', found 18,600 and 400"
    with pytest.raises(DatasetError, match=expected):
        require_known_counts(regular, ("sal-seed-3", "paper"))
    require_known_counts(regular, ("sal-seed-3",))


def test_an_unknown_split_is_told_the_nearest(regular: PetaDataset) -> None:
    with pytest.raises(UnknownNameError, match="'paper'"):
        require_known_counts(regular, ("papper",))


def test_the_real_data_are_accepted(shared_data: Path) -> None:
    require_known_counts(read_peta(shared_data / "peta"), ("paper", "sal"))
