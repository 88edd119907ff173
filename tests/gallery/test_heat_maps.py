"""Pictures of heat maps: colours, sizes, and what is refused."""

from io import BytesIO

import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image

from attrieve.errors import InputError
from attrieve.gallery.heat_maps import COLOUR_MAP, enlarge, heat_map_over, heat_map_png, legend_strip

CROP = np.full((60, 30, 3), (200, 40, 90), np.uint8)


def test_a_png_of_the_crop_with_its_colours() -> None:
    """Enlarged in whole steps to 256 rows at least; pale where the map is 1, dark where it is 0."""
    heat_map = np.zeros((3, 2), np.float32)
    heat_map[0, 0] = 1.0
    with Image.open(BytesIO(heat_map_png(CROP, heat_map))) as opened:
        assert (opened.format, opened.size) == ("PNG", (150, 300))
        pixels = np.asarray(opened.convert("RGB")).astype(int)
    grey = int(np.asarray(Image.fromarray(CROP).convert("L"))[0, 0])
    for pixel, value, cover in ((pixels[5, 5], 255, 0.8), (pixels[-5, -5], 0, 0.35)):
        colour = np.array(colormaps[COLOUR_MAP](value, bytes=True)[:3])
        np.testing.assert_allclose(pixel, grey * (1 - cover) + colour * cover, atol=1)


def test_the_legend_lies_below() -> None:
    """The picture grows by the legend alone, and the crop above it stays the same."""
    heat_map = np.full((2, 2), 0.5, np.float32)
    with Image.open(BytesIO(heat_map_png(CROP, heat_map, legend=True))) as opened:
        assert opened.size == (200, 300 + legend_strip(200).height)
        above = np.asarray(opened.crop((25, 0, 175, 300)))
    assert np.array_equal(above, np.asarray(heat_map_over(CROP, heat_map)))


def test_enlarging_interpolates_between_middles() -> None:
    """Each position covers an even part; between two middles the value runs straight."""
    large = enlarge(np.array([[0.0, 1.0]], np.float32), 2, 8)
    np.testing.assert_allclose(large, np.tile([0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1], (2, 1)), atol=1e-6)


@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan])
def test_values_outside_the_range_are_refused(value: float) -> None:
    """A map that was not divided by its maximum is a mistake of the caller."""
    with pytest.raises(InputError, match="lie in"):
        heat_map_png(CROP, np.full((2, 2), value, np.float32))


def test_nothing_to_draw_is_refused() -> None:
    """No pixels, no values."""
    for image, heat_map in ((CROP[:0], np.ones((1, 1), np.float32)), (CROP, np.ones((0, 1), np.float32))):
        with pytest.raises(InputError, match="needs pixels"):
            heat_map_over(image, heat_map)
