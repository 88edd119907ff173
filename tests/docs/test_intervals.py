"""Intervals over seeds and what they decide."""

import doctest
import math

import numpy as np
import pytest
from pages import intervals, markdown
from pages.intervals import Estimate, Kind, Verdict, difference, estimate, judge, together
from scipy import stats

from attrieve.evaluation.significance import Interval


def found(mean: float, half: float | None, seeds: int = 3) -> Estimate:
    interval = None if half is None else Interval(mean, mean - half, mean + half, 0.95, seeds)
    return Estimate(mean, interval, seeds)


def test_a_mean_is_given_with_students_interval() -> None:
    """As SciPy computes it."""
    values = [20.0, 21.5, 23.0]
    got = estimate(dict(enumerate(values)))
    assert got is not None
    low, high = stats.t.interval(0.95, 2, loc=np.mean(values), scale=stats.sem(values))
    assert got.mean == pytest.approx(21.5)
    assert got.half == pytest.approx((high - low) / 2)
    assert estimate({}) is None


def test_differences_pair_seeds_by_number() -> None:
    """A seed that only one side has says nothing; the order of the seeds does not matter."""
    a, b = {2: 25.0, 0: 21.0, 7: 99.0}, {0: 20.0, 1: 50.0, 2: 22.0}
    got = difference(a, b)
    assert got is not None
    assert (got.mean, got.seeds) == (2.0, 2)
    gains = [1.0, 3.0]
    reach = stats.t.ppf(0.975, 1) * np.std(gains, ddof=1) / math.sqrt(2)
    assert got.half == pytest.approx(reach)
    assert difference({0: 1.0}, {1: 1.0}) is None
    single = difference({0: 1.0}, {0: 3.0})
    assert single is not None
    assert (single.mean, single.interval) == (-2.0, None)


@pytest.mark.parametrize(
    ("mean", "half", "kind", "verdict"),
    [
        (1.0, 0.9, Kind.GREATER, Verdict.CONFIRMED),
        (1.0, 1.1, Kind.GREATER, Verdict.UNDECIDED),
        (-1.0, 1.1, Kind.GREATER, Verdict.UNDECIDED),
        (-1.0, 0.9, Kind.GREATER, Verdict.CONTRADICTED),
        (0.0, 0.0, Kind.GREATER, Verdict.UNDECIDED),
        (5.0, None, Kind.GREATER, Verdict.ONE_SEED),
        (0.3, 0.6, Kind.LEVEL, Verdict.CONFIRMED),
        (0.3, 0.8, Kind.LEVEL, Verdict.UNDECIDED),
        (-0.3, 0.8, Kind.LEVEL, Verdict.UNDECIDED),
        (2.0, 0.9, Kind.LEVEL, Verdict.CONTRADICTED),
        (-2.0, 0.9, Kind.LEVEL, Verdict.CONTRADICTED),
        (0.0, None, Kind.LEVEL, Verdict.ONE_SEED),
    ],
)
def test_verdicts_come_from_the_interval(
    mean: float, half: float | None, kind: Kind, verdict: Verdict
) -> None:
    """Greater: the side of 0; level: within a point of it."""
    assert judge(found(mean, half), kind) is verdict


def test_what_was_not_run_is_not_judged() -> None:
    """And a claim on several rows needs all of them, but one is enough to contradict it."""
    assert judge(None, Kind.GREATER) is Verdict.NOT_RUN
    yes, no, open_ = Verdict.CONFIRMED, Verdict.CONTRADICTED, Verdict.UNDECIDED
    assert together([yes, yes]) is yes
    assert together([yes, open_]) is open_
    assert together([yes, open_, no]) is no
    assert together([yes, Verdict.NOT_RUN, open_]) is Verdict.NOT_RUN


def test_differences_over_queries_average_the_seeds_first() -> None:
    """A difference that is the same for every query has no spread; other queries are not compared."""
    a = {0: [0.5, 0.6, 0.7], 1: [0.3, 0.4, 0.5], 2: [0.0, 0.0, 0.0]}
    b = {0: [0.4, 0.5, 0.6], 1: [0.4, 0.5, 0.6]}
    same = intervals.difference_over_queries(a, b)
    assert same is not None
    assert (same.mean, same.low, same.high) == pytest.approx((0.0, 0.0, 0.0))
    spread = intervals.difference_over_queries({0: [1.0, 0.0, 0.0, 0.0]}, {0: [0.0, 0.0, 0.0, 0.0]})
    assert spread is not None
    assert spread.mean == 25.0
    assert spread.low == 0.0 < spread.high
    assert intervals.difference_over_queries({0: [0.5, 0.6]}, {0: [0.5, 0.6, 0.7]}) is None
    assert intervals.difference_over_queries({0: [0.5, 0.6]}, {1: [0.5, 0.6]}) is None


def test_examples_of_the_formatting_run() -> None:
    """The page generator is outside the folders that are searched for examples."""
    assert doctest.testmod(markdown).failed == 0
    assert markdown.value(found(20.04, 1.26)) == "20.0 ± 1.3"
    assert markdown.points(found(-1.26, None)) == "-1.3 (one seed)"
