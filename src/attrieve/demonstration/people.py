"""Drawn people of a demonstration: on disk, divided, decoded."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from attrieve.data.peta import read_peta
from attrieve.data.splits import Split, load_split
from attrieve.data.synthetic import DrawnPeopleConfig, write_peta_layout
from attrieve.schema import PersonSet, load_vocabulary
from attrieve.training.config import Recipe
from attrieve.training.people import TrainingPeople, load_people


@dataclass(frozen=True)
class DemonstrationPeople:
    """Drawn people, divided and decoded.

    Args:
        split: with the full vocabulary.
        test_persons: the test side in the models' vocabulary, in the order of ``test``.
        train: decoded at the models' size.
        test: likewise.
    """

    split: Split
    test_persons: PersonSet
    train: TrainingPeople
    test: TrainingPeople


def draw(folder: Path, drawing: DrawnPeopleConfig, *, workers: int, console: Console | None = None) -> None:
    """Draw people into ``folder/PETA`` unless this was finished before.

    Raises:
        StorageError: if the disk refuses.
    """
    if (folder / "PETA" / "PETA.mat").exists():  # written last
        return
    with _progress(console) as progress:
        task = progress.add_task("drawing", total=drawing.images)
        write_peta_layout(
            folder,
            drawing,
            workers=workers,
            progress=lambda done, _: progress.update(task, completed=done),
        )


def read(
    folder: Path, recipe: Recipe, *, cache: Path, workers: int, console: Console | None = None
) -> DemonstrationPeople:
    """Read drawn people back as any copy of PETA is read, divide them by the paper's rule and decode them.

    Raises:
        DatasetError: if there are too few people to hold out the recipe's test categories.
    """
    split = load_split(read_peta(folder), recipe.data.split, test_categories=recipe.data.test_categories)
    vocabulary = load_vocabulary(recipe.data.vocabulary)
    sides = [side.select(vocabulary) for side in (split.train, split.test)]
    decoded = []
    with _progress(console) as progress:
        for side, name in zip(sides, ("training", "test"), strict=True):
            task = progress.add_task(f"decoding {name} pictures", total=len(side))
            decoded.append(
                load_people(
                    side,
                    recipe.model.height_px,
                    recipe.model.width_px,
                    cache=cache,
                    workers=workers,
                    progress=lambda done, task=task: progress.update(task, completed=done),  # type: ignore[misc]
                )
            )
    return DemonstrationPeople(split, sides[1], decoded[0], decoded[1])


def _progress(console: Console | None) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(
        *columns, console=console or Console(stderr=True), transient=True, disable=console is None
    )
