import numpy as np
import pytest
from scipy import stats

from attrieve.errors import InputError
from attrieve.evaluation import bootstrap_interval, mean_interval, paired_difference


def test_the_interval_of_three_seeds_by_hand():
    """20, 21, 22: standard error 1 / sqrt 3, t of 2 degrees 4.3027."""
    found = mean_interval([20.0, 21.0, 22.0])
    assert found.mean == 21
    assert found.high - 21 == pytest.approx(4.302653 / 3**0.5, rel=1e-6)
    assert 21 - found.low == pytest.approx(found.high - 21)


def test_the_interval_covers_as_often_as_it_says():
    """Of many samples of 4, about 95 % hold the true mean."""
    generator = np.random.default_rng(0)
    intervals = [mean_interval(generator.normal(3, 2, size=4).tolist()) for _ in range(2000)]
    covered = np.mean([found.low <= 3 <= found.high for found in intervals])
    assert covered == pytest.approx(0.95, abs=0.015)


def test_paired_difference_is_the_paired_t_test():
    """Against scipy's own."""
    a, b = [20.0, 22.0, 21.0, 25.0], [19.0, 20.5, 21.2, 23.0]
    truth = stats.ttest_rel(a, b)
    found = paired_difference(a, b)
    assert found.p_value == pytest.approx(truth.pvalue)
    assert found.interval.low == pytest.approx(truth.confidence_interval(0.95).low)
    assert not found.excludes_zero
    assert paired_difference(b, a).interval.mean == -found.interval.mean


def test_differences_without_spread():
    """All pairs differ alike: certain, unless by nothing."""
    assert paired_difference([1.0, 2.0], [0.5, 1.5]).p_value == 0
    assert paired_difference([1.0, 2.0], [1.0, 2.0]).p_value == 1
    assert not paired_difference([1.0, 2.0], [1.0, 2.0]).excludes_zero


def test_the_bootstrap_agrees_with_theory():
    """For many queries it nears the normal interval."""
    values = np.random.default_rng(1).normal(0.4, 0.2, size=400)
    found = bootstrap_interval(values)
    half = 1.96 * values.std() / 20
    assert found.mean == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.002)


def test_the_bootstrap_repeats_itself():
    """One seed, one answer; also when drawn in parts."""
    values = np.random.default_rng(1).random(50)
    assert bootstrap_interval(values, seed=3) == bootstrap_interval(values, seed=3)
    assert bootstrap_interval(values, seed=3) != bootstrap_interval(values, seed=4)
    long = np.random.default_rng(2).random(100_000)
    assert bootstrap_interval(long, resamples=100).samples == 100_000


@pytest.mark.parametrize("samples", [[], [1.0], [1.0, float("nan")]])
def test_too_little_to_go_by_is_refused(samples):
    """One run has no interval."""
    for call in (mean_interval, bootstrap_interval, lambda s: paired_difference(s, s)):
        with pytest.raises(InputError, match="at least 2 finite values"):
            call(samples)


def test_impossible_requests_are_refused():
    """Unequal pairs, confidence out of range, no resamples."""
    with pytest.raises(InputError, match="3 and 2"):
        paired_difference([1.0, 2.0, 3.0], [1.0, 2.0])
    with pytest.raises(InputError, match="confidence"):
        mean_interval([1.0, 2.0], confidence=1.0)
    with pytest.raises(InputError, match="resample"):
        bootstrap_interval([1.0, 2.0], resamples=0)
