"""Persons in memory: decoded once, whole batches by position."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from attrieve.data.images import decode_image, resize_image
from attrieve.schema import ImageSource, Person, PersonSet
from attrieve.training.people import PersonImages, load_people
from models.tiny import tiny_schema
from training.tiny import CATEGORIES, tiny_people


@pytest.fixture
def persons(tmp_path: Path) -> PersonSet:
    generator = np.random.default_rng(0)
    found = []
    for index in range(6):
        path = tmp_path / f"{index}.png"
        Image.fromarray(generator.integers(0, 256, (30, 20, 3), dtype=np.uint8)).save(path)
        found.append(Person(f"p{index}", ImageSource(path), CATEGORIES[index % 3]))
    return PersonSet("drawn", tiny_schema(), tuple(found))


def test_images_and_labels_stand_side_by_side(persons: PersonSet, tmp_path: Path) -> None:
    """From files, into a cache, and out of it again: the same."""
    plain = load_people(persons, 64, 32)
    fresh = load_people(persons, 64, 32, cache=tmp_path / "cache")
    cached = load_people(persons, 64, 32, cache=tmp_path / "cache")
    for index, person in enumerate(persons.persons):
        pixels = resize_image(decode_image(person.image.path), 64, 32)
        for people in (plain, fresh, cached):
            assert np.array_equal(people.images[index].numpy(), pixels)
            assert tuple(people.values[index].tolist()) == person.values
            assert tuple(people.categories[people.category[index]].tolist()) == person.values
    assert plain.counts.tolist() == [2, 2, 2]
    assert len(plain) == 6


def test_writing_into_cached_images_does_not_reach_the_cache(persons: PersonSet, tmp_path: Path) -> None:
    """The map is private."""
    load_people(persons, 64, 32, cache=tmp_path)
    first = load_people(persons, 64, 32, cache=tmp_path)
    before = first.images.clone()
    first.images.zero_()
    assert torch.equal(load_people(persons, 64, 32, cache=tmp_path).images, before)


def test_batches_are_taken_by_position() -> None:
    """In the order asked, repeated positions included."""
    people = tiny_people(10)
    data = PersonImages(people)
    batch = data.__getitems__([7, 2, 7])
    assert torch.equal(batch.images, torch.stack([people.images[i] for i in (7, 2, 7)]))
    assert torch.equal(batch.values, people.values[[7, 2, 7]])
    assert torch.equal(batch.category, people.category[[7, 2, 7]])
    assert len(data[3]) == 1
    assert len(data) == 10
