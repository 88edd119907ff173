"""What is trained when nobody names a recipe: the best known way, in its two stages."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from attrieve.training.config import Recipe, load_recipe

FIRST_STAGE = "first-stage"
"""Folder, inside the run's, of the run that the last stage starts from."""


@dataclass(frozen=True)
class Stage:
    """A recipe, and the folder of its run.

    Args:
        recipe: resolved.
        out: run folder.
    """

    recipe: Recipe
    out: Path


def recipes_root() -> Path:
    """Return the folder of all recipes, in the installed package or in the source tree."""
    package = Path(__file__).resolve().parents[1]
    inside, beside = package / "recipes", package.parents[1] / "recipes"
    return inside if inside.is_dir() else beside


def best_stages(
    out: Path, changes: Sequence[str] = (), *, weights: str | None = None, run: str | None = None
) -> tuple[Stage, ...]:
    """Return the stages of the best known way, in the order in which they are trained.

    Args:
        out: folder of the last stage's run; that of the first is :data:`FIRST_STAGE` inside it.
        changes: ``key=value``, to both recipes.
        weights: what the first stage starts from; None trains the whole backbone from scratch.
        run: a finished run that takes the place of the first stage, or None.

    Raises:
        ConfigurationError: for a change that fits no recipe.
    """
    if run is not None:
        starts = [f"initialisation.run={json.dumps(run)}"]
        if weights is not None:
            starts.append(f"initialisation.weights={json.dumps(weights)}")
        return (Stage(load_recipe(recipes_root() / "best.toml", [*changes, *starts]), out),)
    # Stages that are not trained would stay as they were drawn.
    start = (
        "model.backbone.frozen_stages=0"
        if weights is None
        else f"initialisation.weights={json.dumps(weights)}"
    )
    return (
        Stage(load_recipe(recipes_root() / "best-attributes.toml", [start, *changes]), out / FIRST_STAGE),
        Stage(
            load_recipe(
                recipes_root() / "best.toml", [f"initialisation.run={json.dumps(FIRST_STAGE)}", *changes]
            ),
            out,
        ),
    )
