"""Pooling of one feature map, position by position."""

from collections.abc import Sequence

Map = Sequence[Sequence[Sequence[float]]]
"""Values by channel, row and column."""


def pool_map(feature_map: Map, kind: str, parts: int, exponent: float) -> list[float]:
    """Pool stripes from the top; the first ``rows % parts`` stripes are one row taller."""
    rows = len(feature_map[0])
    heights = [rows // parts + (part < rows % parts) for part in range(parts)]
    pooled, top = [], 0
    for height in heights:
        stripes = [[value for row in channel[top : top + height] for value in row] for channel in feature_map]
        top += height
        if kind == "generalised_mean":
            pooled += [
                (sum(max(value, 1e-6) ** exponent for value in stripe) / len(stripe)) ** (1 / exponent)
                for stripe in stripes
            ]
            continue
        pooled += [sum(stripe) / len(stripe) for stripe in stripes]
        if kind == "average_and_maximum":
            pooled += [max(stripe) for stripe in stripes]
    return pooled
