"""The persons a recipe or run speaks of, read from a data folder, with progress shown."""

import os
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from attrieve.data.peta import read_peta
from attrieve.data.splits import Split, carve_validation, load_split
from attrieve.schema import PersonSet, load_vocabulary
from attrieve.training.config import Recipe
from attrieve.training.people import TrainingPeople, load_people

VALIDATION_SEED = 11
"""Which training categories are set aside for choosing settings; the same for every recipe."""


def read_split(recipe: Recipe, data: Path) -> Split:
    """Return the recipe's split of a data folder, in the data set's full vocabulary."""
    split = load_split(read_peta(data), recipe.data.split, test_categories=recipe.data.test_categories)
    if recipe.data.validation_categories:
        split = carve_validation(split, categories=recipe.data.validation_categories, seed=VALIDATION_SEED)
    return split


def decode(persons: PersonSet, recipe: Recipe, *, cache: Path | None, console: Console) -> TrainingPeople:
    """Decode the persons' images at the recipe's size, in the recipe's vocabulary."""
    wanted = persons.select(load_vocabulary(recipe.data.vocabulary))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("decoding images", total=len(wanted))
        return load_people(
            wanted,
            recipe.model.height_px,
            recipe.model.width_px,
            cache=cache,
            workers=max(1, os.cpu_count() or 1),
            progress=lambda done: progress.update(task, completed=done),
        )
