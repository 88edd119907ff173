"""Focal and asymmetric loss and label smoothing, against their loop twin and in closed form."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from attrieve.errors import ConfigurationError
from attrieve.losses.asymmetric import AttributeAsymmetricLoss
from attrieve.losses.attribute_bce import AttributeBinaryCrossEntropy, Weighting
from attrieve.losses.focal import AttributeFocalLoss
from reference.losses import focused_attribute_loss

RATE = torch.tensor([0.3])
YES, NO = torch.ones(1, 1, dtype=torch.int8), torch.zeros(1, 1, dtype=torch.int8)
gammas = st.sampled_from([0.0, 0.5, 1.0, 2.0, 4.0])
smoothings = st.sampled_from([0.0, 0.05, 0.4])


def draw(seed: int, batch: int = 6, attributes: int = 5) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(batch, attributes, generator=generator).double()
    values = torch.randint(-1, 2, (batch, attributes), generator=generator).to(torch.int8)
    return logits, values, torch.rand(attributes, generator=generator)


def losses(rates: Tensor) -> list[AttributeBinaryCrossEntropy]:
    return [
        AttributeBinaryCrossEntropy(rates, smoothing=0.1),
        AttributeFocalLoss(rates, gamma=2.0),
        AttributeFocalLoss(rates, gamma=0.5, smoothing=0.1),
        AttributeAsymmetricLoss(rates),
        AttributeAsymmetricLoss(rates, gamma_positive=1.0, gamma_negative=0.5, clip=0.2),
        AttributeAsymmetricLoss(rates, clip=0.0, smoothing=0.1),
    ]


@pytest.mark.parametrize("weighting", ["attribute_and_label", "attribute", "none"])
@given(seed=st.integers(0, 10_000), gamma=gammas, smoothing=smoothings)
def test_focal_equals_the_loop_twin(weighting: Weighting, seed: int, gamma: float, smoothing: float) -> None:
    """One gamma for both answers, nothing clipped."""
    logits, values, rates = draw(seed)
    loss = AttributeFocalLoss(rates, weighting, gamma=gamma, smoothing=smoothing)
    expected = focused_attribute_loss(
        logits.tolist(), values.tolist(), rates.tolist(), weighting, (gamma, gamma), 0.0, smoothing
    )
    assert loss(logits, values).tolist() == pytest.approx(expected, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("weighting", ["attribute_and_label", "none"])
@given(
    seed=st.integers(0, 10_000),
    positive=gammas,
    negative=gammas,
    clip=st.sampled_from([0.0, 0.05, 0.3]),
    smoothing=smoothings,
)
def test_asymmetric_equals_the_loop_twin(
    weighting: Weighting, seed: int, positive: float, negative: float, clip: float, smoothing: float
) -> None:
    """Every gamma on either side, clipped or not."""
    logits, values, rates = draw(seed)
    loss = AttributeAsymmetricLoss(
        rates,
        weighting,
        gamma_positive=positive,
        gamma_negative=negative,
        clip=clip,
        smoothing=smoothing,
    )
    expected = focused_attribute_loss(
        logits.tolist(), values.tolist(), rates.tolist(), weighting, (positive, negative), clip, smoothing
    )
    assert loss(logits, values).tolist() == pytest.approx(expected, rel=1e-5, abs=1e-7)


@given(seed=st.integers(0, 10_000), smoothing=smoothings)
def test_without_focus_all_are_the_cross_entropy(seed: int, smoothing: float) -> None:
    """Gamma 0, nothing clipped."""
    logits, values, rates = draw(seed)
    plain = AttributeBinaryCrossEntropy(rates, smoothing=smoothing)(logits, values)
    focal = AttributeFocalLoss(rates, gamma=0.0, smoothing=smoothing)(logits, values)
    none = AttributeAsymmetricLoss(rates, gamma_negative=0.0, clip=0.0, smoothing=smoothing)(logits, values)
    torch.testing.assert_close(focal, plain)
    torch.testing.assert_close(none, plain)


def test_answers_that_are_right_count_little() -> None:
    """At p = 0.9 a focal "yes" costs a hundredth of its cross-entropy, a wrong "no" 0.81 of it."""
    logits = torch.tensor([[math.log(9)]])
    focal, plain = AttributeFocalLoss(RATE, "none"), AttributeBinaryCrossEntropy(RATE, "none")
    assert (focal(logits, YES) / plain(logits, YES)).item() == pytest.approx(0.01, rel=1e-4)
    assert (focal(logits, NO) / plain(logits, NO)).item() == pytest.approx(0.81, rel=1e-4)


def test_a_settled_no_has_neither_loss_nor_gradient() -> None:
    """Below the clip; a "yes" as unlikely keeps its whole loss."""
    logits = torch.tensor([[-4.0]], requires_grad=True)
    loss = AttributeAsymmetricLoss(RATE, "none")
    settled = loss(logits, NO)
    settled.sum().backward()
    assert abs(settled.item()) < 1e-12
    assert logits.grad is not None
    assert logits.grad.item() == 0
    assert loss(logits, YES).item() == pytest.approx(math.log(1 + math.exp(4.0)), rel=1e-5)


def test_smoothing_moves_the_minimum_in_closed_form() -> None:
    """A certain "yes" smoothed by s is best answered with probability 1 - s / 2."""
    loss = AttributeBinaryCrossEntropy(RATE, "none", smoothing=0.2)
    logits = torch.tensor([[math.log(0.9 / 0.1)]], dtype=torch.float64, requires_grad=True)
    found = loss(logits, YES)
    found.sum().backward()
    assert logits.grad is not None
    assert logits.grad.item() == pytest.approx(0.0, abs=1e-9)
    assert found.item() == pytest.approx(-0.9 * math.log(0.9) - 0.1 * math.log(0.1), rel=1e-6)


@pytest.mark.parametrize("index", range(6))
def test_gradients_in_double(index: int) -> None:
    """They agree with finite differences."""
    logits, values, rates = draw(7)
    loss = losses(rates)[index]
    assert torch.autograd.gradcheck(lambda x: loss(x, values), logits.requires_grad_())


@pytest.mark.parametrize("index", range(6))
@pytest.mark.parametrize("extreme", [-1000.0, -30.0, 0.0, 30.0, 1000.0])
def test_extreme_logits_stay_finite(index: int, extreme: float) -> None:
    """Loss and gradient, for every answer; unknown ones have none of either."""
    loss = losses(RATE.expand(3).contiguous())[index]
    logits = torch.full((1, 3), extreme, requires_grad=True)
    found = loss(logits, torch.tensor([[1, 0, -1]], dtype=torch.int8))
    found.sum().backward()
    assert found.isfinite().all()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
    assert logits.grad[0, 2] == 0


def test_float32_inside_autocast() -> None:
    """bfloat16 logits under autocast give the float32 loss of the same numbers."""
    logits, values, rates = draw(3)
    low = logits.bfloat16()
    for loss in losses(rates):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            inside = loss(low, values)
        assert inside.dtype == torch.float32
        torch.testing.assert_close(inside, loss(low.float(), values), rtol=0, atol=0)


def test_refusals() -> None:
    """Negative gammas, clips and smoothings of 1 or more, with what came."""
    with pytest.raises(ConfigurationError, match=r"gamma of 0 or more, got -1\.0"):
        AttributeFocalLoss(RATE, gamma=-1.0)
    with pytest.raises(ConfigurationError, match=r"clip in \[0, 1\), got 0\.0, 4\.0 and 1\.0"):
        AttributeAsymmetricLoss(RATE, clip=1.0)
    with pytest.raises(ConfigurationError, match="both gammas"):
        AttributeAsymmetricLoss(RATE, gamma_negative=-0.5)
    with pytest.raises(ConfigurationError, match=r"smoothing must lie in \[0, 1\), got 1\.0"):
        AttributeBinaryCrossEntropy(RATE, smoothing=1.0)
