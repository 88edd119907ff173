"""Learning curves out of the journals that training keeps."""

import csv
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Curve:
    """One column of a journal over training.

    Args:
        epochs: how often the training pictures had been seen, one per value.
        values: the column.
    """

    epochs: tuple[float, ...]
    values: tuple[float, ...]


def read_curves(path: Path, *, steps_per_epoch: int) -> dict[str, Curve]:
    """Return every number column of a journal; empty if training was too short to write a line."""
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    if not lines:
        return {}
    epochs = tuple(int(line["step"]) / steps_per_epoch for line in lines)
    names = [name for name in lines[0] if name not in ("epoch", "step")]
    return {name: Curve(epochs, tuple(float(line[name]) for line in lines)) for name in names}


def smoothed(values: tuple[float, ...], window: int = 7) -> list[float]:
    """Return the mean of each value with up to ``window - 1`` before it.

    >>> smoothed((1.0, 3.0, 5.0), window=2)
    [1.0, 2.0, 4.0]
    """
    return [
        sum(values[max(0, last - window + 1) : last + 1]) / (last + 1 - max(0, last - window + 1))
        for last in range(len(values))
    ]
