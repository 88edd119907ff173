"""Recipes: read, changed, refused with advice, written."""

import tomllib
from pathlib import Path

import pytest

from attrieve.errors import ConfigurationError, UnknownNameError
from attrieve.training.config import Recipe, load_recipe, parse_recipe, recipe_lineage, write_recipe
from training.tiny import tiny_recipe

RECIPES = sorted((Path(__file__).parents[2] / "recipes").rglob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_recipe_loads_and_says_what_it_costs(path: Path) -> None:
    """The first lines state cost and what to expect; the name is the file's."""
    recipe = load_recipe(path)
    assert recipe.about
    heading = path.read_text("utf-8").splitlines()[:2]
    assert heading[0].startswith("# Cost:")
    assert heading[1].startswith("# Expect:")


def test_there_are_recipes() -> None:
    """The test above cannot pass for want of files."""
    assert len(RECIPES) >= 3


@pytest.mark.parametrize(
    "recipe",
    [Recipe(), tiny_recipe(), tiny_recipe("embedding", "pooled", "loss.semantic_margin.sampled_rows=9")],
    ids=["paper", "tiny", "sampled"],
)
def test_a_written_recipe_reads_back_the_same(recipe: Recipe, tmp_path: Path) -> None:
    """Every default spelled out, so that a later default cannot change an old run."""
    (tmp_path / "recipe.toml").write_bytes(write_recipe(recipe))
    assert load_recipe(tmp_path / "recipe.toml") == recipe
    document = tomllib.loads(write_recipe(recipe).decode())
    assert document["optimiser"]["momentum"] == 0.9
    assert document["model"]["transformer"]["heads"] == recipe.model.transformer.heads


def test_the_defaults_are_the_papers() -> None:
    """Table 3.1, Table 3.2 and the text, with 384 for 382."""
    recipe = Recipe()
    transformer = recipe.model.transformer
    assert (transformer.blocks, transformer.heads, transformer.dim) == (3, 12, 384)
    assert (recipe.model.encoder_hidden, recipe.model.embedding_dim) == (512, 128)
    assert (recipe.training.batch, recipe.training.epochs, recipe.optimiser.step_epoch) == (16, 20, 10)
    optimiser = recipe.optimiser
    assert (optimiser.encoder_rate, optimiser.rate, optimiser.step_factor) == (1e-2, 1e-3, 0.1)
    assert (optimiser.momentum, optimiser.weight_decay) == (0.9, 5e-4)
    assert recipe.retrieval.attribute_weight == 0.2


@pytest.mark.parametrize(
    ("change", "key", "value"),
    [
        ("training.epochs=3", ("training", "epochs"), 3),
        ("optimiser.rate=1e-4", ("optimiser", "rate"), 1e-4),
        ("optimiser.rate = 0.5", ("optimiser", "rate"), 0.5),
        ("name=quick", ("name",), "quick"),
        ('name="with = sign"', ("name",), "with = sign"),
        ("name=a=b", ("name",), "a=b"),
        ("augmentation.flip=false", ("augmentation", "flip"), False),
        ("model.backbone.name=resnet18", ("model", "backbone", "name"), "resnet18"),
        (
            "initialisation.weights=/some/where.safetensors",
            ("initialisation", "weights"),
            "/some/where.safetensors",
        ),
        ("loss.semantic_margin.sampled_rows=7", ("loss", "semantic_margin", "sampled_rows"), 7),
    ],
)
def test_changes_reach_their_key(change: str, key: tuple[str, ...], value: object) -> None:
    """Numbers, texts with and without quotes, truth values, any depth; nothing else changes."""
    document = {"about": "kept"}
    recipe = parse_recipe(document, [change])
    found: object = recipe
    for part in key:
        found = getattr(found, part)
    assert found == value
    assert type(found) is type(value)
    assert recipe.about == "kept"
    assert document == {"about": "kept"}


@pytest.mark.parametrize(
    ("change", "nearest"),
    [
        ("training.epoch=3", "training.epochs"),
        ("trainnig.epochs=3", "training"),
        ("epochs=3", "training.epochs"),
        ("model.backbone.nam=resnet18", "model.backbone.name"),
        ("loss.alignment.wieght=1", "loss.alignment.weight"),
        ("augmentation.flipp=true", "augmentation.flip"),
    ],
)
def test_unknown_keys_are_told_the_nearest(change: str, nearest: str) -> None:
    """At any depth, or without their table."""
    with pytest.raises(UnknownNameError, match=f"recipe key.*'{nearest}'"):
        parse_recipe({}, [change])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("training.epochs=many", r"training\.epochs: .*integer.*'many'"),
        ("training.epochs=0", r"training\.epochs: .*greater than or equal to 1"),
        ("training.epochs=1.5", r"training\.epochs: .*integer"),
        ("optimiser.rate=-1", r"optimiser\.rate: .*greater than 0"),
        ("optimiser.rate=nan", r"optimiser\.rate"),
        ("optimiser.rate=inf", r"optimiser\.rate: .*finite"),
        ("augmentation.pad_share=nan", r"augmentation\.pad_share"),
        ("model.kind=both", r"model\.kind: .*multi_task"),
        ("model.transformer.dim=382", "use 384"),
        ("training=3", "training"),
        ("training.epochs", "KEY=VALUE"),
        ("=3", "KEY=VALUE"),
        ("name.first=1", "holds a value"),
    ],
)
def test_values_that_cannot_be_are_refused(change: str, told: str) -> None:
    """With the key and what came."""
    with pytest.raises(ConfigurationError, match=told):
        parse_recipe({"name": "given"}, [change])


