"""Log-odds of each attribute from the logits of all: optimality, shrinkage, and what it is good for."""

import numpy as np
import pytest
import torch

from attrieve.errors import InputError
from attrieve.scoring.calibration import log_loss
from attrieve.scoring.joint_calibration import SLOPE_DEVIATION, JointCalibration, fit_joint_calibration


def crosstalk(persons=600, seed=0):
    """Return logits of two attributes, the second of which shows in the first, and their values."""
    generator = torch.Generator().manual_seed(seed)
    values = (torch.rand(persons, 2, generator=generator) < 0.4).to(torch.int8)
    noise = torch.randn(persons, 2, generator=generator)
    logit = 3 * (values.float() - 0.5) + 1.5 * noise
    logit[:, 0] += 2.5 * values[:, 1]
    return logit, values


def penalised_loss(logit, values, shift, ridge, fitted):
    """Return the loss of one attribute's parameters, written out person by person."""
    z = logit.double()
    mean, spread = z.mean(dim=0), z.std(dim=0, unbiased=False)

    def of(attribute, weight, bias, slope):
        total = torch.zeros((), dtype=torch.float64)
        for person in range(len(z)):
            if values[person, attribute] < 0:
                continue
            margin = bias + slope * (z[person, attribute] + shift[attribute])
            margin = margin + ((z[person] - mean) / spread) @ weight
            sign = 1.0 if values[person, attribute] == 1 else -1.0
            total = total + torch.nn.functional.softplus(-sign * margin)
        return total + 0.5 * ridge * (weight**2).sum() + 0.5 * ((slope - 1) / SLOPE_DEVIATION) ** 2

    return of


def test_no_other_map_has_a_smaller_penalised_loss():
    """From the fit, no small step in any direction lowers the loss, by loops; unknowns are left out."""
    logit, values = crosstalk(80)
    values[:20, 0] = -1
    shift, ridge = torch.tensor([0.3, -0.2]), 5.0
    fitted = fit_joint_calibration(logit, values, shift=shift, ridges=[ridge])
    loss = penalised_loss(logit, values, shift, ridge, fitted)
    z = logit.double()
    mean, spread = z.mean(dim=0), z.std(dim=0, unbiased=False)
    generator = torch.Generator().manual_seed(3)
    for attribute in range(2):
        # own slope and own weight are one number in the map; the penalties divide it
        whole = fitted.weight[:, attribute] * spread
        own = whole[attribute] / spread[attribute]
        free = ridge * spread[attribute] ** 2
        slope = (free * own + 1 / SLOPE_DEVIATION**2) / (free + 1 / SLOPE_DEVIATION**2)
        weight = whole.clone()
        weight[attribute] = (own - slope) * spread[attribute]
        bias = fitted.bias[attribute] - slope * shift[attribute] + mean @ (weight / spread)
        best = loss(attribute, weight, bias, slope)
        for _ in range(12):
            step = 0.02 * torch.randn(4, generator=generator, dtype=torch.float64)
            assert loss(attribute, weight + step[:2], bias + step[2], slope + step[3]) > best - 1e-5


def test_it_learns_what_one_attribute_tells_of_another():
    """On new people the log loss of the attribute with crosstalk falls below that of its own logit."""
    logit, values = crosstalk(seed=1)
    fitted = fit_joint_calibration(logit, values)
    fresh, truth = crosstalk(seed=2)
    alone = fit_joint_calibration(logit[:, :1], values[:, :1])
    together = log_loss(fitted.logits(fresh).double().numpy(), truth.numpy())[0]
    assert together < 0.95 * log_loss(alone.logits(fresh[:, :1]).double().numpy(), truth[:, :1].numpy())[0]
    assert fitted.weight[1, 0] < 0


def test_without_evidence_logits_stay_as_they_are():
    """Nobody's values known: the shift is added, nothing else."""
    logit, values = crosstalk(20)
    fitted = fit_joint_calibration(
        logit, torch.full_like(values, -1), shift=torch.tensor([1.0, 0.0]), ridges=[10.0]
    )
    np.testing.assert_allclose(fitted.logits(logit), logit + torch.tensor([1.0, 0.0]), atol=1e-5)


def test_shrinkage_is_chosen_by_held_out_groups_and_told():
    """Each strength tried has its loss; with random answers the strongest shrinkage wins."""
    generator = torch.Generator().manual_seed(5)
    logit = torch.randn(60, 8, generator=generator)
    values = (torch.rand(60, 8, generator=generator) < 0.5).to(torch.int8)
    fitted = fit_joint_calibration(logit, values, group=torch.arange(60) // 3, ridges=[0.1, 1000.0])
    assert set(fitted.losses) == {0.1, 1000.0}
    assert fitted.ridge == 1000.0


def test_what_cannot_be_fitted_is_refused():
    """Nobody, logits that are not finite, no shrinkage, too few groups, another width."""
    logit, values = crosstalk(10)
    with pytest.raises(InputError, match="a person and an attribute"):
        fit_joint_calibration(logit[:0], values[:0])
    with pytest.raises(InputError, match="finite"):
        fit_joint_calibration(logit * float("inf"), values)
    with pytest.raises(InputError, match="shrinkage"):
        fit_joint_calibration(logit, values, ridges=[0.0])
    with pytest.raises(InputError, match="groups"):
        fit_joint_calibration(logit, values, group=torch.zeros(10, dtype=torch.int64))
    with pytest.raises(InputError, match="2 attributes"):
        JointCalibration(torch.eye(2), torch.zeros(2), 1.0, {}).logits(torch.zeros(1, 3))
