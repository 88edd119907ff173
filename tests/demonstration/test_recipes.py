"""The packaged recipes give all three models the same budget."""

import pytest

from attrieve.demonstration.recipes import FIRST_STAGE, demonstration_recipes, first_stage_recipe
from attrieve.demonstration.settings import DemonstrationSettings
from attrieve.errors import UnknownNameError


def test_all_three_models_share_budget_and_pictures() -> None:
    recipes = demonstration_recipes(DemonstrationSettings(epochs=5, seed=3))
    assert [recipe.model.kind.value for recipe in recipes.values()] == [
        "attributes",
        "embedding",
        "multi_task",
    ]
    assert {recipe.training.epochs for recipe in recipes.values()} == {5}
    assert {recipe.training.seed for recipe in recipes.values()} == {3}
    assert len({recipe.training.batch for recipe in recipes.values()}) == 1
    assert len({(recipe.model.height_px, recipe.model.width_px) for recipe in recipes.values()}) == 1


def test_the_first_stage_starts_from_nothing_and_all_three_from_it() -> None:
    settings = DemonstrationSettings(first_epochs=7, epochs=2, seed=3)
    first = first_stage_recipe(settings)
    assert (first.initialisation.weights, first.initialisation.run) == ("none", "")
    assert (first.training.epochs, first.training.seed, first.model.kind.value) == (7, 3, "attributes")
    for recipe in demonstration_recipes(settings).values():
        assert recipe.initialisation.weights == "none"
        assert recipe.initialisation.run == f"../{FIRST_STAGE}"
        assert recipe.model.backbone == first.model.backbone


def test_a_change_reaches_every_recipe_and_a_wrong_one_is_refused() -> None:
    recipes = demonstration_recipes(DemonstrationSettings(changes=("training.batch=7",)))
    assert {recipe.training.batch for recipe in recipes.values()} == {7}
    with pytest.raises(UnknownNameError, match="batch"):
        demonstration_recipes(DemonstrationSettings(changes=("training.bathc=7",)))