def test_a_recipe_holds_only_what_it_changes_in_another(tmp_path: Path) -> None:
    """Tables merge, values and lists are replaced, changes from outside come last; the file is found from
    the folder of the one that names it.
    """
    (tmp_path / "below").mkdir()
    (tmp_path / "first.toml").write_text(
        'name = "first"\nabout = "kept"\n[training]\nepochs = 7\nbatch = 9\nsizes = [[64, 32, 3]]\n'
    )
    (tmp_path / "second.toml").write_text('extends = "first.toml"\n[training]\nbatch = 5\n')
    third = tmp_path / "below" / "third.toml"
    third.write_text('extends = "../second.toml"\nname = "third"\n[training]\nsizes = [[96, 48, 1]]\n')
    expected = {
        "name": "third",
        "about": "kept",
        "training": {"epochs": 7, "batch": 5, "sizes": [[96, 48, 1]]},
    }
    assert load_recipe(third) == parse_recipe(expected)
    assert load_recipe(third, ["training.batch=3"]).training.batch == 3
    assert [path.name for path in recipe_lineage(third)] == ["third.toml", "second.toml", "first.toml"]


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ('extends = "second.toml"', 'extends = "first.toml"', r"circle: .*first.* -> .*second.* -> .*first"),
        ('extends = "first.toml"', "", "circle"),
        ("extends = 3", "", "wants the file of another recipe.*3"),
        ('extends = ""', "", "wants the file of another recipe"),
        ('extends = "third.toml"', "", r"no recipe at .*third\.toml; another recipe extends it"),
        ('extends = "second.toml"', "name = ", "cannot read recipe .*second"),
        ('extends = "second.toml"', "training = 3", "training"),
    ],
)
def test_recipes_that_extend_nothing_usable_are_refused(
    first: str, second: str, told: str, tmp_path: Path
) -> None:
    (tmp_path / "first.toml").write_text(first)
    (tmp_path / "second.toml").write_text(second)
    with pytest.raises(ConfigurationError, match=told):
        load_recipe(tmp_path / "first.toml")


@pytest.mark.parametrize(
    "path", [path for path in RECIPES if path.parent.name == "ablations"], ids=lambda path: path.stem
)
def test_an_ablation_changes_the_best_recipe_and_says_so(path: Path) -> None:
    """Its name is the file's, by which the page finds it, and something besides name and text differs."""
    recipe, best = load_recipe(path), load_recipe(path.parents[1] / "best.toml")
    assert recipe.name == path.stem
    assert recipe.name.startswith("ablation-")
    assert recipe.about != best.about
    assert recipe.model_copy(update={"name": best.name, "about": best.about}) != best


def test_files_that_are_no_recipe_are_refused(tmp_path: Path) -> None:
    """Missing, no TOML, no text, a folder."""
    with pytest.raises(ConfigurationError, match="no recipe at"):
        load_recipe(tmp_path / "none.toml")
    (tmp_path / "broken.toml").write_text("name = ")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "broken.toml", tmp_path / "binary.toml", tmp_path):
        with pytest.raises(ConfigurationError, match="cannot read recipe"):
            load_recipe(path)
