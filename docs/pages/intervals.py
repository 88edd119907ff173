"""Means over seeds with their intervals, differences of paired seeds, and what they decide."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from attrieve.evaluation.significance import (
    Interval,
    bootstrap_interval,
    mean_interval,
    paired_difference,
)
from pages.records import Sample

LEVEL_POINTS = 1.0
"""Two rows count as level if they differ by less than this; the paper calls 0.8 points level."""


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds.

    Args:
        mean: in percent, or in points for a difference.
        interval: None with fewer than 2 seeds.
        seeds: how many went in.
    """

    mean: float
    interval: Interval | None
    seeds: int

    @property
    def half(self) -> float | None:
        """How far the interval reaches to each side."""
        return None if self.interval is None else (self.interval.high - self.interval.low) / 2


class Kind(StrEnum):
    """What a claim says of a difference."""

    GREATER = "greater"
    LEVEL = "level"


class Verdict(StrEnum):
    """What our intervals say of a claim."""

    CONFIRMED = "confirmed"
    CONTRADICTED = "contradicted"
    UNDECIDED = "not decided"
    ONE_SEED = "one seed, no interval"
    NOT_RUN = "not run"


def estimate(sample: Sample) -> Estimate | None:
    """Return the mean of a sample, with a 95 % interval from 2 seeds on; None without any."""
    values = [sample[seed] for seed in sorted(sample)]
    if not values:
        return None
    interval = mean_interval(values) if len(values) > 1 else None
    return Estimate(float(np.mean(values)), interval, len(values))


def difference(a: Sample, b: Sample) -> Estimate | None:
    """Return the mean of ``a - b`` over the seeds both have, paired by number."""
    seeds = sorted(set(a) & set(b))
    if not seeds:
        return None
    if len(seeds) == 1:
        return Estimate(a[seeds[0]] - b[seeds[0]], None, 1)
    interval = paired_difference([a[seed] for seed in seeds], [b[seed] for seed in seeds]).interval
    return Estimate(interval.mean, interval, len(seeds))


def difference_over_queries(a: dict[int, list[float]], b: dict[int, list[float]]) -> Interval | None:
    """Return the mean of ``a - b`` in points of mAP and its bootstrap interval over the queries.

    The difference of each query is averaged over the seeds both have. None if they share no seed, or
    were asked other queries.
    """
    seeds = sorted(set(a) & set(b))
    lengths = {len(a[seed]) for seed in seeds} | {len(b[seed]) for seed in seeds}
    if len(lengths) != 1 or min(lengths) < 2:
        return None
    gains = np.mean([np.subtract(a[seed], b[seed]) for seed in seeds], axis=0)
    return bootstrap_interval(100 * gains, resamples=2000)


def judge(found: Estimate | None, kind: Kind) -> Verdict:
    """Return what an interval says of a claim.

    "Greater" is confirmed by an interval above 0 and contradicted by one below. "Level" is confirmed by
    an interval within :data:`LEVEL_POINTS` of 0 and contradicted by one wholly outside.
    """
    if found is None:
        return Verdict.NOT_RUN
    if found.interval is None:
        return Verdict.ONE_SEED
    low, high = found.interval.low, found.interval.high
    if kind is Kind.GREATER:
        confirmed, contradicted = low > 0, high < 0
    else:
        confirmed = low > -LEVEL_POINTS and high < LEVEL_POINTS
        contradicted = low > LEVEL_POINTS or high < -LEVEL_POINTS
    if confirmed:
        return Verdict.CONFIRMED
    return Verdict.CONTRADICTED if contradicted else Verdict.UNDECIDED


def together(verdicts: list[Verdict]) -> Verdict:
    """Return the verdict on a claim that holds if all its parts do."""
    if Verdict.CONTRADICTED in verdicts:
        return Verdict.CONTRADICTED
    for weakest in (Verdict.NOT_RUN, Verdict.ONE_SEED, Verdict.UNDECIDED):
        if weakest in verdicts:
            return weakest
    return Verdict.CONFIRMED
