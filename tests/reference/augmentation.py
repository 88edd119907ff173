"""Pad, crop and mirror one image the plain way: a black frame, a window, a mirror."""

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]


def pad_crop_mirror(image: Pixels, pad: int, down: int, right: int, *, mirrored: bool) -> Pixels:
    """Window of the old size in the padded image, ``down`` and ``right`` of the middle."""
    height, width, _ = image.shape
    framed = np.zeros((height + 2 * pad, width + 2 * pad, 3), dtype=np.uint8)
    framed[pad : pad + height, pad : pad + width] = image
    window = framed[pad + down : pad + down + height, pad + right : pad + right + width]
    return window[:, ::-1] if mirrored else window
