import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attrieve.errors import InputError
from attrieve.scoring import cosine_distance, euclidean_distance, euclidean_maximum, manhattan_distance
from reference import retrieval_scoring as slow


def drawn(seed, queries=4, persons=6, attributes=5, *, binary):
    generator = torch.Generator().manual_seed(seed)
    query = torch.rand(queries, attributes, generator=generator)
    probability = torch.rand(persons, attributes, generator=generator)
    certainty = torch.rand(queries, attributes, generator=generator)
    certainty[certainty < 0.2] = 0
    return (query > 0.5).float() if binary else query, probability, certainty


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_euclidean_equals_the_sum_over_attributes(seed, binary):
    """Matrix products give the direct sum, for yes/no and for graded queries."""
    query, probability, certainty = drawn(seed, binary=binary)
    truth = slow.euclidean(query.tolist(), probability.tolist(), certainty.tolist())
    np.testing.assert_allclose(euclidean_distance(query, probability, certainty), truth, atol=1e-3)
    assert euclidean_distance(query, probability, certainty).dtype == torch.float32


def test_euclidean_keeps_precision_near_zero():
    """A match within 1e-5 is not drowned by cancellation."""
    query = torch.ones(1, 30)
    distance = euclidean_distance(query, torch.full((1, 30), 1 - 1e-5))
    assert distance.item() == pytest.approx(1e-5 * 30**0.5, rel=0.02)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_manhattan_closed_form_equals_the_sum(seed):
    """The closed form sum c p + c q (1 - 2p), and ours, equal the direct sum for yes/no queries."""
    query, probability, certainty = drawn(seed, binary=True)
    truth = slow.manhattan(query.tolist(), probability.tolist(), certainty.tolist())
    closed = certainty @ probability.T + (certainty * query) @ (1 - 2 * probability).T
    np.testing.assert_allclose(closed, truth, atol=1e-5)
    np.testing.assert_allclose(manhattan_distance(query, probability, certainty), truth, atol=1e-5)


def test_an_open_attribute_does_not_count():
    """Certainty 0 removes an attribute, whatever stands in the query, even the -1 of unknown."""
    query, probability, _ = drawn(1, binary=True)
    certainty = torch.ones_like(query)
    certainty[:, 2] = 0
    query[:, 2] = -1
    kept = [0, 1, 3, 4]
    for distance in (euclidean_distance, manhattan_distance):
        narrow = distance(query[:, kept], probability[:, kept])
        torch.testing.assert_close(distance(query, probability, certainty), narrow)


def test_the_maximum_is_reached_by_the_opposite():
    """The static maximum is the distance of a yes/no query to its exact opposite."""
    query, _, certainty = drawn(2, binary=True)
    opposite = euclidean_distance(query, 1 - query, certainty).diagonal()
    torch.testing.assert_close(euclidean_maximum(query, certainty), opposite)
    assert euclidean_maximum(torch.zeros(1, 36)).item() == 6


@pytest.mark.parametrize(("value", "certainty"), [(-1.0, 1.0), (2.0, 1.0), (1.0, -0.5), (1.0, float("nan"))])
def test_impossible_descriptions_are_refused(value, certainty):
    """A value or certainty out of range names the rule it breaks."""
    with pytest.raises(InputError, match="certaint"):
        euclidean_distance(torch.tensor([[value]]), torch.tensor([[0.5]]), torch.tensor([[certainty]]))


def test_cosine_equals_the_textbook_value():
    """1 - u.v / (|u| |v|), for vectors of any length."""
    generator = np.random.default_rng(0)
    query, person = generator.normal(size=(3, 7)), generator.normal(size=(5, 7)) * 100
    lengths = np.linalg.norm(query, axis=1)[:, None] * np.linalg.norm(person, axis=1)[None, :]
    found = cosine_distance(torch.from_numpy(query), torch.from_numpy(person))
    np.testing.assert_allclose(found, 1 - query @ person.T / lengths, atol=1e-6)
    assert found.dtype == torch.float32


def test_cosine_of_nothing_is_one():
    """A zero vector is as far from everything as a right angle, never NaN."""
    assert cosine_distance(torch.zeros(1, 3), torch.eye(3)).tolist() == [[1, 1, 1]]
    assert cosine_distance(torch.eye(3), torch.zeros(1, 3)).tolist() == [[1], [1], [1]]


def test_cosine_stays_within_its_bounds():
    """Rounding never leaves [0, 2], so a square root or a division later is safe."""
    vector = torch.randn(200, 128, generator=torch.Generator().manual_seed(0))
    same, opposite = cosine_distance(vector, vector), cosine_distance(vector, -vector)
    assert same.min() >= 0
    assert opposite.max() <= 2
    assert same.diagonal().max() < 1e-5
