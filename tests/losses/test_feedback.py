"""Feedback weights: mean one, order kept, nothing to divide by."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from attrieve.errors import ConfigurationError
from attrieve.losses.feedback import FeedbackMode, feedback_weights
from reference.losses import feedback_weights as loop_twin

losses = st.lists(st.floats(0, 100, width=32), min_size=1, max_size=12)
MODES: tuple[FeedbackMode, ...] = ("proportional", "rank")


@settings(max_examples=60, deadline=None)
@given(losses, st.floats(0, 1))
def test_equals_the_loop_twin(values: list[float], beta: float) -> None:
    """The loop over plain numbers gives the same weights."""
    found = feedback_weights(torch.tensor(values), beta=beta).tolist()
    assert found == pytest.approx(loop_twin(values, beta, 1 / 3, 3.0), rel=1e-4)


@settings(max_examples=40, deadline=None)
@given(losses)
def test_ranks_as_scipy_counts_them(values: list[float]) -> None:
    """By rank, the loss values only matter through SciPy's average ranks."""
    ranks = rankdata(torch.tensor(values).numpy(), method="average").tolist()
    found = feedback_weights(torch.tensor(values), mode="rank").tolist()
    assert found == pytest.approx(loop_twin(ranks, 0.5, 1 / 3, 3.0), rel=1e-4)


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=60, deadline=None)
@given(values=losses)
def test_mean_one_positive_and_monotone(mode: FeedbackMode, values: list[float]) -> None:
    """Weights average 1, stay positive, and never favour an easier sample."""
    weight = feedback_weights(torch.tensor(values), mode=mode)
    assert weight.mean().item() == pytest.approx(1, abs=1e-5)
    assert (weight > 0).all()
    ordered = weight[torch.tensor(values).argsort()]
    assert (ordered.diff() >= -1e-6).all()


@pytest.mark.parametrize("mode", MODES)
def test_nothing_to_tell_apart_means_ones(mode: FeedbackMode) -> None:
    """All zero, all equal, one sample, beta 0: weights of one. An empty batch: none."""
    for values in ([0.0, 0.0, 0.0], [5.0, 5.0], [7.0], [0.0]):
        assert feedback_weights(torch.tensor(values), mode=mode).tolist() == pytest.approx(
            [1.0] * len(values)
        )
    assert feedback_weights(torch.tensor([1.0, 9.0]), beta=0.0, mode=mode).tolist() == [1.0, 1.0]
    assert feedback_weights(torch.empty(0), mode=mode).shape == (0,)


def test_clipped_outlier() -> None:
    """One huge loss among 100 gets at most 3 before the division by the mean."""
    values = torch.ones(100)
    values[0] = 1e6
    weight = feedback_weights(values, beta=1.0)
    assert (weight[0] / weight[1]).item() == pytest.approx(9)


def test_no_gradient_flows() -> None:
    """The other task is not trained through the weights."""
    other = torch.tensor([1.0, 2.0], requires_grad=True)
    assert not feedback_weights(other).requires_grad


@pytest.mark.parametrize("mode", MODES)
def test_not_a_number_is_not_hidden(mode: FeedbackMode) -> None:
    """A NaN loss shows in the weights."""
    assert any(math.isnan(w) for w in feedback_weights(torch.tensor([1.0, math.nan]), mode=mode).tolist())


@pytest.mark.parametrize("wrong", [{"beta": 1.5}, {"lowest": 0.0}, {"highest": 0.5}])
def test_refusals(wrong: dict[str, float]) -> None:
    """Settings out of range are refused."""
    with pytest.raises(ConfigurationError, match="feedback needs"):
        feedback_weights(torch.ones(2), **wrong)
