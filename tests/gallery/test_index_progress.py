"""Progress: counts, a rate of late, and the time it leaves."""

import pytest

from attrieve.gallery.index_progress import IndexProgress, ProgressMeter


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_rate_and_time_left_are_of_the_last_half_minute() -> None:
    """A thousand skipped in the first second do not promise a quick end."""
    clock, reports = Clock(), list[IndexProgress]()
    meter = ProgressMeter(reports.append, lambda: 2000, clock=clock)
    clock.now = 1.0
    meter.update(0, 1000, 0)
    assert reports[-1] == IndexProgress(1000, 2000, 0, 1000, 0, 1000.0, 1.0)
    for second in range(2, 62):
        clock.now = float(second)
        meter.update(5 * (second - 1), 1000, 0)
    assert reports[-1].images_per_s == pytest.approx(5)
    assert reports[-1].seconds_left == pytest.approx((1000 - 300) / 5)


def test_reports_are_spaced_but_the_last_always_comes() -> None:
    """A bar need not be drawn a thousand times a second."""
    clock, reports = Clock(), list[IndexProgress]()
    meter = ProgressMeter(reports.append, lambda: None, clock=clock, least_s=0.1)
    for step in range(1000):
        clock.now = step / 1000
        meter.update(step, 0, 0)
    assert 9 <= len(reports) <= 11
    meter.update(1000, 0, 0, last=True, complete=True)
    assert (reports[-1].done, reports[-1].total) == (1000, 1000)


def test_the_total_may_be_unknown_or_outgrown() -> None:
    """A folder that grew while it was indexed has more than was counted."""
    clock, reports, total = Clock(), list[IndexProgress](), [None, 10]
    meter = ProgressMeter(reports.append, lambda: total.pop(0), clock=clock, least_s=0.0)
    clock.now = 1.0
    meter.update(3, 1, 1)
    assert (reports[-1].total, reports[-1].seconds_left) == (None, None)
    meter.update(11, 1, 1)
    assert (reports[-1].done, reports[-1].total, reports[-1].seconds_left) == (13, 13, 0.0)


def test_a_run_that_was_stopped_does_not_claim_to_be_complete() -> None:
    """The last report of an unfinished run keeps the total."""
    clock, reports = Clock(), list[IndexProgress]()
    meter = ProgressMeter(reports.append, lambda: 10, clock=clock)
    meter.update(3, 0, 0, last=True)
    assert (reports[-1].done, reports[-1].total, reports[-1].images_per_s) == (3, 10, 0.0)
    assert reports[-1].seconds_left is None
