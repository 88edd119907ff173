"""Cloth and its texture: plaid, stripes, denim, knit."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from attrieve.data.synthetic.palette import Colour, contrast_to, mixed, scaled

Pixels = npt.NDArray[np.uint8]

GRAIN_SIDE_PX = 1024
"""Side of the square of noise that textures and sensor noise are cut from."""


@dataclass(frozen=True)
class Cloth:
    """What a garment is made of.

    Args:
        colour: of the cloth.
        texture: ``plain``, ``plaid``, ``thin_stripes``, ``thick_stripes``, ``denim`` or ``knit``.
        second: colour of stripes and checks; a contrast to ``colour`` if None.
        pitch_px: width of one stripe or check and its gap, in pixels of the canvas.
    """

    colour: Colour
    texture: str = "plain"
    second: Colour | None = None
    pitch_px: float = 16.0

    @property
    def is_plain(self) -> bool:
        """Whether one colour will do."""
        return self.texture == "plain"

    def shaded(self, factor: float) -> "Cloth":
        """Return the same cloth in other light."""
        second = None if self.second is None else scaled(self.second, factor)
        return Cloth(scaled(self.colour, factor), self.texture, second, self.pitch_px)


def cloth_tile(cloth: Cloth, left: int, top: int, width: int, height: int) -> Pixels:
    """Return a piece of cloth, uint8 of shape (height, width, 3), whose texture is fixed to the canvas."""
    rows = np.arange(top, top + height)
    columns = np.arange(left, left + width)
    base = np.array(cloth.colour, dtype=np.float32)
    other = np.array(cloth.second or contrast_to(cloth.colour), dtype=np.float32)
    if cloth.texture == "plaid":
        return _plaid(rows, columns, base, other, cloth.pitch_px)
    if cloth.texture == "thin_stripes":
        return _stripes(rows, width, base, other, cloth.pitch_px * 0.42, 0.4)
    if cloth.texture == "thick_stripes":
        return _stripes(rows, width, base, other, cloth.pitch_px * 1.7, 0.5)
    if cloth.texture == "denim":
        return _denim(cloth.colour, left, top, width, height)
    if cloth.texture == "knit":
        dark = np.array(mixed(cloth.colour, contrast_to(cloth.colour), 0.22), dtype=np.float32)
        return _stripes(rows, width, base, dark, max(3.0, cloth.pitch_px * 0.24), 0.4)
    return np.broadcast_to(base.astype(np.uint8), (height, width, 3)).copy()


def _bands(
    places: npt.NDArray[np.int64], pitch: float, share: float, shift: float = 0.0
) -> npt.NDArray[np.float32]:
    """Return 1 where a band lies, else 0."""
    return (((places + shift) % pitch) < pitch * share).astype(np.float32)


def _stripes(
    rows: npt.NDArray[np.int64],
    width: int,
    base: npt.NDArray[np.float32],
    other: npt.NDArray[np.float32],
    pitch: float,
    share: float,
) -> Pixels:
    band = _bands(rows, pitch, share)[:, None]
    lines = (base + (other - base) * band).astype(np.uint8)
    return np.repeat(lines[:, None, :], width, axis=1)


def _plaid(
    rows: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int64],
    base: npt.NDArray[np.float32],
    other: npt.NDArray[np.float32],
    pitch: float,
) -> Pixels:
    shift = 0.7 * pitch
    thin = _bands(rows, pitch, 0.1, shift)[:, None] + _bands(columns, pitch, 0.1, shift)[None]
    weave = _bands(rows, pitch, 0.45)[:, None] + _bands(columns, pitch, 0.45)[None]
    mix = (0.46 * weave)[..., None]
    cloth = base + (other - base) * mix
    light = np.minimum(thin, 1.0)[..., None] * 0.45
    return np.asarray(cloth + (255.0 - cloth) * light * (base.mean() < 150), dtype=np.uint8)


def _denim(colour: Colour, left: int, top: int, width: int, height: int) -> Pixels:
    rough = grain_cut(top, left, height, width)[..., 1]
    streaks = grain_cut(top // 9, left, height // 9 + 2, width)[..., 2]
    streaks = np.repeat(streaks, 9, axis=0)[top % 9 : top % 9 + height]
    strength = 9.0 + 0.05 * max(colour)
    value = np.array(colour, dtype=np.float32) + ((0.6 * rough + streaks) * strength)[..., None]
    return np.clip(value, 0, 255).astype(np.uint8)


def grain_cut(top: int, left: int, height: int, width: int) -> npt.NDArray[np.float32]:
    """Return a piece of the noise, shape (height, width, 3); it goes on without end. Do not write to it."""
    noise = grain()
    top, left = top % GRAIN_SIDE_PX, left % GRAIN_SIDE_PX
    if top + height <= GRAIN_SIDE_PX and left + width <= GRAIN_SIDE_PX:
        return noise[top : top + height, left : left + width]
    rows = np.arange(top, top + height) % GRAIN_SIDE_PX
    columns = np.arange(left, left + width) % GRAIN_SIDE_PX
    return noise[rows[:, None], columns]


@cache
def grain() -> npt.NDArray[np.float32]:
    """Return a fixed square of sensor noise, shape (side, side, 3), mean 0; do not write to it.

    The green channel has deviation 1; red and blue differ from it by noise of colour, 0.45 each way.
    """
    random = np.random.default_rng(20140611)
    bright, tint = random.standard_normal((2, GRAIN_SIDE_PX, GRAIN_SIDE_PX), dtype=np.float32)
    noise = np.stack([bright + 0.45 * tint, bright, bright - 0.45 * tint], axis=-1)
    noise.setflags(write=False)
    return noise
