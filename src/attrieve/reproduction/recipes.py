"""From row names to recipes: where they lie, what each starts from, and what a seed changes in them."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from attrieve.errors import ConfigurationError, UnknownNameError
from attrieve.reproduction.rows import (
    BASELINE,
    FOLDERS,
    LINES,
    TABLES,
    Budget,
    PaperScore,
    baseline_of,
    paper_score,
    row_names,
)
from attrieve.training.config import Recipe, load_recipe, recipe_lineage
from attrieve.training.stages import recipes_root

_START = re.compile(r"\.\./\.\./(?P<row>[^/]+)/seed-\d+/?")
"""How a recipe names another row's run to start from; a job takes that of its own seed."""


@dataclass(frozen=True)
class PlannedRow:
    """A row that is to be reproduced.

    Args:
        name: the recipe's file name without its ending.
        path: the recipe file.
        recipe: as in the file; :func:`job_recipe` fills in split, seed and start.
        start: the row it starts from, or None.
        run: another run that the recipe starts from, or empty.
        paper: what the paper reports, or None.
        weights: starting weights that replace the recipe's, or None.
    """

    name: str
    path: Path
    recipe: Recipe
    start: str | None
    run: str
    paper: PaperScore | None
    weights: str | None = None

    @property
    def takes_weights(self) -> bool:
        """Whether ``--init`` is meant for this row: it starts from no run, but perhaps from ImageNet."""
        recipe = self.recipe
        alone = self.start is None and not self.run
        return alone and (not recipe.model.embeds or recipe.initialisation.weights == "imagenet")


def recipes_folder(budget: Budget) -> Path:
    """Return the folder of a budget's recipes, in the installed package or in the source tree."""
    return recipes_root() / FOLDERS[budget]


def plan_rows(names: Sequence[str], budget: Budget, folder: Path) -> tuple[PlannedRow, ...]:
    """Return the rows that are asked for, and those they start from, which come first.

    Args:
        names: row names, ``4.2``, ``4.3``, or paths of recipe files; empty for all rows of the paper.
        budget: whose rows.
        folder: where the recipes of the paper's rows lie.

    Raises:
        UnknownNameError: for another name, with the nearest.
        ConfigurationError: if a recipe cannot be read, two rows have one name, or a start is not known.
    """
    paths: dict[str, Path] = {}
    for name, path in _chosen(names, budget, folder):
        if paths.setdefault(name, path) != path:
            raise ConfigurationError(f"two recipes are called {name!r}: {paths[name]} and {path}; rename one")
    rows: dict[str, PlannedRow] = {}
    for name, path in paths.items():
        _add(rows, name, path, budget, folder)
    return tuple(sorted(rows.values(), key=lambda row: _depth(row, rows)))


def job_recipe(row: PlannedRow, split: str, seed: int) -> Recipe:
    """Return the recipe of one job: the row's with split, seed and start filled in.

    Raises:
        ConfigurationError: if the recipe cannot be read any more.
    """
    changes = [f"data.split={json.dumps(split)}", f"training.seed={seed}"]
    run = row.run if row.start is None else f"../../{row.start}/seed-{seed}"
    changes.append(f"initialisation.run={json.dumps(run)}")
    if row.weights is not None:
        changes.append(f"initialisation.weights={json.dumps(row.weights)}")
    return load_recipe(row.path, changes)


def stated_cost_s(path: Path) -> float | None:
    """Return how long a run takes as the first line of its recipe says, or None if it does not say.

    Only ``# Cost: about N seconds``, ``minutes`` or ``hours`` is understood.
    """
    match = re.match(r"# Cost: about ([\d.]+) (second|minute|hour)s?\b", path.read_text("utf-8"))
    if match is None:
        return None
    return float(match[1]) * {"second": 1, "minute": 60, "hour": 3600}[match[2]]


def _chosen(names: Sequence[str], budget: Budget, folder: Path) -> Iterable[tuple[str, Path]]:
    known = row_names(budget)
    for name in names or known:
        if name.endswith(".toml"):
            yield Path(name).stem, Path(name)
        elif name in TABLES:
            lines = (line.row(budget) for line in LINES if line.table == name)
            yield from ((row, folder / f"{row}.toml") for row in lines)
        elif name in known:
            yield name, folder / f"{name}.toml"
        else:
            raise UnknownNameError("row", name, [*known, *TABLES, "PATH/TO/RECIPE.toml"])


def _add(rows: dict[str, PlannedRow], name: str, path: Path, budget: Budget, folder: Path) -> None:
    if name in rows:
        return
    recipe = load_recipe(path)
    start, run = _start(name, recipe, budget, folder)
    rows[name] = PlannedRow(name, path, recipe, start, run, paper_score(name, budget))
    if start is not None:
        own = folder if start in row_names(budget) else _folder_of(start, path)
        _add(rows, start, own / f"{start}.toml", budget, folder)


def _folder_of(start: str, path: Path) -> Path:
    """Return the folder of the recipe that another one starts from: beside it, or beside one it extends."""
    folders = [own.parent for own in recipe_lineage(path)]
    return next((own for own in folders if (own / f"{start}.toml").is_file()), path.parent)


def _start(name: str, recipe: Recipe, budget: Budget, folder: Path) -> tuple[str | None, str]:
    """Return the row or else the run a row starts from: as its recipe says, or its PAR baseline."""
    baseline = baseline_of(name, budget)
    if baseline is not None:
        return baseline, ""
    named = recipe.initialisation.run
    if named:
        match = _START.fullmatch(named)
        return (match["row"], "") if match else (None, named)
    if not recipe.model.embeds or recipe.initialisation.weights != "none":
        return None, ""
    baseline = _baselines(budget, folder).get(recipe.model.backbone.name)
    if baseline is None:
        raise ConfigurationError(
            f"row {name!r} needs a start: no PAR baseline of budget {budget.value!r} has its backbone "
            f"{recipe.model.backbone.name!r}. Set initialisation.run = '../../ROW/seed-0' or "
            "initialisation.weights = 'imagenet' in its recipe"
        )
    return baseline, ""


def _baselines(budget: Budget, folder: Path) -> dict[str, str]:
    """Return the PAR baselines by the backbone their recipes name."""
    names = [name for name in row_names(budget) if name.startswith(f"{BASELINE}-")]
    return {load_recipe(folder / f"{name}.toml").model.backbone.name: name for name in reversed(names)}


def _depth(row: PlannedRow, rows: Mapping[str, PlannedRow]) -> int:
    """Return how many runs must be finished before this one.

    Raises:
        ConfigurationError: if recipes start from each other.
    """
    seen = [row.name]
    while row.start is not None:
        row = rows[row.start]
        if row.name in seen:
            raise ConfigurationError(f"recipes start from each other: {', '.join([*seen, row.name])}")
        seen.append(row.name)
    return len(seen) - 1
