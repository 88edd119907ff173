"""The persons a recipe or run speaks of, read from a data folder, with progress shown."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from attrieve.data.peta import read_peta
from attrieve.data.splits import Split, category_labels
from attrieve.errors import ConfigurationError
from attrieve.models.retriever import Retriever
from attrieve.reproduction.people import VALIDATION_SEED, decode_people, divide
from attrieve.schema import PersonSet
from attrieve.scoring.match_fit import halves
from attrieve.training.config import Recipe, load_recipe, parse_recipe
from attrieve.training.people import TrainingPeople

__all__ = [
    "VALIDATION_SEED",
    "LoadedRun",
    "decode",
    "load_retriever_and_recipe",
    "load_run",
    "people_to_calibrate_on",
    "read_split",
]


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


@dataclass(frozen=True)
class LoadedRun:
    """A run with the persons it is to be measured on.

    Args:
        retriever: on the device that shall compute.
        recipe: the run's, with another split if one was asked for.
        divided: the split, in the data set's full vocabulary.
        test: its test side, decoded, in the recipe's vocabulary.
    """

    retriever: Retriever
    recipe: Recipe
    divided: Split
    test: TrainingPeople


def load_run(
    run: Path, data: Path, *, split: str | None, cache: Path | None, device: str, console: Console
) -> LoadedRun:
    """Load a run folder and decode the test part of its split, or of another one.

    Raises:
        AttrieveError: if the run or the data cannot be used.
    """
    retriever, recipe = load_retriever_and_recipe(run, device=device)
    if split is not None:
        recipe = parse_recipe(recipe.model_dump(), [f"data.split={json.dumps(split)}"])
    divided = read_split(recipe, data)
    test = decode(divided.test, recipe, cache=cache, console=console)
    return LoadedRun(retriever, recipe, divided, test)


def load_retriever_and_recipe(run: Path, *, device: str) -> tuple[Retriever, Recipe]:
    """Load a run folder.

    Raises:
        AttrieveError: if it is none.
    """
    return Retriever.from_pretrained(run).to(device), load_recipe(run / "recipe.toml")


def people_to_calibrate_on(divided: Split, recipe: Recipe, part: str) -> PersonSet:
    """Return people that a run did not learn from: what its recipe set aside, or half of the test categories.

    Args:
        divided: the recipe's split, in the data set's full vocabulary.
        recipe: of the run.
        part: ``validation`` or ``test-half``.

    Raises:
        ConfigurationError: for ``validation`` if the recipe set nothing aside.
    """
    if recipe.data.validation_categories:
        if part == "test-half":
            raise ConfigurationError(
                f"the recipe of this run set {recipe.data.validation_categories} categories aside for "
                "validation; calibrate on them (--part validation) and keep all test categories for measuring"
            )
        return divided.test
    if part == "validation":
        raise ConfigurationError(
            "this run learnt from all its training images (data.validation_categories = 0), and what a model "
            "says of images it learnt from is too sure of itself to calibrate on. Train with `--set "
            "data.validation_categories=200`, or calibrate with `--part test-half` and measure on the other "
            "half"
        )
    labels, _ = category_labels(divided.test.values)
    first = next(halves(torch.from_numpy(labels)))
    return divided.test.subset(np.flatnonzero(first.numpy()))
