"""The recognition loss against its loop twin, and what unknown values do."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import TypeCheckError
from sklearn.metrics import log_loss
from torch import Tensor

from attrieve.errors import ConfigurationError, InputError
from attrieve.losses.attribute_bce import AttributeBinaryCrossEntropy, Weighting, positive_rates
from reference.losses import attribute_bce

WEIGHTINGS: tuple[Weighting, ...] = ("attribute_and_label", "attribute", "none")


def draw(seed: int, batch: int = 7, attributes: int = 5) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(batch, attributes, generator=generator)
    values = torch.randint(-1, 2, (batch, attributes), generator=generator).to(torch.int8)
    return logits, values, torch.rand(attributes, generator=generator)


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), batch=st.integers(1, 6))
def test_equals_the_loop_twin(weighting: Weighting, seed: int, batch: int) -> None:
    """Every weighting gives what the loops give."""
    logits, values, rates = draw(seed, batch)
    found = AttributeBinaryCrossEntropy(rates, weighting)(logits, values)
    expected = attribute_bce(logits.tolist(), values.tolist(), rates.tolist(), weighting)
    assert found.tolist() == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_equals_sklearn_without_weights() -> None:
    """Unweighted, one attribute, all known: the mean is scikit-learn's log loss."""
    logits, _, _ = draw(1, batch=40, attributes=1)
    values = (torch.arange(40) % 3 == 0).to(torch.int8)[:, None]
    loss = AttributeBinaryCrossEntropy(torch.tensor([0.3]), "none")(logits, values)
    assert float(loss.mean()) == pytest.approx(log_loss(values[:, 0], logits.sigmoid()[:, 0]), rel=1e-5)


def test_weights_at_zero_logits_in_closed_form() -> None:
    """At logit 0 each term is log 2 times exp(1 - r) or exp(r)."""
    loss = AttributeBinaryCrossEntropy(torch.tensor([0.1]))
    values = torch.tensor([[1], [0]], dtype=torch.int8)
    expected = [math.log(2) * math.exp(0.9), math.log(2) * math.exp(0.1)]
    assert loss(torch.zeros(2, 1), values).tolist() == pytest.approx(expected)


def test_unknown_values_have_neither_loss_nor_gradient() -> None:
    """Unknown is masked out, whatever the logit, and not taken for "no"."""
    logits = torch.tensor([[50.0, 1.0]], requires_grad=True)
    loss = AttributeBinaryCrossEntropy(torch.tensor([0.5, 0.5]))
    values = torch.tensor([[-1, 1]], dtype=torch.int8)
    loss(logits, values).sum().backward()
    assert logits.grad is not None
    assert logits.grad[0, 0] == 0
    assert logits.grad[0, 1] < 0
    all_unknown = torch.full((1, 2), -1, dtype=torch.int8)
    assert loss(logits, all_unknown).tolist() == [0.0]


def test_extreme_logits_stay_finite() -> None:
    """A logit of 1000 on the wrong side costs about 1000, not infinity."""
    values = torch.tensor([[0]], dtype=torch.int8)
    loss = AttributeBinaryCrossEntropy(torch.tensor([0.5]), "none")(torch.tensor([[1000.0]]), values)
    assert loss.item() == pytest.approx(1000)


def test_float32_inside_autocast() -> None:
    """bfloat16 logits under autocast give a float32 loss, equal to that of the same logits outside."""
    logits, values, rates = draw(3)
    loss = AttributeBinaryCrossEntropy(rates)
    low = logits.bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = loss(low, values)
    assert inside.dtype == torch.float32
    torch.testing.assert_close(inside, loss(low.float(), values), rtol=0, atol=0)


def test_gradient_in_double() -> None:
    """The gradient agrees with finite differences."""
    logits, values, rates = draw(4)
    loss = AttributeBinaryCrossEntropy(rates)
    assert torch.autograd.gradcheck(lambda x: loss(x, values), logits.double().requires_grad_())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.sampled_from([-1, 0, 1]), min_size=3, max_size=3), min_size=1, max_size=8))
def test_positive_rates_count_known_values_only(table: list[list[int]]) -> None:
    """Each rate is yes over known; 0.5 where nothing is known."""
    found = positive_rates(torch.tensor(table, dtype=torch.int8)).tolist()
    for column, rate in zip(zip(*table, strict=True), found, strict=True):
        known = [value for value in column if value != -1]
        assert rate == pytest.approx(sum(known) / len(known) if known else 0.5)


def test_rate_travels_with_the_state() -> None:
    """The rates are a buffer, so a checkpoint holds them, but not a parameter."""
    loss = AttributeBinaryCrossEntropy(torch.tensor([0.25]))
    assert loss.state_dict()["positive_rate"].tolist() == [0.25]
    assert list(loss.parameters()) == []


def test_refusals() -> None:
    """A rate outside [0, 1], an unknown weighting and another number of attributes are refused."""
    with pytest.raises(ConfigurationError, match="positive rates"):
        AttributeBinaryCrossEntropy(torch.tensor([1.5]))
    with pytest.raises((ConfigurationError, TypeCheckError)):  # the live type check may speak first
        AttributeBinaryCrossEntropy(torch.tensor([0.5]), weighting="heavy")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"\(batch, 2\)"):
        AttributeBinaryCrossEntropy(torch.tensor([0.5, 0.5]))(
            torch.zeros(1, 3), torch.zeros(1, 3, dtype=torch.int8)
        )
