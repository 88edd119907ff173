"""Convolution and normalisation of one feature map (channel, row, column), as sums over neighbours."""

import torch
from torch import Tensor


def convolve(image: Tensor, weight: Tensor, dilation: int, *, depthwise: bool) -> Tensor:
    """Return a map of the same size; beyond the sides everything is 0."""
    out, _, size, _ = weight.shape
    _, rows, columns = image.shape
    result = torch.zeros(out, rows, columns)
    for row in range(rows):
        for column in range(columns):
            for i in range(size):
                for j in range(size):
                    there_row = row + (i - size // 2) * dilation
                    there_column = column + (j - size // 2) * dilation
                    if not (0 <= there_row < rows and 0 <= there_column < columns):
                        continue
                    seen = image[:, there_row, there_column]
                    filters = weight[:, :, i, j]
                    result[:, row, column] += filters[:, 0] * seen if depthwise else filters @ seen
    return result


def normalise(
    image: Tensor, mean: Tensor | None, variance: Tensor | None, factor: Tensor, shift: Tensor, epsilon: float
) -> Tensor:
    """Batch normalisation by remembered statistics."""
    assert mean is not None
    assert variance is not None
    result = torch.empty_like(image)
    for channel in range(len(image)):
        deviation = (variance[channel] + epsilon) ** 0.5
        result[channel] = (image[channel] - mean[channel]) / deviation * factor[channel] + shift[channel]
    return result
