"""Shares of the calibration error that are left, on people whose error is known."""

import numpy as np
import torch

from attrieve.evaluation.testimony_calibration import debiased_error, debiased_share
from attrieve.evaluation.testimony_distances import SeenPeople
from attrieve.scoring.reliability import Binning


def people(
    seed: int, categories: int = 150, each: int = 6, attributes: int = 8
) -> tuple[SeenPeople, torch.Tensor]:
    """People of one value per category and attribute, and their true probabilities."""
    generator = np.random.default_rng(seed)
    category = np.repeat(np.arange(categories), each)
    truth = generator.uniform(0.25, 0.75, (categories, attributes))[category]
    values = (generator.random((categories, attributes))[category] < truth).astype(np.int8)
    seen = SeenPeople(
        torch.logit(torch.from_numpy(truth)).float(),
        None,
        torch.from_numpy(values),
        torch.from_numpy(category),
    )
    return seen, torch.from_numpy(truth)


def test_shares_are_those_of_the_true_errors_and_the_interval_holds_them() -> None:
    """Errors of 0.2 before and 0.1 after: half of it is left, wherever a sample falls."""
    shares = []
    for seed in range(8):
        seen, truth = people(seed)
        share, low, high = debiased_share(truth + 0.1, truth + 0.2, seen, Binning.WIDTH)
        assert low < share < high
        shares.append((share, low < 0.5 < high))
    assert abs(np.mean([share for share, _ in shares]) - 0.5) < 0.05
    assert np.mean([held for _, held in shares]) > 0.6


def test_true_probabilities_have_hardly_any_error() -> None:
    """Far below the error that one in ten would be, and below what chance alone shows."""
    found = [debiased_error(truth, seen, Binning.MASS) for seen, truth in (people(seed) for seed in range(8))]
    assert np.mean(found) < 0.04
