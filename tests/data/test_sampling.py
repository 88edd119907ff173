"""Weights against loops and closed forms; epochs against what each image was promised."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attrieve.data.batch import EpochBatches
from attrieve.data.sampling import (
    WeightedBatches,
    category_weights,
    person_weights,
    rare_attribute_weights,
)
from attrieve.errors import ConfigurationError, InputError

tables = st.lists(st.lists(st.sampled_from([-1, 0, 1]), min_size=3, max_size=3), min_size=1, max_size=12)


def drawn(batches: EpochBatches, epoch: int = 0) -> list[int]:
    batches.set_epoch(epoch)
    return [position for batch in batches for position in batch]


@given(tables, st.floats(0.01, 1.0), st.floats(1.0, 6.0))
def test_rare_attributes_by_loops(table: list[list[int]], share: float, largest: float) -> None:
    """The rarest attribute somebody shows decides, among known values, within the bounds."""
    expected = []
    for person in table:
        weight = 1.0
        for attribute, value in enumerate(person):
            if value != 1:
                continue
            column = [row[attribute] for row in table if row[attribute] != -1]
            weight = max(weight, math.sqrt(share * len(column) / sum(column)))
        expected.append(min(weight, largest))
    found = rare_attribute_weights(torch.tensor(table, dtype=torch.int8), rare_share=share, largest=largest)
    assert found.tolist() == pytest.approx(expected)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=30))
def test_categories_come_by_the_root_of_their_size(category: list[int]) -> None:
    """The weights of a category sum to the square root of its images."""
    weights = category_weights(torch.tensor(category))
    for one in set(category):
        total = sum(w for w, c in zip(weights.tolist(), category, strict=True) if c == one)
        assert total == pytest.approx(math.sqrt(category.count(one)))


@given(weights=st.lists(st.floats(0.05, 8.0), min_size=4, max_size=40), seed=st.integers(0, 1000))
def test_an_epoch_keeps_its_promise(weights: list[float], seed: int) -> None:
    """Each image comes as often as expected, rounded down or up, and the epoch has its old length."""
    batches = WeightedBatches(torch.tensor(weights), 1, seed)
    counts = np.bincount(drawn(batches), minlength=len(weights))
    expected = np.array(weights, dtype=np.float32).astype(np.float64)
    expected *= len(weights) / expected.sum()
    assert counts.sum() == len(weights)
    assert (counts >= np.floor(expected - 1e-9)).all()
    assert (counts <= np.ceil(expected + 1e-9)).all()


def test_over_many_epochs_the_shares_are_the_weights() -> None:
    """Also where an image comes in few epochs only."""
    weights = torch.tensor([0.1, 0.4, 1.0, 2.5])
    batches = WeightedBatches(weights, 1, seed=3)
    counts = sum(np.bincount(drawn(batches, epoch), minlength=4) for epoch in range(3000))
    assert counts / 3000 == pytest.approx(weights.numpy(), abs=0.03)


def test_copies_of_an_image_are_spread_over_the_epoch() -> None:
    """Not handed out one after the other."""
    weights = torch.ones(200)
    weights[:20] = 10.0
    order = drawn(WeightedBatches(weights, 1, seed=0))
    neighbours = sum(a == b for a, b in itertools.pairwise(order))
    assert neighbours < 10
    first, second = order[:100], order[100:]
    heavy = [sum(position < 20 for position in half) for half in (first, second)]
    assert min(heavy) > 30


@pytest.mark.parametrize("weight", [1.0, 0.3])
def test_equal_weights_give_the_plain_epochs(weight: float) -> None:
    """The same batches in the same order."""
    plain = EpochBatches(23, 4, seed=5)
    weighted = WeightedBatches(torch.full((23,), weight), 4, seed=5)
    for epoch in range(3):
        assert drawn(weighted, epoch) == drawn(plain, epoch)


def test_processes_share_an_epoch_that_comes_again() -> None:
    """Together they see what one sees; the same epoch is the same after a restart, another is another."""
    weights = torch.rand(24, generator=torch.Generator().manual_seed(0)) + 0.2
    alone = WeightedBatches(weights, 3, seed=1)
    alone.set_epoch(4)
    whole = list(alone)
    shared = []
    for process in (0, 1):
        batches = WeightedBatches(weights, 3, seed=1, process=process, processes=2)
        batches.set_epoch(4)
        shared.append(list(batches))
        assert len(shared[-1]) == len(batches) == 4
    assert [batch for pair in zip(*shared, strict=True) for batch in pair] == whole
    assert drawn(WeightedBatches(weights, 3, seed=1), 4) == [p for batch in whole for p in batch]
    assert drawn(alone, 5) != drawn(alone, 4)
    assert drawn(WeightedBatches(weights, 3, seed=2), 4) != drawn(alone, 4)


def test_each_way_by_its_name() -> None:
    """Uniform, rare attributes, categories; anything else is refused."""
    values = torch.tensor([[1, 1], [1, 0], [1, 0], [1, 0]], dtype=torch.int8)
    category = torch.tensor([1, 0, 0, 0])
    assert person_weights("uniform", values, category).tolist() == [1.0] * 4
    rare = person_weights("rare_attributes", values, category, rare_share=1.0, largest=1.5)
    assert rare.tolist() == [1.5, 1.0, 1.0, 1.0]
    assert torch.equal(person_weights("categories", values, category), category_weights(category))


def test_refusals() -> None:
    """Settings out of range and weights nobody can be drawn by, with what came."""
    values = torch.zeros(2, 1, dtype=torch.int8)
    with pytest.raises(ConfigurationError, match=r"share in \(0, 1\].*got 0\.0 and 4\.0"):
        rare_attribute_weights(values, rare_share=0.0)
    with pytest.raises(ConfigurationError, match=r"got 0\.1 and 0\.5"):
        rare_attribute_weights(values, largest=0.5)
    for weight in (0.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="finite and above 0"):
            WeightedBatches(torch.tensor([1.0, weight]), 1, seed=0)
    with pytest.raises(InputError, match="do not fill one batch"):
        WeightedBatches(torch.ones(3), 4, seed=0)
