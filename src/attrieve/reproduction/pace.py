"""How fast runs go, and how long the rest will take: read from their journals."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from attrieve.training.config import Recipe
from attrieve.training.resizing import share_of_pixels

JOURNAL = "journal.csv"


@dataclass(frozen=True)
class Pace:
    """How far a run has come.

    Args:
        images: training images seen, counted once per epoch.
        seconds: spent on them; work lost to a kill is not in it.
        step: optimiser steps done.
        epoch: the epoch of the last journal line, from 0.
        spared: how many images of the model's own size would make up the pixels that smaller images lack.
    """

    images: int
    seconds: float
    step: int
    epoch: int
    spared: float = 0.0

    @property
    def images_per_second(self) -> float:
        """Mean over the run so far, whatever their size."""
        return self.images / self.seconds

    @property
    def whole_images(self) -> float:
        """As many images of the model's own size have the pixels that were seen."""
        return self.images - self.spared


def read_pace(run: Path, recipe: Recipe) -> Pace | None:
    """Return how far a run has come by its journal, or None before its first line.

    A line says how many images per second went by since the line before it.
    """
    try:
        text = (run / JOURNAL).read_text("utf-8", errors="replace")
    except OSError:
        return None
    per_step = recipe.training.batch * recipe.training.accumulate
    images, seconds, step, epoch, spared = 0, 0.0, 0, 0, 0.0
    for line in csv.DictReader(text.splitlines()):
        try:
            now, rate, reached = int(line["step"]), float(line["images_per_second"]), int(line["epoch"])
        except (KeyError, TypeError, ValueError):  # a last line cut off, or one that tells of an event
            continue
        if now > step and rate > 0:
            images += (now - step) * per_step
            seconds += (now - step) * per_step / rate
            spared += (now - step) * per_step * (1 - _share(recipe, reached))
            step, epoch = now, reached
    return Pace(images, seconds, step, epoch, spared) if seconds > 0 else None


def images_left(recipe: Recipe, train_images: int, pace: Pace | None) -> float:
    """Return how many images a run has yet to see, every epoch counted, smaller ones by their pixels.

    What an image costs grows with its pixels; counted alike, the time left would be far too short while
    images are small.
    """
    shares = sum(_share(recipe, epoch) for epoch in range(recipe.training.epochs))
    return max(0.0, shares * train_images - (pace.whole_images if pace else 0))


def _share(recipe: Recipe, epoch: int) -> float:
    return share_of_pixels(recipe.training.sizes, epoch, own=(recipe.model.height_px, recipe.model.width_px))


def mean_rate(paces: Iterable[Pace]) -> float | None:
    """Return the images of a model's own size per second of several runs together, or None without one."""
    known = list(paces)
    seconds = sum(pace.seconds for pace in known)
    return sum(pace.whole_images for pace in known) / seconds if seconds > 0 else None


def spoken_time(seconds: float) -> str:
    """Return a duration as people say it.

    >>> spoken_time(40.0), spoken_time(600.0), spoken_time(9000.0), spoken_time(200000.0)
    ('40 s', '10 min', '2.5 h', '56 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 10 else f"{hours:.0f} h"
