"""What a surveillance camera does to a picture: light, cast, low resolution, blur, noise, compression."""

from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from attrieve.data.synthetic.chance import Chance
from attrieve.data.synthetic.textures import GRAIN_SIDE_PX, grain_cut

Pixels = npt.NDArray[np.uint8]


def photograph(scene: Image.Image, chance: Chance, difficulty: float | int) -> Pixels:
    """Return the picture as the camera gives it, uint8 of shape (height, width, 3).

    At difficulty 0 nothing is changed; every effect grows with difficulty.
    """
    if difficulty == 0:
        return np.asarray(scene).copy()
    picture = _soften(scene, chance, difficulty)
    picture = picture.point(_light_table(chance, difficulty))
    noisy = _with_noise(np.asarray(picture), chance, difficulty)
    return _compressed(noisy, chance, difficulty)


def _soften(scene: Image.Image, chance: Chance, difficulty: float | int) -> Image.Image:
    """Take it at a lower resolution, out of focus, or moving."""
    width, height = scene.size
    shrink = 1.0 + 2.6 * difficulty * chance.number() ** 2
    kind, strength = chance.number(), chance.number()
    picture = scene
    if shrink > 1.15 and min(width, height) / shrink >= 12:
        low = (max(8, round(width / shrink)), max(8, round(height / shrink)))
        picture = scene.resize(low, Image.Resampling.BOX).resize((width, height), Image.Resampling.BILINEAR)
    blur = difficulty * strength * height / 256
    if kind < 0.35 and blur > 0.25:
        picture = picture.filter(ImageFilter.GaussianBlur(blur * 1.1))
    elif kind < 0.5 and blur > 0.25:
        picture = picture.filter(ImageFilter.BoxBlur((blur * 2.2, blur * 0.3)))
    return picture


def _light_table(chance: Chance, difficulty: float | int) -> list[int]:
    """Return the table from light to value for red, green and blue: gamma, gain, contrast, colour cast."""
    gamma = 2.0 ** (chance.between(-0.75, 0.75) * difficulty)
    gain = 1.0 + chance.between(-0.28, 0.18) * difficulty
    lift = chance.between(0.0, 34.0) * difficulty
    warmth = chance.between(-0.14, 0.14) * difficulty
    green = chance.between(-0.05, 0.05) * difficulty
    ramp = (np.arange(256) / 255.0) ** gamma * (255.0 - lift) * gain + lift
    channels = [ramp * (1 + warmth), ramp * (1 + green), ramp * (1 - warmth)]
    return [int(value) for value in np.clip(np.concatenate(channels), 0, 255).round()]


def _with_noise(picture: Pixels, chance: Chance, difficulty: float | int) -> Pixels:
    """Add sensor noise, mostly of brightness and somewhat of colour."""
    height, width = picture.shape[:2]
    strength = (1.5 + 13.0 * chance.number() ** 2) * difficulty
    top, left = (int(chance.number() * GRAIN_SIDE_PX) for _ in range(2))
    noisy = grain_cut(top, left, height, width) * np.float32(strength)
    noisy += picture
    np.clip(noisy, 0, 255, out=noisy)
    return noisy.astype(np.uint8)


def _compressed(picture: Pixels, chance: Chance, difficulty: float | int) -> Pixels:
    """Write and read the picture as JPEG."""
    quality = int(96 - difficulty * chance.between(5, 62))
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
    with Image.open(buffer) as read:
        return np.asarray(read.convert("RGB")).copy()
