"""Augmentation of one image the plain way: a black frame, a window, a mirror; sums over neighbours."""

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


def bilinear_window(
    image: Pixels, tall: float, wide: float, down: float, right: float
) -> npt.NDArray[np.float64]:
    """Stretch a window to the image's size; sides and middle in images; outside the image is black."""
    height, width, _ = image.shape
    result = np.zeros(image.shape)
    for row in range(height):
        for column in range(width):
            y = (down + ((row + 0.5) / height - 0.5) * tall) * height - 0.5
            x = (right + ((column + 0.5) / width - 0.5) * wide) * width - 0.5
            top, left = int(np.floor(y)), int(np.floor(x))
            for near_y in (top, top + 1):
                for near_x in (left, left + 1):
                    if 0 <= near_y < height and 0 <= near_x < width:
                        weight = (1 - abs(y - near_y)) * (1 - abs(x - near_x))
                        result[row, column] += weight * image[near_y, near_x]
    return result


def blur(image: Pixels) -> npt.NDArray[np.float64]:
    """Weigh the 5 x 5 neighbours of each pixel by binomial numbers; the border repeats itself."""
    height, width, _ = image.shape
    numbers = (1, 4, 6, 4, 1)
    result = np.zeros(image.shape)
    for row in range(height):
        for column in range(width):
            for i, down in enumerate(numbers):
                for j, right in enumerate(numbers):
                    y = min(max(row + i - 2, 0), height - 1)
                    x = min(max(column + j - 2, 0), width - 1)
                    result[row, column] += down * right / 256 * image[y, x]
    return result
