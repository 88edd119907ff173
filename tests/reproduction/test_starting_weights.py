"""Which ``--init`` goes to which row."""

from pathlib import Path

import pytest
import safetensors.torch

from attrieve.errors import CheckpointError, ConfigurationError, UnknownNameError
from attrieve.models.backbone import Backbone
from attrieve.models.configuration import BackboneSettings
from attrieve.reproduction.recipes import PlannedRow, job_recipe, plan_rows
from attrieve.reproduction.rows import Budget
from attrieve.reproduction.starting_weights import same_but_for_spelling, with_starting_weights
from models.tiny import TINY, tiny_settings
from reproduction.small_reproduction import write_small_recipe, write_small_recipes

FIRST, SECOND = "attributes-mobilenetv2", "attributes-pvtv2-b0"


@pytest.fixture
def rows(tmp_path: Path) -> tuple[PlannedRow, ...]:
    """All rows; the second backbone is a network of its own."""
    recipes = write_small_recipes(tmp_path / "recipes")
    other = tiny_settings("attributes", "pooled", backbone="mobilenetv2").model_dump(mode="json")
    write_small_recipe(recipes / f"{SECOND}.toml", model=other)
    return plan_rows((), Budget.CPU, recipes)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "weights.safetensors"
    state = Backbone(BackboneSettings(name=TINY)).network.state_dict()
    safetensors.torch.save_file({name: tensor.contiguous().clone() for name, tensor in state.items()}, path)
    return path


def given(rows: tuple[PlannedRow, ...], *init: str) -> dict[str, str | None]:
    """What each row gets, rows that get nothing left out."""
    changed = with_starting_weights(rows, init)
    assert [row.name for row in changed] == [row.name for row in rows]
    return {row.name: row.weights for row in changed if row.weights is not None}


def test_a_file_goes_to_the_baselines_it_fits(rows: tuple[PlannedRow, ...], weights: Path) -> None:
    """The other network keeps what its recipe says; rows that start from a run get nothing."""
    assert given(rows, str(weights)) == {FIRST: str(weights)}
    assert given(rows, "imagenet") == {FIRST: "imagenet", SECOND: "imagenet"}
    assert given(rows) == {}
    first = next(row for row in with_starting_weights(rows, (str(weights),)) if row.name == FIRST)
    assert job_recipe(first, "paper", 0).initialisation.weights == str(weights)


def test_one_backbone_can_be_addressed(rows: tuple[PlannedRow, ...], weights: Path) -> None:
    """And wins over what is said for all, whichever comes first."""
    for init in (("imagenet", f"{TINY}={weights}"), (f"{TINY}={weights}", "imagenet")):
        assert given(rows, *init) == {FIRST: str(weights), SECOND: "imagenet"}
    assert given(rows, "mobilenetv2=none") == {SECOND: "none"}


def test_what_cannot_be_meant_is_refused(rows: tuple[PlannedRow, ...], weights: Path, tmp_path: Path) -> None:
    """A file for nobody, none at all, two for one, an unknown backbone."""
    strange = tmp_path / "strange.safetensors"
    safetensors.torch.save_file({"a": next(iter(safetensors.torch.load_file(weights).values()))}, strange)
    with pytest.raises(CheckpointError, match="another network"):
        given(rows, str(strange))
    with pytest.raises(CheckpointError, match="no weights at"):
        given(rows, str(tmp_path / "none.safetensors"))
    with pytest.raises(ConfigurationError, match="two --init"):
        given(rows, "imagenet", str(weights))
    with pytest.raises(UnknownNameError, match="'mobilenetv2'"):
        given(rows, "mobilenet=imagenet")


def test_where_weights_lie_makes_no_other_model(rows: tuple[PlannedRow, ...]) -> None:
    """Nor do words; another file name does, and another number."""
    recipe = rows[0].recipe

    def starting(weights: str) -> object:
        return recipe.model_copy(
            update={"initialisation": recipe.initialisation.model_copy(update={"weights": weights})}
        )

    assert same_but_for_spelling(starting("here/w.safetensors"), starting("/there/w.safetensors"))
    assert not same_but_for_spelling(starting("w.safetensors"), starting("v.safetensors"))
    assert not same_but_for_spelling(starting("imagenet"), starting("none"))
    assert same_but_for_spelling(recipe.model_copy(update={"name": "x", "about": "y"}), recipe)
    training = recipe.training.model_copy(update={"epochs": 9})
    assert not same_but_for_spelling(recipe.model_copy(update={"training": training}), recipe)
