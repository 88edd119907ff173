"""Attention rollout, gradient-weighted rollout and pooled decompositions, position by position in loops."""

import math

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def rollout(attention: list[Array], visual: int) -> Array:
    """Full products of (mean over heads + I) / 2; ``attention`` per block: (head, token, token)."""
    count = attention[0].shape[-1]
    rolled = np.eye(count)
    for block in attention:
        mixed = np.zeros((count, count))
        for row in range(count):
            for column in range(count):
                mean = sum(head[row, column] for head in block) / len(block)
                mixed[row, column] = (mean + (row == column)) / 2
        rolled = mixed @ rolled
    return rolled[visual:, :visual]


def gradient_rollout(attention: list[Array], slopes: list[Array], token: int, visual: int) -> Array:
    """R <- R + (mean over heads of the positive part of slope times attention) R, from the first block on."""
    count = attention[0].shape[-1]
    relevance = np.eye(count)
    for block, slope in zip(attention, slopes, strict=True):
        helps = np.zeros((count, count))
        for head, head_slope in zip(block, slope, strict=True):
            for row in range(count):
                for column in range(count):
                    helps[row, column] += max(0.0, head[row, column] * head_slope[row, column]) / len(block)
        relevance = relevance + helps @ relevance
    return relevance[token, :visual]


def pool_position_by_position(stripe: Array, kind: str, exponent: float) -> Array:
    """Shares (pooled channel, row, column) of one stripe (channel, row, column)."""
    channels, rows, columns = stripe.shape
    shares = np.zeros((channels * (2 if kind == "average_and_maximum" else 1), rows, columns))
    for channel in range(channels):
        values = stripe[channel]
        for row in range(rows):
            for column in range(columns):
                if kind == "generalised_mean":
                    held = np.maximum(values, 1e-6)
                    total = sum(float(v) ** exponent for v in held.ravel())
                    mean = (total / values.size) ** (1 / exponent)
                    shares[channel, row, column] = mean * float(held[row, column]) ** exponent / total
                else:
                    shares[channel, row, column] = values[row, column] / values.size
        if kind == "average_and_maximum":
            place = divmod(int(values.argmax()), columns)
            shares[channels + channel][place] = values[place]
    assert all(math.isfinite(value) for value in shares.ravel())
    return shares
