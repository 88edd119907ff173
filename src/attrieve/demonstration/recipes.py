"""The recipes of the demonstration, files of this package: a first stage, then three models alike.

Two stages as in the paper: while a backbone is untrained, all image embeddings point the same way and the
alignment loss finds nothing to tell them apart by. All three models, the attribute baseline too, go on from
the same backbone for the same number of epochs, so none has trained longer than another.
"""

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
FIRST_STAGE = "first-stage"
"""The attribute model whose backbone the three start from."""


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


def first_stage_recipe(settings: DemonstrationSettings) -> Recipe:
    """Return the recipe of the first stage: the attribute baseline's, for its own number of epochs.

    >>> first_stage_recipe(DemonstrationSettings(first_epochs=2)).training.epochs
    2
    """
    recipe = demonstration_recipe(ATTRIBUTES, settings)
    return parse_recipe(
        recipe.model_dump(), (f"training.epochs={settings.first_epochs}", f"name=demo-{FIRST_STAGE}")
    )


def demonstration_recipes(settings: DemonstrationSettings) -> dict[str, Recipe]:
    """Return the three recipes, in the order they are trained; all start from the run beside theirs.

    Raises:
        ConfigurationError: if they differ in what makes the comparison fair.
    """
    start = f"initialisation.run=../{FIRST_STAGE}"
    recipes = {
        name: parse_recipe(demonstration_recipe(name, settings).model_dump(), (start,)) for name in MODELS
    }
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
