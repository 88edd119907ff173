"""Is a difference more than chance? Intervals over seeds, and over queries."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy import ndarray
from scipy import stats

from attrieve.errors import InputError

DRAW_CELLS = 2**22
"""Values drawn at a time by the bootstrap."""


@dataclass(frozen=True)
class Interval:
    """A mean and the range that holds the true one with the stated confidence.

    Args:
        mean: in the unit of the samples.
        low: lower end.
        high: upper end.
        confidence: in (0, 1).
        samples: how many values went in.
    """

    mean: float
    low: float
    high: float
    confidence: float
    samples: int


@dataclass(frozen=True)
class PairedDifference:
    """How much larger ``a`` is than ``b``, pair by pair.

    Args:
        interval: of the mean difference ``a - b``.
        p_value: two-sided paired t-test; 1 if all differences are 0.
    """

    interval: Interval
    p_value: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval leaves no difference out."""
        return self.interval.low > 0 or self.interval.high < 0


def mean_interval(samples: Sequence[float], confidence: float = 0.95) -> Interval:
    """Return mean and Student's t interval: ``mean +- t * s / sqrt(n)`` with n - 1 degrees of freedom.

    Args:
        samples: one value per independent run, e.g. per seed; at least 2.
        confidence: in (0, 1).

    Raises:
        InputError: for fewer than 2 samples, one that is not finite, or a confidence outside (0, 1).

    >>> result = mean_interval([20.0, 21.0, 22.0])
    >>> round(result.mean, 2), round(result.low, 2), round(result.high, 2)
    (21.0, 18.52, 23.48)
    """
    values = _checked(samples, confidence)
    mean = float(values.mean())
    reach = float(stats.t.ppf((1 + confidence) / 2, len(values) - 1))
    half = reach * float(values.std(ddof=1)) / math.sqrt(len(values))
    return Interval(mean, mean - half, mean + half, confidence, len(values))


def paired_difference(a: Sequence[float], b: Sequence[float], confidence: float = 0.95) -> PairedDifference:
    """Return the mean of ``a - b`` over pairs (same seed, same query), its t interval and p value.

    Raises:
        InputError: if the two differ in length, or as for :func:`mean_interval`.

    >>> paired_difference([2.0, 3.0, 4.0], [1.0, 2.0, 3.5]).excludes_zero
    True
    """
    if len(a) != len(b):
        raise InputError(f"pairs need as many values on both sides, got {len(a)} and {len(b)}")
    difference = _checked(a, confidence) - _checked(b, confidence)
    interval = mean_interval([float(value) for value in difference], confidence)
    spread = float(difference.std(ddof=1)) / math.sqrt(len(difference))
    if spread == 0:
        return PairedDifference(interval, 1.0 if interval.mean == 0 else 0.0)
    p_value = 2 * float(stats.t.sf(abs(interval.mean) / spread, len(difference) - 1))
    return PairedDifference(interval, p_value)


def bootstrap_interval(
    per_query_values: Sequence[float] | Float64[ndarray, " query"],
    confidence: float = 0.95,
    *,
    resamples: int = 10_000,
    seed: int = 0,
) -> Interval:
    """Return the mean over queries and its percentile bootstrap interval.

    Queries are drawn with replacement ``resamples`` times: the uncertainty of a mean over few queries.

    Raises:
        InputError: as for :func:`mean_interval`, or for fewer than 1 resample.

    >>> result = bootstrap_interval([0.0, 1.0] * 50)
    >>> 0.35 < result.low < 0.45 < result.mean < 0.55 < result.high < 0.65
    True
    """
    values = _checked(per_query_values, confidence)
    if resamples < 1:
        raise InputError(f"the bootstrap needs at least 1 resample, got {resamples}")
    generator = np.random.default_rng(seed)
    step = max(1, DRAW_CELLS // len(values))
    means = np.concatenate(
        [
            values[generator.integers(len(values), size=(min(step, resamples - start), len(values)))].mean(
                axis=1
            )
            for start in range(0, resamples, step)
        ]
    )
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(values.mean()), float(low), float(high), confidence, len(values))


def _checked(
    samples: Sequence[float] | Float64[ndarray, " sample"], confidence: float
) -> Float64[ndarray, " sample"]:
    values = np.asarray(samples, dtype=np.float64)
    if not 0 < confidence < 1:
        raise InputError(f"confidence lies between 0 and 1, got {confidence}")
    if len(values) < 2 or not np.isfinite(values).all():
        raise InputError(f"an interval needs at least 2 finite values, got {values.tolist()[:10]}")
    return values
