"""Calibration errors without what chance adds: loops over pairs, a published special case, simulation."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attrieve.errors import InputError
from attrieve.scoring.reliability import Binning, calibration_errors, squared_errors_debiased

CATEGORIES, PEOPLE = 60, 8


def by_pairs(stated: list[float], yes: list[int], group: list[int], bins: int) -> float:
    """Products of the gaps of two people of different groups in one bin, one pair at a time."""
    total, weight = 0.0, 0
    place = [min(int(p * bins), bins - 1) for p in stated]
    for number in range(bins):
        there = [one for one in range(len(stated)) if place[one] == number and yes[one] >= 0]
        pairs = [(i, j) for i in there for j in there if group[i] != group[j]]
        if not pairs:
            continue
        products = [(stated[i] - yes[i]) * (stated[j] - yes[j]) for i, j in pairs]
        total += len(there) * sum(products) / len(pairs)
        weight += len(there)
    return total / weight if weight else float("nan")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_it_is_the_mean_product_over_pairs_of_different_groups(data: st.DataObject) -> None:
    """Unknown values take no part; a bin of one group takes no part."""
    count = data.draw(st.integers(1, 12))
    column = lambda values: data.draw(st.lists(values, min_size=count, max_size=count))  # noqa: E731
    stated = column(st.floats(0, 1))
    yes, group = column(st.sampled_from([-1, 0, 1])), column(st.integers(0, 4))
    found = squared_errors_debiased(
        torch.tensor(stated, dtype=torch.float64)[:, None],
        torch.tensor(yes, dtype=torch.int8)[:, None],
        torch.tensor(group),
        bins=4,
    )
    np.testing.assert_allclose(found.numpy(), [by_pairs(stated, yes, group, 4)], rtol=1e-9, atol=1e-12)


def test_people_who_are_alone_in_their_group_give_the_published_estimator() -> None:
    """Kumar, Liang and Ma 2019: (s - y)^2 - y (1 - y) / (n - 1), with one probability s per bin."""
    stated = torch.tensor([0.2] * 10 + [0.7] * 5, dtype=torch.float64)
    yes = torch.tensor([1] * 4 + [0] * 6 + [1] * 2 + [0] * 3, dtype=torch.int8)
    expected = sum(
        n / 15 * ((s - y) ** 2 - y * (1 - y) / (n - 1)) for s, y, n in ((0.2, 0.4, 10), (0.7, 0.4, 5))
    )
    for binning in Binning:
        found = squared_errors_debiased(stated[:, None], yes[:, None], torch.arange(15), binning=binning)
        assert float(found) == pytest.approx(expected, rel=1e-12)


def alike(offset: float, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Stated probabilities, values and groups; what is stated lies ``offset`` above the truth everywhere.

    People of a category share their value as far as their true probabilities allow.
    """
    generator = np.random.default_rng(seed)
    group = np.repeat(np.arange(CATEGORIES), PEOPLE)
    centre = generator.uniform(0.1, 0.7, (CATEGORIES, 1))[group]
    truth = np.clip(centre + generator.uniform(-0.1, 0.1, (len(group), 1)), 0, 1)
    yes = (generator.random((CATEGORIES, 1))[group] < truth).astype(np.int8)
    return torch.from_numpy(truth + offset), torch.from_numpy(yes), torch.from_numpy(group)


@pytest.mark.parametrize("binning", list(Binning))
@pytest.mark.parametrize("offset", [0.0, 0.1])
def test_chance_adds_nothing_on_average(offset: float, binning: Binning) -> None:
    """True probabilities show 0, wrong ones the square of how wrong they are; the plain error more."""
    samples = [alike(offset, seed) for seed in range(250)]
    squared = np.array([float(squared_errors_debiased(*sample, binning=binning)) for sample in samples])
    error = squared.std(ddof=1) / np.sqrt(len(squared))
    assert abs(squared.mean() - offset**2) < 4 * error
    assert error < 0.002
    plain = np.mean([float(calibration_errors(p, yes, binning=binning)) for p, yes, _ in samples])
    assert plain > offset + 0.02


def test_what_does_not_fit_is_refused_and_what_cannot_be_told_is_nan() -> None:
    """Groups of other people, logits; one category alone."""
    said, seen = torch.tensor([[0.5], [0.5]]), torch.tensor([[1], [0]], dtype=torch.int8)
    assert bool(squared_errors_debiased(said, seen, torch.tensor([3, 3])).isnan().all())
    with pytest.raises(InputError, match="groups of 3 people"):
        squared_errors_debiased(said, seen, torch.tensor([0, 1, 2]))
    with pytest.raises(InputError, match="not logits"):
        squared_errors_debiased(said * 7, seen, torch.tensor([0, 1]))
