"""Do heat maps point at what they claim to show? Hits of the maximum, and energy inside the true region.

After Zhang et al., "Top-down Neural Attention by Excitation Backprop", ECCV 2016 (pointing game), and Wang
et al., "Score-CAM", CVPR workshops 2020 (energy-based pointing game). Needs true regions, such as
:func:`~attrieve.data.synthetic.regions.attribute_regions` gives for drawn people.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64
from scipy.ndimage import distance_transform_edt

from attrieve.errors import InputError


@dataclass(frozen=True)
class Interval:
    """A mean and its 95 % interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Scores:
    """What maps score, image by image.

    Args:
        hit: 1 where the maximum of the map lies in the region or within the tolerance, 0 where not; NaN where
            the attribute is not seen in the image.
        energy: share of the map's sum that lies in the region; NaN likewise. A map of zeros has none inside.
    """

    hit: Float64[np.ndarray, "image attribute"]
    energy: Float64[np.ndarray, "image attribute"]


def score_maps(
    maps: Float[np.ndarray, "image attribute row column"],
    regions: Bool[np.ndarray, "image attribute height width"],
    *,
    tolerance_px: float,
) -> Scores:
    """Hold maps against true regions.

    The point is the middle of the position with the largest value, the first of equals; a map of zeros
    points nowhere and misses. For the energy, a position's value counts evenly over the pixels it covers.

    Args:
        maps: at least 0, of any resolution; each position covers an even part of the image.
        regions: true pixels; none where the attribute is not seen.
        tolerance_px: how far from the nearest true pixel a point may lie and still hit, at least 0.

    Raises:
        InputError: for maps and regions that do not belong together, or negative values.
    """
    if maps.shape[:2] != regions.shape[:2] or not bool((maps >= 0).all()):
        raise InputError(
            f"there is one map for every region, with values of at least 0; got shapes {maps.shape} and "
            f"{regions.shape}, least value {maps.min(initial=0.0)}"
        )
    hit = np.full(maps.shape[:2], np.nan)
    energy = np.full(maps.shape[:2], np.nan)
    height, width = regions.shape[2:]
    for image, attribute in zip(*np.nonzero(regions.any(axis=(2, 3))), strict=True):
        values, region = maps[image, attribute], regions[image, attribute]
        point = peak(values, height, width)
        hit[image, attribute] = point is not None and _distance(region, point) <= tolerance_px
        inside = (values * _mean_over_positions(region, values.shape)).sum()
        total = values.sum()
        energy[image, attribute] = inside / total if total > 0 else 0.0
    return Scores(hit, energy)


def peak(
    values: Float[np.ndarray, "row column"], height_px: int, width_px: int
) -> tuple[float, float] | None:
    """Return the middle of the largest position in pixels (row, column); None for a map of zeros.

    >>> peak(np.array([[0.0, 1.0], [0.5, 0.0]]), 160, 80)
    (39.5, 59.5)
    """
    if not values.any():
        return None
    row, column = np.unravel_index(int(values.argmax()), values.shape)
    step = height_px / values.shape[0], width_px / values.shape[1]
    return (float(row) + 0.5) * step[0] - 0.5, (float(column) + 0.5) * step[1] - 0.5


def to_resolution(
    tables: Float[np.ndarray, "some height width"], rows: int, columns: int
) -> Float64[np.ndarray, "some row column"]:
    """Return means over even parts of an image, as maps of that resolution would show it."""
    pooled = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(tables)[None].double(), (rows, columns))
    found: Float64[np.ndarray, "some row column"] = pooled[0].numpy()
    return found


def chance_of_hit(
    regions: Bool[np.ndarray, "image attribute height width"], *, tolerance_px: float
) -> Float64[np.ndarray, "image attribute"]:
    """Return how often a point anywhere in the image would hit; NaN where the attribute is not seen."""
    found = np.full(regions.shape[:2], np.nan)
    for image, attribute in zip(*np.nonzero(regions.any(axis=(2, 3))), strict=True):
        away = distance_transform_edt(~regions[image, attribute])
        found[image, attribute] = (away <= tolerance_px).mean()
    return found


def over_attributes(
    scores: Float64[np.ndarray, "image attribute"],
    baseline: Float64[np.ndarray, "image attribute"] | None = None,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """Return the mean over attributes of the mean over images, with a percentile bootstrap over images.

    Args:
        scores: NaN where an attribute is not seen in an image; every attribute is seen somewhere.
        baseline: taken from the scores, image by image; None for the scores themselves.
        resamples: how many times images are drawn anew.
        seed: of the drawing.

    Raises:
        InputError: if an attribute is seen nowhere.
    """
    values = scores if baseline is None else scores - baseline
    seen = np.isfinite(values)
    if not seen.any(axis=0).all():
        raise InputError("an attribute that is seen in no image has no mean; leave it out")
    filled = np.where(seen, values, 0.0)
    mean = float((filled.sum(axis=0) / seen.sum(axis=0)).mean())
    count = len(values)
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=resamples)
    times = drawn @ seen.astype(np.float64)
    sums = drawn @ filled
    with np.errstate(invalid="ignore"):
        means = np.nanmean(np.where(times > 0, sums / times, np.nan), axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(mean, float(low), float(high))


def _distance(region: Bool[np.ndarray, "height width"], point: tuple[float, float]) -> float:
    """Return how far the nearest true pixel is, 0 within half a pixel on both axes."""
    rows, columns = np.nonzero(region)
    down: Float64[np.ndarray, " pixel"] = np.maximum(np.abs(rows - point[0]) - 0.5, 0)
    across = np.maximum(np.abs(columns - point[1]) - 0.5, 0)
    return float(np.sqrt((down**2 + across**2).min()))


def _mean_over_positions(
    region: Bool[np.ndarray, "height width"], shape: tuple[int, int]
) -> Float64[np.ndarray, "row column"]:
    """Return which share of each position's pixels is true."""
    share: Float64[np.ndarray, "row column"] = to_resolution(region[None].astype(np.float64), *shape)[0]
    return share
