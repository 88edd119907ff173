"""Chance for one part of a picture, drawn beforehand, so that parts never disturb each other."""

from collections.abc import Sequence
from enum import IntEnum
from typing import TypeVar

import numpy as np

Choice = TypeVar("Choice")

_NUMBERS_PER_PART = 96


class Part(IntEnum):
    """Parts of a picture with chance of their own: another hat leaves the background as it was."""

    POSE = 0
    BODY = 1
    UPPER = 2
    LOWER = 3
    FOOTWEAR = 4
    HEAD = 5
    ACCESSORY = 6
    CARRYING = 7
    BACKGROUND = 8
    PASSERS_BY = 9
    OCCLUSION = 10
    CAMERA = 11


class Chance:
    """A supply of numbers in [0, 1) that starts over when it runs out.

    >>> chance = Chance([0.25, 0.5, 0.75])
    >>> chance.between(10, 20), chance.flag(0.4), chance.choice("abcd")
    (12.5, False, 'd')
    """

    def __init__(self, numbers: Sequence[float]) -> None:
        self._numbers = numbers
        self._position = 0

    def number(self) -> float:
        """Return the next number in [0, 1)."""
        value = self._numbers[self._position % len(self._numbers)]
        self._position += 1
        return value

    def between(self, low: float | int, high: float | int) -> float:
        """Return a number in [low, high)."""
        return low + (high - low) * self.number()

    def flag(self, rate: float | int) -> bool:
        """Return True in a share ``rate`` of all cases."""
        return self.number() < rate

    def choice(self, choices: Sequence[Choice]) -> Choice:
        """Return one of ``choices``, all equally likely."""
        return choices[int(self.number() * len(choices))]


def chances(seed: int) -> tuple[Chance, ...]:
    """Return one supply per :class:`Part`, in its order; equal seeds give equal numbers."""
    numbers = np.random.default_rng(seed).random((len(Part), _NUMBERS_PER_PART)).tolist()
    return tuple(Chance(row) for row in numbers)
