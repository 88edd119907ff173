"""Weighted and distribution-based distances against loops over persons and attributes."""

import math
import statistics

import numpy as np
import pytest
import torch

from attrieve.errors import InputError
from attrieve.scoring.weighted import (
    PRIOR_PEOPLE,
    distribution_distance,
    fit_distributions,
    reliability_weights,
    weighted_distance,
)


def people(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return queries, certainties, logits and values; some values are unknown."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randint(-1, 2, (30, 4), generator=generator).to(torch.int8)
    logit = 2 * torch.randn(30, 4, generator=generator) + 2 * values
    query = torch.randint(0, 2, (3, 4), generator=generator).float()
    return query, torch.rand(3, 4, generator=generator), logit, values


def test_distributions_are_shrunk_means_and_deviations() -> None:
    """Some people at the middle of all are added to either side; unknown values belong to neither."""
    _, _, logit, values = people()
    found = fit_distributions(logit, values)
    for attribute in range(4):
        column = logit[:, attribute].tolist()
        middle, spread = statistics.fmean(column), statistics.pstdev(column)
        own = [z for z, v in zip(column, values[:, attribute].tolist(), strict=True) if v == 1]
        mean = (sum(own) + PRIOR_PEOPLE * middle) / (len(own) + PRIOR_PEOPLE)
        variance = sum((z - mean) ** 2 for z in own) + PRIOR_PEOPLE * spread**2
        assert found.mean_yes[attribute].item() == pytest.approx(mean)
        assert found.spread_yes[attribute].item() == pytest.approx(
            math.sqrt(variance / (len(own) + PRIOR_PEOPLE))
        )


def test_distribution_distance_counts_standard_deviations_on_the_wrong_side() -> None:
    """Scores better than usual cost nothing."""
    query, certainty, logit, values = people(1)
    told = fit_distributions(logit, values)
    truth = np.zeros((3, 30))
    for q in range(3):
        for p in range(30):
            total = 0.0
            for a in range(4):
                z = float(logit[p, a])
                if query[q, a] == 1:
                    error = max(0.0, float(told.mean_yes[a]) - z) / float(told.spread_yes[a])
                else:
                    error = max(0.0, z - float(told.mean_no[a])) / float(told.spread_no[a])
                total += float(certainty[q, a]) * error**2
            truth[q, p] = math.sqrt(total)
    np.testing.assert_allclose(distribution_distance(query, logit, told, certainty), truth, rtol=1e-5)


def test_weights_are_balanced_accuracy_above_chance() -> None:
    """Counted by hand; an attribute nobody has counts next to nothing."""
    _, _, logit, values = people(2)
    values[:, 3] = 0
    said = logit >= 0
    weights = []
    for attribute in range(4):
        rates = []
        for wanted in (1, 0):
            inside = [p for p in range(30) if values[p, attribute] == wanted]
            right = sum(bool(said[p, attribute]) == bool(wanted) for p in inside)
            rates.append(right / len(inside) if inside else 0.5)
        weights.append(max(1e-3, sum(rates) - 1))
    mean = sum(weights) / 4
    found = reliability_weights(torch.sigmoid(logit), values)
    assert found.tolist() == pytest.approx([weight / mean for weight in weights])


def test_weighted_distance_is_euclidean_with_weights() -> None:
    """The square root of weighted squares."""
    query, certainty, logit, _ = people(3)
    probability, weight = torch.sigmoid(logit), torch.tensor([0.5, 2.0, 1.0, 0.0])
    truth = (certainty[:, None] * weight * (query[:, None] - probability[None]) ** 2).sum(2).sqrt()
    np.testing.assert_allclose(weighted_distance(query, probability, weight, certainty), truth, rtol=1e-4)


def test_nobody_has_no_distribution() -> None:
    """The message shows both shapes."""
    with pytest.raises(InputError, match=r"\(0, 3\) and \(0, 3\)"):
        fit_distributions(torch.zeros(0, 3), torch.zeros(0, 3, dtype=torch.int8))
