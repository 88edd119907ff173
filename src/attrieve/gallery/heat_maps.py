"""A heat map drawn over the crop it explains, as a picture or as the bytes of a PNG file."""

from functools import cache
from io import BytesIO

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont

from attrieve.errors import InputError

COLOUR_MAP = "inferno"
"""Perceptually uniform from near black to pale yellow, and readable without telling colours apart."""

LEAST_HEIGHT_PX = 256
"""Smaller crops are enlarged to this before they are drawn on."""

INK, QUIET, PAPER = "#1c1f23", "#6b7280", "#ffffff"
_VEIL, _COVER = 0.35, 0.8
"""How much of the crop the colours cover where the map is 0 and where it is 1."""
_LEGEND_PX = 40


def heat_map_png(
    image: UInt8[np.ndarray, "height width 3"],
    heat_map: Float[np.ndarray, "row column"],
    *,
    legend: bool = False,
) -> bytes:
    """Return one heat map over its crop as the bytes of a PNG file.

    Args:
        image: RGB crop of any size.
        heat_map: values in [0, 1] that divide the crop evenly, such as one of
            :class:`~attrieve.models.heat_maps.HeatMaps` (``values[i, j].numpy()``).
        legend: put a strip with the colours and what they mean below.

    Raises:
        InputError: for an empty image or map, or values outside [0, 1].
    """
    picture = heat_map_over(image, heat_map)
    if legend:
        strip = legend_strip(max(picture.width, 200))
        whole = Image.new("RGB", (strip.width, picture.height + strip.height), PAPER)
        whole.paste(picture, ((strip.width - picture.width) // 2, 0))
        whole.paste(strip, (0, picture.height))
        picture = whole
    buffer = BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def heat_map_over(
    image: UInt8[np.ndarray, "height width 3"],
    heat_map: Float[np.ndarray, "row column"],
    *,
    size_px: tuple[int, int] | None = None,
) -> Image.Image:
    """Draw a heat map over its crop.

    The crop goes grey and lies under the colours, which cover it the more the higher the map is; the map is
    enlarged smoothly, so that no sharpness is seen that it does not have.

    Args:
        image: RGB crop.
        heat_map: values in [0, 1] that divide the crop evenly.
        size_px: height and width of the picture; None for the crop's own size, enlarged to at least 256 high.

    Raises:
        InputError: as :func:`heat_map_png`.
    """
    if 0 in image.shape or heat_map.size == 0:
        raise InputError(
            f"a picture needs pixels and a map values; got shapes {image.shape}, {heat_map.shape}"
        )
    height, width = size_px or _enlarged(image.shape[0], image.shape[1])
    values = enlarge(heat_map, height, width)
    grey = Image.fromarray(image).convert("L").resize((width, height), Image.Resampling.LANCZOS)
    under = np.repeat(np.asarray(grey, np.float32)[:, :, None], 3, axis=2)
    colours = _colours()[(values * 255).round().astype(np.intp)].astype(np.float32)
    cover = (_VEIL + (_COVER - _VEIL) * values)[:, :, None]
    return Image.fromarray((under * (1 - cover) + colours * cover).round().astype(np.uint8))


def enlarge(
    heat_map: Float[np.ndarray, "row column"], height_px: int, width_px: int
) -> Float[np.ndarray, "height width"]:
    """Return a map with a value per pixel, bilinear between the middles of its positions.

    Raises:
        InputError: for values outside [0, 1] or not finite.
    """
    if not bool(((heat_map >= 0) & (heat_map <= 1)).all()):
        raise InputError("values of a heat map lie in [0, 1]; divide a map by its maximum")
    table = torch.from_numpy(np.ascontiguousarray(heat_map, np.float32))[None, None]
    large = torch.nn.functional.interpolate(table, size=(height_px, width_px), mode="bilinear")
    return large[0, 0].clamp(0, 1).numpy()


def legend_strip(width_px: int) -> Image.Image:
    """Draw the colours from 0 to 1, and what they mean."""
    strip = Image.new("RGB", (width_px, _LEGEND_PX), PAPER)
    ramp = np.linspace(0, 255, width_px - 16).round().astype(np.intp)
    bar = np.repeat(_colours()[ramp][None], 10, axis=0)
    strip.paste(Image.fromarray(bar), (8, 6))
    draw = ImageDraw.Draw(strip)
    font = ImageFont.load_default(size=12)
    draw.text((8, 20), "says nothing", INK, font)
    draw.text((width_px - 8, 20), "says most", INK, font, anchor="ra")
    return strip


def _enlarged(height: int, width: int) -> tuple[int, int]:
    times = max(1, -(-LEAST_HEIGHT_PX // height))
    return height * times, width * times


@cache
def _colours() -> UInt8[np.ndarray, "256 3"]:
    from matplotlib import colormaps  # a second to load, and only pictures need it

    table: UInt8[np.ndarray, "256 3"] = colormaps[COLOUR_MAP](np.arange(256), bytes=True)[:, :3]
    return table
