"""Named splits: the rules on drawn data, the numbers on the real files."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attrieve.data.peta import PetaDataset, read_peta
from attrieve.data.splits import carve_validation, category_labels, load_split, split_names
from attrieve.errors import ConfigurationError, DatasetError, UnknownNameError
from attrieve.schema import ImageSource, Person, PersonSet, load_vocabulary
from reference.peta_files import draw_labels
from strategies import value_tables

PETA105 = load_vocabulary("peta105")


def drawn_dataset(images: int = 200, categories: int = 40, *, partitions: bool = True) -> PetaDataset:
    """Two images in a row are of one person; some categories are of one image."""
    labels = draw_labels(images, categories)
    labels[-5:] = draw_labels(5, 5, seed=1)
    persons = tuple(
        Person(f"peta/{row + 1:05d}", ImageSource(Path("a.png")), tuple(values), f"peta/{row // 2}")
        for row, values in enumerate(labels.tolist())
    )
    order = np.random.default_rng(0).permutation(images)
    parts = tuple(np.split(order, [images // 2, images // 2 + images // 10])) if partitions else ()
    return PetaDataset(PersonSet("peta", PETA105, persons), (parts,) * 5 if parts else ())


def keys(persons: PersonSet) -> list[str]:
    return [person.key for person in persons.persons]


@given(st.data())
def test_categories_are_numbered_by_first_appearance(data):
    """As a loop over the rows with a dictionary would."""
    values = data.draw(value_tables(data.draw(st.integers(1, 3)), max_persons=30))
    labels, vectors = category_labels(values)
    position: dict[tuple[int, ...], int] = {}
    expected = [position.setdefault(tuple(row), len(position)) for row in values.tolist()]
    assert labels.tolist() == expected
    assert [tuple(row) for row in vectors.tolist()] == list(position)
    assert (labels.dtype, vectors.dtype) == (np.int64, np.int8)


@pytest.mark.parametrize("name", [*split_names(), "sal-seed-0", "sal-seed-17"])
def test_every_split_keeps_file_order_the_vocabulary_and_its_sides_apart(name):
    """No image twice, and the same again the next time."""
    dataset = drawn_dataset()
    split = load_split(dataset, name, test_categories=8)
    assert split.name == name
    for side in (split.train, split.test):
        assert side.schema == PETA105
        assert len(side) > 0
        assert keys(side) == sorted(keys(side))
    assert not set(keys(split.train)) & set(keys(split.test))
    again = load_split(drawn_dataset(), name, test_categories=8)
    assert keys(again.test) == keys(split.test)


@pytest.mark.parametrize("seed", [0, 1, 2, 17])
def test_sal_rule_equals_a_loop_over_dictionaries(seed):
    """Drop single images, list categories in order of appearance, draw, divide."""
    dataset = drawn_dataset()
    images: dict[tuple[int, ...], list[str]] = {}
    for person in dataset.persons.persons:
        images.setdefault(person.values, []).append(person.key)
    several = [vector for vector, members in images.items() if len(members) > 1]
    np.random.seed(seed)  # noqa: NPY002
    drawn = np.random.choice(len(several), len(several) - 8, replace=False)  # noqa: NPY002
    train = sorted(key for index in drawn for key in images[several[index]])
    split = load_split(dataset, f"sal-seed-{seed}", test_categories=8)
    assert keys(split.train) == train
    assert len({p.values for p in split.test.persons}) == 8
    assert len(split.train) + len(split.test) == sum(len(images[vector]) for vector in several)


def test_paper_and_sal_are_two_seeds_of_one_rule():
    """Seed 2 and seed 1."""
    dataset = drawn_dataset()
    for name, same in (("paper", "sal-seed-2"), ("sal", "sal-seed-1")):
        first, second = (load_split(dataset, n, test_categories=8) for n in (name, same))
        assert keys(first.test) == keys(second.test)
    assert keys(load_split(dataset, "paper", test_categories=8).test) != keys(
        load_split(dataset, "sal", test_categories=8).test
    )


def test_official_splits_train_on_train_and_validation():
    """As everybody reports them."""
    dataset = drawn_dataset()
    split = load_split(dataset, "official-3")
    train, validation, test = dataset.partitions[3]
    assert len(split.train) == len(train) + len(validation)
    assert set(keys(split.test)) == {dataset.persons.persons[index].key for index in test}


def test_person_disjoint_divides_persons_about_sixty_to_forty():
    """No person is on both sides and no image is lost; one image without identity is one person."""
    dataset = drawn_dataset()
    split = load_split(dataset, "person-disjoint")
    train = {person.identity for person in split.train.persons}
    test = {person.identity for person in split.test.persons}
    assert (len(train), len(test), train & test) == (60, 40, set())
    assert len(split.train) + len(split.test) == 200
    bare = tuple(Person(p.key, p.image, p.values) for p in dataset.persons.persons)
    alone = load_split(PetaDataset(PersonSet("peta", PETA105, bare)), "person-disjoint")
    assert (len(alone.train), len(alone.test)) == (120, 80)


@pytest.mark.parametrize(
    "name", ["papper", "official-5", "official-", "sal-seed-", "sal-seed--1", "sal-seed-9999999999", ""]
)
def test_unknown_names_are_refused(name):
    """With what there is."""
    with pytest.raises(UnknownNameError, match="unknown split"):
        load_split(drawn_dataset(), name)


def test_a_near_name_is_suggested():
    """A slip of the finger."""
    with pytest.raises(UnknownNameError, match="did you mean 'person-disjoint'"):
        load_split(drawn_dataset(), "persons-disjoint")


def test_too_few_categories_are_told():
    """The default of 200 is for the whole of PETA."""
    with pytest.raises(DatasetError, match=r"at least 202 .* found 40; ask for fewer"):
        load_split(drawn_dataset(), "paper")
    assert len(load_split(drawn_dataset(), "paper", test_categories=38).train) > 0
    with pytest.raises(DatasetError, match="at least 41"):
        load_split(drawn_dataset(), "paper", test_categories=39)


def test_official_partitions_may_be_unknown():
    """As in the raw release."""
    with pytest.raises(DatasetError, match="prepared layout"):
        load_split(drawn_dataset(partitions=False), "official-0")


def test_one_person_cannot_be_divided():
    """Nor can nobody."""
    dataset = drawn_dataset()
    with pytest.raises(DatasetError, match="at least 2 persons"):
        load_split(PetaDataset(dataset.persons.subset([0, 1])), "person-disjoint")


@settings(max_examples=30)
@given(seed=st.integers(0, 1000), categories=st.integers(1, 30))
def test_validation_is_whole_training_categories(seed, categories):
    """As many as asked for; nothing of the test side, nothing lost, nothing on both sides."""
    split = load_split(drawn_dataset(), "paper", test_categories=8)
    carved = carve_validation(split, categories=categories, seed=seed)
    held_out, rest = ({p.values for p in side.persons} for side in (carved.test, carved.train))
    assert len(held_out) == categories
    assert not held_out & rest
    assert sorted(keys(carved.train) + keys(carved.test)) == keys(split.train)


def test_validation_follows_its_seed():
    """Same seed same part, other seed another part."""
    split = load_split(drawn_dataset(), "paper", test_categories=8)
    parts = [keys(carve_validation(split, categories=5, seed=seed).test) for seed in (0, 0, 1)]
    assert parts[0] == parts[1] != parts[2]


@pytest.mark.parametrize(("categories", "error"), [(0, ConfigurationError), (31, DatasetError)])
def test_impossible_validation_is_refused(categories, error):
    """None, or more than there are."""
    split = load_split(drawn_dataset(), "paper", test_categories=8)
    with pytest.raises(error):
        carve_validation(split, categories=categories, seed=0)


@pytest.fixture(scope="module")
def dataset(shared_data) -> PetaDataset:
    if not (shared_data / "peta").is_dir():
        pytest.skip(f"PETA not found in {shared_data}")
    return read_peta(shared_data / "peta")


class TestRealFiles:
    """The published numbers."""

    def test_categories_of_the_whole(self, dataset):
        """7,769 vectors, 5,679 of one image, 2,090 others with 13,321 images; 3,710 of 35 bits."""
        sizes = np.bincount(category_labels(dataset.persons.values)[0])
        several = sizes[sizes > 1]
        assert (len(sizes), (sizes == 1).sum(), len(several), several.sum()) == (7769, 5679, 2090, 13321)
        assert len(category_labels(dataset.persons.values[:, :35])[1]) == 3710

    @pytest.mark.parametrize(("name", "train", "test"), [("paper", 12140, 1181), ("sal", 11886, 1435)])
    def test_counts_of_the_category_splits(self, dataset, name, train, test):
        """The image counts of the paper and of SAL's code, and 1,890 / 200 categories."""
        split = load_split(dataset, name)
        assert (len(split.train), len(split.test)) == (train, test)
        assert len({p.values for p in split.train.persons}) == 1890
        assert len({p.values for p in split.test.persons}) == 200

    def test_queries_of_the_paper_split(self, dataset):
        """184 distinct 35-bit queries, 110 never seen, with 638 images; category sizes 2, 2, 58."""
        split = load_split(dataset, "paper")
        train, test = ([p.values[:35] for p in side.persons] for side in (split.train, split.test))
        seen = set(train)
        assert (len(seen), len(set(test)), len(set(test) - seen)) == (1287, 184, 110)
        assert sum(vector not in seen for vector in test) == 638
        sizes = np.bincount(category_labels(split.test.values)[0])
        assert (sizes.min(), np.median(sizes), sizes.max(), (sizes == 2).sum()) == (2, 2, 58, 137)

    def test_queries_of_an_official_split(self, dataset):
        """Partition 0: 2,242 of 35 bits, 863 unseen; 3,840 of 105 bits, 2,507 unseen."""
        split = load_split(dataset, "official-0")
        assert (len(split.train), len(split.test)) == (11400, 7600)
        for width, distinct, unseen in ((35, 2242, 863), (105, 3840, 2507)):
            train, test = ({p.values[:width] for p in side.persons} for side in (split.train, split.test))
            assert (len(test), len(test - train)) == (distinct, unseen)
