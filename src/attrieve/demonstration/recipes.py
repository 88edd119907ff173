"""The three recipes of the demonstration, files of this package, on one and the same budget."""

import tomllib
from importlib import resources

from attrieve.demonstration.settings import DemonstrationSettings
from attrieve.errors import ConfigurationError
from attrieve.training.config import Recipe, parse_recipe

ATTRIBUTES = "attributes"
"""The baseline that only recognises attributes."""
EMBEDDING = "embedding"
"""The baseline that only embeds."""
MULTI_TASK = "multi-task"
"""The model that does both; the gallery is filled by it."""
MODELS = (ATTRIBUTES, EMBEDDING, MULTI_TASK)


def demonstration_recipe(name: str, settings: DemonstrationSettings) -> Recipe:
    """Return one of the packaged recipes with the demonstration's seed, epochs and changes.

    >>> recipe = demonstration_recipe("multi-task", DemonstrationSettings(epochs=3))
    >>> recipe.training.epochs, recipe.model.kind.value
    (3, 'multi_task')
    """
    changes = (
        f"training.epochs={settings.epochs}",
        f"training.seed={settings.seed}",
        f"data.test_categories={settings.held_out}",
        *settings.changes,
    )
    text = resources.files(__package__).joinpath("recipes", f"{name}.toml").read_text("utf-8")
    return parse_recipe(tomllib.loads(text), changes)


def demonstration_recipes(settings: DemonstrationSettings) -> dict[str, Recipe]:
    """Return all three recipes, in the order they are trained.

    Raises:
        ConfigurationError: if they differ in what makes the comparison fair.
    """
    recipes = {name: demonstration_recipe(name, settings) for name in MODELS}
    budgets = {
        (r.training.epochs, r.data, r.model.height_px, r.model.width_px, r.model.backbone)
        for r in recipes.values()
    }
    if len(budgets) != 1:
        raise ConfigurationError(
            "the three models of a demonstration share epochs, data, image size and backbone; "
            f"got {len(budgets)} different budgets: change all three recipes alike"
        )
    return recipes
