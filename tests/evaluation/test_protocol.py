import numpy as np
import pytest

from attrieve.errors import InputError
from attrieve.evaluation import Protocol, build_task

# Two model attributes; the full vectors split the vector (0, 1) in two categories: 7 and 3.
VALUES = np.array([[1, 1], [0, 1], [0, 1], [0, 1], [1, 0], [1, 1]], dtype=np.int8)
CATEGORIES = np.array([5, 7, 3, 7, 1, 5])
TRAIN = np.array([[0, 1], [0, 0]], dtype=np.int8)


def task(protocol, values=VALUES, categories=CATEGORIES):
    return build_task(protocol, train_values=TRAIN, test_values=values, test_categories=categories)


def relevant(built):
    return [np.flatnonzero(built.person_category == category).tolist() for category in built.query_category]


def test_unique_asks_each_vector_once():
    """In lexicographic order; relevant are all persons of the same vector."""
    built = task(Protocol.UNIQUE)
    assert built.query_values.tolist() == [[0, 1], [1, 0], [1, 1]]
    assert relevant(built) == [[1, 2, 3], [4], [0, 5]]
    assert built.seen.tolist() == [True, False, False]
    assert built.removed_person.tolist() == [-1, -1, -1]


def test_categories_ask_each_full_vector_once():
    """Two categories share one query vector, and neither finds the other relevant."""
    built = task(Protocol.CATEGORIES)
    assert built.query_values.tolist() == [[0, 1], [0, 1], [1, 0], [1, 1]]
    assert built.query_category.tolist() == [3, 7, 1, 5]
    assert relevant(built) == [[2], [1, 3], [4], [0, 5]]
    assert built.seen.tolist() == [True, True, False, False]


def test_the_representative_is_the_first_image():
    """It leaves the gallery of its own query; categories of one image cannot be asked."""
    built = task(Protocol.REPRESENTATIVE_REMOVED)
    assert built.query_category.tolist() == [7, 5]
    assert built.removed_person.tolist() == [1, 0]
    assert built.left_out == 2


def test_per_image_asks_every_image():
    """Queries repeat as often as their vector, in lexicographic order."""
    built = task(Protocol.PER_IMAGE)
    assert built.query_values.tolist() == [[0, 1]] * 3 + [[1, 0]] + [[1, 1]] * 2
    assert relevant(built) == [[1, 2, 3]] * 3 + [[4]] + [[0, 5]] * 2


@pytest.mark.parametrize("protocol", list(Protocol))
def test_unknown_values_are_outside(protocol):
    """A person with an unknown value asks nothing, and is neither right nor wrong."""
    values = np.concatenate([VALUES, np.array([[0, -1]], dtype=np.int8)])
    built = task(protocol, values, np.append(CATEGORIES, 7))
    whole = task(protocol)
    assert built.person_category[-1] == -1
    assert built.query_values.tolist() == whole.query_values.tolist()
    assert built.left_out == whole.left_out


@pytest.mark.parametrize("protocol", list(Protocol))
def test_shuffling_the_images_asks_the_same_vectors(protocol):
    """The file order decides about representatives alone."""
    shuffled = np.random.default_rng(0).permutation(len(VALUES))
    built = task(protocol, VALUES[shuffled], CATEGORIES[shuffled])
    assert built.query_values.tolist() == task(protocol).query_values.tolist()
    assert built.query_category.tolist() == task(protocol).query_category.tolist() or protocol in (
        Protocol.UNIQUE,
        Protocol.PER_IMAGE,
    )


def test_categories_are_needed_where_they_decide():
    """The other protocols do without."""
    with pytest.raises(InputError, match="needs test_categories"):
        task(Protocol.CATEGORIES, categories=None)
    assert len(task(Protocol.UNIQUE, categories=None).query_values) == 3


def test_a_category_of_two_vectors_is_refused():
    """Its query would not describe all of its images."""
    with pytest.raises(InputError, match="image 4 differs from the first of its category 5"):
        task(Protocol.CATEGORIES, categories=np.array([5, 7, 3, 7, 5, 5]))


def test_nothing_to_ask_is_refused():
    """An empty test set, one of unknowns, and one of single images without their representatives."""
    with pytest.raises(InputError, match="nothing to ask"):
        task(Protocol.UNIQUE, VALUES[:0], CATEGORIES[:0])
    with pytest.raises(InputError, match="nothing to ask"):
        task(Protocol.UNIQUE, np.full((2, 2), -1, dtype=np.int8), CATEGORIES[:2])
    with pytest.raises(InputError, match="one image"):
        task(Protocol.REPRESENTATIVE_REMOVED, VALUES[:2], CATEGORIES[:2])
