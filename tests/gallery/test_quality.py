"""Quality measures against Pillow and SciPy, and thumbnails that fit."""

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter
from scipy import ndimage

from attrieve.errors import ImageError
from attrieve.gallery import quality
from attrieve.gallery.quality import luminance, measure_quality, thumbnail


def drawn(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)


SIDE = st.integers(1, 9)


@settings(max_examples=30)
@given(st.integers(1, 4), SIDE, SIDE, st.integers(0, 99), st.sampled_from([1, 7, 10**6]))
def test_measures_are_those_of_pillow_and_scipy(
    count: int, height: int, width: int, seed: int, at_once: int
) -> None:
    """Image by image, in double precision, whatever the size of the strips."""
    images = drawn((count, height, width), seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quality, "_PIXELS_AT_ONCE", at_once)
        measured = measure_quality(images)
    assert len(measured) == count
    for image, found in zip(images, measured, strict=True):
        grey = np.asarray(Image.fromarray(image).convert("L")).astype(np.float64)
        assert (found.height_px, found.width_px) == (height, width)
        assert found.brightness == pytest.approx(grey.mean())
        assert found.contrast == pytest.approx(grey.std())
        assert found.blur == pytest.approx(ndimage.laplace(grey, mode="mirror").var())


def test_luminance_is_pillows() -> None:
    """For every red and green, and some blue."""
    values = np.arange(256, dtype=np.uint8)
    red, green, blue = np.meshgrid(values, values, values[::51], indexing="ij")
    colours = np.stack([red, green, blue], axis=-1).reshape(256, -1, 3)
    assert (luminance(colours) == np.asarray(Image.fromarray(colours).convert("L"))).all()


def test_what_measures_mean() -> None:
    """Blurring lowers sharpness, dimming brightness, flattening contrast."""
    sharp = drawn((40, 20), 0)
    blurred = np.asarray(Image.fromarray(sharp).filter(ImageFilter.GaussianBlur(1)))
    (first, second, dim) = measure_quality(np.stack([sharp, blurred, sharp // 2]))
    assert second.blur < first.blur / 5
    assert dim.brightness == pytest.approx(first.brightness / 2, abs=1)
    assert dim.contrast < first.contrast


def test_measuring_together_changes_nothing() -> None:
    """Not the last bit."""
    images = drawn((5, 33, 17), 1)
    alone = tuple(measure_quality(image[None])[0] for image in images)
    assert measure_quality(images) == alone


def test_no_images_have_no_measures() -> None:
    """And an image without pixels is refused."""
    assert measure_quality(np.zeros((0, 4, 4, 3), np.uint8)) == ()
    with pytest.raises(ImageError, match="at least one pixel"):
        measure_quality(np.zeros((1, 0, 4, 3), np.uint8))


@pytest.mark.parametrize("encoding", ["webp", "jpeg"])
@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((100, 50), (40, 20)),
        ((40, 13), (40, 13)),
        ((20, 10), (20, 10)),
        ((100, 2000), (8, 160)),
        ((400, 1), (40, 1)),
    ],
)
def test_thumbnails_fit_and_show_the_image(
    size: tuple[int, int], expected: tuple[int, int], encoding: quality.ThumbnailFormat
) -> None:
    """At most so high and four times as wide, never enlarged, the aspect kept, the colour too."""
    image = np.broadcast_to(np.array([200, 40, 90], np.uint8), (*size, 3))
    content = thumbnail(image, 40, encoding=encoding)
    with Image.open(BytesIO(content)) as opened:
        assert opened.format == encoding.upper()
        pixels = np.asarray(opened.convert("RGB")).astype(int)
    assert pixels.shape == (*expected, 3)
    assert np.abs(pixels.mean(axis=(0, 1)) - [200, 40, 90]).max() < 4
    assert thumbnail(image, 40, encoding=encoding) == content


def test_impossible_thumbnails_are_refused() -> None:
    """Numbers out of range, and nothing to show."""
    image = drawn((4, 4), 0)
    for height_px, level in ((0, 80), (40, 0), (40, 101), (5000, 80)):
        with pytest.raises(ImageError, match="expected a thumbnail"):
            thumbnail(image, height_px, quality=level)
    with pytest.raises(ImageError, match="no pixels"):
        thumbnail(image[:0], 40)
