"""How good a crop is to look at: size, sharpness, light; and a small picture of it."""

from dataclasses import dataclass
from io import BytesIO
from typing import Literal

import numpy as np
from jaxtyping import Int16, Int64, UInt8
from PIL import Image

from attrieve.errors import ImageError

ThumbnailFormat = Literal["webp", "jpeg"]

_PIXELS_AT_ONCE = 1 << 20
_WIDEST = 4
"""A thumbnail is at most this many times as wide as it may be high."""


@dataclass(frozen=True)
class Quality:
    """Measures of one decoded image, on its luminance in grey levels, 0 black to 255 white.

    Args:
        width_px: at least 1.
        height_px: at least 1.
        blur: variance of the Laplacian, 0 to about 10^6; *low* is blurred. Below 100 is often called so.
        brightness: mean, 0 to 255.
        contrast: standard deviation, 0 to 127.5.
    """

    width_px: int
    height_px: int
    blur: float
    brightness: float
    contrast: float


def measure_quality(images: UInt8[np.ndarray, "image height width 3"]) -> tuple[Quality, ...]:
    """Measure RGB images of one size at once.

    The luminance is ITU-R 601's, rounded to grey levels as Pillow does; the Laplacian is
    ``L(y-1,x) + L(y+1,x) + L(y,x-1) + L(y,x+1) - 4 L(y,x)`` with the border mirrored at the outermost
    pixel, as in ``cv2.Laplacian(grey, cv2.CV_64F).var()`` (Pech-Pacheco et al., ICPR 2000). Sums are of
    whole numbers, so the result does not depend on how many images are measured together. Memory stays
    small for large images, which are walked through in strips.

    Raises:
        ImageError: if the images have no pixels.

    >>> flat = np.full((1, 4, 2, 3), 100, dtype=np.uint8)
    >>> measure_quality(flat)
    (Quality(width_px=2, height_px=4, blur=0.0, brightness=100.0, contrast=0.0),)
    """
    count, height, width, _ = images.shape
    if height < 1 or width < 1:
        raise ImageError(f"expected images with at least one pixel, got {width} x {height}")
    sums = np.zeros((4, count), dtype=np.int64)
    strip = max(1, _PIXELS_AT_ONCE // max(1, count * width))
    for top in range(0, height, strip):
        rows = _mirrored(np.arange(top - 1, min(top + strip, height) + 1), height)
        grey = luminance(images[:, rows])
        sums[:2] += _moments(grey[:, 1:-1])
        sums[2:] += _moments(_laplacian(grey))
    brightness, light_variance, _, blur = _statistics(sums, height * width)
    return tuple(
        Quality(width, height, float(sharp), float(mean), float(np.sqrt(variance)))
        for sharp, mean, variance in zip(blur, brightness, light_variance, strict=True)
    )


def luminance(images: UInt8[np.ndarray, "*axes 3"]) -> Int16[np.ndarray, "*axes"]:
    """Return ``0.299 R + 0.587 G + 0.114 B`` rounded to grey levels, 0 to 255, as Pillow's mode L.

    >>> luminance(np.array([[255, 0, 0], [255, 255, 255]], dtype=np.uint8)).tolist()
    [76, 255]
    """
    red, green, blue = (images[..., channel].astype(np.uint32) for channel in range(3))
    grey: Int16[np.ndarray, "*axes"] = ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16).astype(
        np.int16
    )
    return grey


def thumbnail(
    image: UInt8[np.ndarray, "height width 3"],
    height_px: int,
    *,
    encoding: ThumbnailFormat = "webp",
    quality: int = 80,
) -> bytes:
    """Return an image as a small file, at most ``height_px`` high and four times as wide as that.

    The aspect ratio is kept, nothing is enlarged.

    Args:
        image: RGB.
        height_px: at least 1.
        encoding: ``webp`` is about a third smaller, ``jpeg`` is read everywhere.
        quality: 1 to 100, as the encoders understand it.

    Raises:
        ImageError: if the image is empty or a number is out of range.
    """
    if not 1 <= height_px <= 4096 or not 1 <= quality <= 100:
        raise ImageError(
            f"expected a thumbnail of 1 to 4096 pixels and quality 1 to 100, got {height_px} and {quality}"
        )
    if image.size == 0:
        raise ImageError(f"cannot make a thumbnail of an image of shape {image.shape}; it has no pixels")
    picture = Image.fromarray(np.ascontiguousarray(image))
    picture.thumbnail((_WIDEST * height_px, height_px), Image.Resampling.BILINEAR)
    buffer = BytesIO()
    picture.save(buffer, encoding.upper(), quality=quality)
    return buffer.getvalue()


def _mirrored(rows: Int64[np.ndarray, " row"], height: int) -> Int64[np.ndarray, " row"]:
    """Return rows with those outside mirrored at the outermost one, which is not repeated."""
    if height == 1:
        return np.zeros_like(rows)
    mirrored: Int64[np.ndarray, " row"] = (height - 1) - np.abs((height - 1) - np.abs(rows))
    return mirrored


def _laplacian(
    grey: Int16[np.ndarray, "image rows_and_2 width"],
) -> Int16[np.ndarray, "image rows width"]:
    columns = np.arange(-1, grey.shape[2] + 1)
    wide = grey[:, 1:-1][:, :, _mirrored(columns, grey.shape[2])]
    middle = grey[:, 1:-1]
    edges: Int16[np.ndarray, "image rows width"] = (
        grey[:, :-2] + grey[:, 2:] + wide[:, :, :-2] + wide[:, :, 2:] - 4 * middle
    )
    return edges


def _moments(values: Int16[np.ndarray, "image rows width"]) -> Int64[np.ndarray, "2 image"]:
    flat = values.reshape(len(values), values.shape[1] * values.shape[2]).astype(np.int32)
    return np.stack([flat.sum(axis=1, dtype=np.int64), (flat * flat).sum(axis=1, dtype=np.int64)])


def _statistics(sums: Int64[np.ndarray, "4 image"], pixels: int) -> tuple[np.ndarray, ...]:
    """Return mean and variance of luminance, then of the Laplacian."""
    means = sums[[0, 2]] / pixels
    variances = np.maximum(sums[[1, 3]] / pixels - means**2, 0.0)
    return means[0], variances[0], means[1], variances[1]
