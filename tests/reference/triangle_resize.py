"""Slow twin of the image resizer: antialiased bilinear interpolation by its definition."""

import numpy as np
import numpy.typing as npt


def resize(image: npt.NDArray[np.uint8 | np.float64], height: int, width: int) -> npt.NDArray[np.float64]:
    """Weight every source pixel by a triangle around the centre of the target pixel."""
    rows = _weights(image.shape[0], height)
    columns = _weights(image.shape[1], width)
    result = np.zeros((height, width, 3))
    for y in range(height):
        for x in range(width):
            for channel in range(3):
                result[y, x, channel] = rows[y] @ image[:, :, channel].astype(np.float64) @ columns[x]
    return result


def _weights(old: int, new: int) -> npt.NDArray[np.float64]:
    scale = old / new
    reach = max(scale, 1.0)
    table = np.zeros((new, old))
    for target in range(new):
        centre = (target + 0.5) * scale
        for source in range(old):
            table[target, source] = max(0.0, 1.0 - abs(source + 0.5 - centre) / reach)
        table[target] /= table[target].sum()
    return table
