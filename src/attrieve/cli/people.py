"""The persons a recipe or run speaks of, read from a data folder, with progress shown."""

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from attrieve.data.peta import read_peta
from attrieve.data.splits import Split
from attrieve.reproduction.people import VALIDATION_SEED, decode_people, divide
from attrieve.schema import PersonSet
from attrieve.training.config import Recipe
from attrieve.training.people import TrainingPeople

__all__ = ["VALIDATION_SEED", "decode", "read_split"]


def read_split(recipe: Recipe, data: Path) -> Split:
    """Return the recipe's split of a data folder, in the data set's full vocabulary."""
    return divide(read_peta(data), recipe)


def decode(persons: PersonSet, recipe: Recipe, *, cache: Path | None, console: Console) -> TrainingPeople:
    """Decode the persons' images at the recipe's size, in the recipe's vocabulary."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("decoding images", total=len(persons))
        return decode_people(
            persons, recipe, cache=cache, progress=lambda done: progress.update(task, completed=done)
        )
