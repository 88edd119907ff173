"""The pointing game against points and sums counted by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attrieve.errors import InputError
from attrieve.evaluation.pointing_game import (
    chance_of_hit,
    over_attributes,
    peak,
    score_maps,
    to_resolution,
)


def one(region: np.ndarray, values: np.ndarray, tolerance_px: float) -> tuple[float, float]:
    found = score_maps(values[None, None], region[None, None], tolerance_px=tolerance_px)
    return float(found.hit[0, 0]), float(found.energy[0, 0])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 6), st.sampled_from([(1, 1), (2, 3), (4, 2), (8, 12)]))
def test_hits_and_energy_equal_counting(seed: int, tolerance: float, grid: tuple[int, int]) -> None:
    """Every true pixel is asked how far the point is; every pixel carries its position's value."""
    generator = np.random.default_rng(seed)
    region = generator.random((8, 12)) < 0.1
    region[3, 4] = True
    values = generator.random(grid).round(1)
    hit, energy = one(region, values, tolerance)
    pixels = np.kron(values, np.ones((8 // grid[0], 12 // grid[1])))
    assert energy == pytest.approx(pixels[region].sum() / pixels.sum() if pixels.sum() else 0.0)
    best = None
    for row in range(grid[0]):
        for column in range(grid[1]):
            if values[row, column] > 0 and (best is None or values[row, column] > values[best]):
                best = (row, column)
    if best is None:
        assert hit == 0
        return
    y, x = ((best[axis] + 0.5) * (8, 12)[axis] / grid[axis] for axis in (0, 1))
    nearest = min(  # to the square of each pixel
        np.hypot(max(r - y, 0, y - r - 1), max(c - x, 0, x - c - 1)) for r, c in np.argwhere(region)
    )
    if abs(nearest - tolerance) > 1e-9:
        assert hit == float(nearest <= tolerance)


def test_what_is_not_seen_does_not_count_and_zeros_miss() -> None:
    """No region, no score; a map without any value neither hits nor has energy inside."""
    regions = np.zeros((2, 1, 4, 4), bool)
    regions[1, 0, 0, 0] = True
    found = score_maps(np.zeros((2, 1, 2, 2)), regions, tolerance_px=9.0)
    assert np.isnan(found.hit[0, 0])
    assert np.isnan(found.energy[0, 0])
    assert (found.hit[1, 0], found.energy[1, 0]) == (0.0, 0.0)
    assert peak(np.zeros((2, 2)), 4, 4) is None


def test_chance_is_the_share_of_pixels_within_reach() -> None:
    """Of one pixel and its four neighbours, 5 of 20."""
    region = np.zeros((1, 1, 4, 5), bool)
    region[0, 0, 1, 2] = True
    assert chance_of_hit(region, tolerance_px=1.0)[0, 0] == pytest.approx(5 / 20)
    assert chance_of_hit(region, tolerance_px=0.0)[0, 0] == pytest.approx(1 / 20)


def test_means_are_over_attributes_of_means_over_images() -> None:
    """A rare attribute counts as much as a frequent one; a difference is taken image by image."""
    scores = np.array([[1.0, np.nan], [0.0, np.nan], [1.0, 1.0], [0.0, np.nan]])
    found = over_attributes(scores, resamples=200)
    assert found.mean == pytest.approx((0.5 + 1.0) / 2)
    assert found.low <= found.mean <= found.high
    assert over_attributes(scores, scores).high == 0.0
    with pytest.raises(InputError, match="seen in no image"):
        over_attributes(np.full((3, 1), np.nan))


def test_the_interval_covers_the_truth() -> None:
    """Of samples of a coin that falls on 1 in 0.3 of all cases, about 95 % of intervals hold 0.3."""
    generator = np.random.default_rng(1)
    inside = 0
    for trial in range(120):
        coin = (generator.random((80, 1)) < 0.3).astype(float)
        found = over_attributes(coin, resamples=300, seed=trial)
        inside += found.low <= 0.3 <= found.high
    assert 105 <= inside <= 120


def test_tables_shrink_to_means() -> None:
    """Even parts; the mean of all stays."""
    table = np.arange(32.0).reshape(1, 4, 8)
    found = to_resolution(table, 2, 4)
    assert found[0, 0, 0] == np.mean([0, 1, 8, 9])
    assert found.mean() == table.mean()


def test_what_does_not_belong_together_is_refused() -> None:
    """A map below 0 has no share of its sum."""
    with pytest.raises(InputError, match="at least 0"):
        score_maps(-np.ones((1, 1, 2, 2)), np.ones((1, 1, 4, 4), bool), tolerance_px=0.0)
