"""From row names to recipes."""

from pathlib import Path

import pytest

from attrieve.errors import ConfigurationError, UnknownNameError
from attrieve.reproduction.recipes import job_recipe, plan_rows, recipes_folder, stated_cost_s
from attrieve.reproduction.rows import Budget, row_names
from attrieve.training.config import load_recipe
from reproduction.small_reproduction import write_small_recipe, write_small_recipes

FULL = recipes_folder(Budget.FULL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_recipes(tmp_path_factory.mktemp("recipes") / "paper-cpu")


def test_the_papers_recipes_differ_in_nothing_but_their_row() -> None:
    """The extensions are the multi-task recipe with one or two switches turned."""
    rows = {row.name: row.recipe for row in plan_rows((), Budget.FULL, FULL)}
    plain = rows["multi-task-resnet50"]
    for name, recipe in rows.items():
        assert recipe.name == name
        if recipe.model.head == plain.model.head and recipe.model.backbone == plain.model.backbone:
            switches = (recipe.loss.feedback.target, recipe.loss.combinations.count)
            expected = {
                "multi-task-resnet50": ("none", 0),
                "multi-task-combinations-resnet50": ("none", 1890),
                "multi-task-feedback-ma-resnet50": ("ma", 0),
                "multi-task-feedback-par-resnet50": ("par", 0),
                "multi-task-feedback-both-resnet50": ("both", 0),
                "multi-task-feedback-both-combinations-resnet50": ("both", 1890),
            }
            assert switches == expected[name]
            kept = {"feedback": plain.loss.feedback, "combinations": plain.loss.combinations}
            words = {"name": plain.name, "about": plain.about}
            assert recipe.model_copy(update={**words, "loss": recipe.loss.model_copy(update=kept)}) == plain


@pytest.mark.parametrize("name", row_names(Budget.FULL))
def test_a_full_recipe_begins_with_cost_hardware_and_expectation(name: str) -> None:
    """The paper's numbers stand in it as in the table."""
    cost, expect = (FULL / f"{name}.toml").read_text("utf-8").splitlines()[:2]
    assert cost.startswith("# Cost: ")
    assert "GPU" in cost
    (row,) = (row for row in plan_rows((name,), Budget.FULL, FULL) if row.name == name)
    assert row.paper is not None
    assert f"mAP {row.paper.map} / Rank-1 {row.paper.rank1}" in expect
    assert expect.startswith("# Expect: ")


def test_baselines_come_first_and_all_rows_follow(folder: Path) -> None:
    """Whatever is asked for, in whichever order."""
    rows = plan_rows((), Budget.CPU, folder)
    assert {row.name for row in rows} == set(row_names(Budget.CPU))
    assert [row.start for row in rows[:2]] == [None, None]
    assert all(row.start in (rows[0].name, rows[1].name) for row in rows[2:])
    one = plan_rows(("embedding-pvtv2-b0",), Budget.CPU, folder)
    assert [row.name for row in one] == ["attributes-pvtv2-b0", "embedding-pvtv2-b0"]
    table = {row.name for row in plan_rows(("4.3", "multi-task-mobilenetv2"), Budget.CPU, folder)}
    assert table == {name for name in row_names(Budget.CPU) if "mobilenetv2" in name} - {
        "embedding-mobilenetv2"
    }


def test_a_job_is_the_recipe_with_split_seed_and_start(folder: Path) -> None:
    """Nothing else changes."""
    first, second = plan_rows(("multi-task-mobilenetv2",), Budget.CPU, folder)
    job = job_recipe(second, "sal", 2)
    assert job.initialisation.run == "../../attributes-mobilenetv2/seed-2"
    assert (job.data.split, job.training.seed) == ("sal", 2)
    plain = load_recipe(second.path)
    back = {
        "data": plain.data,
        "initialisation": plain.initialisation,
        "training": job.training.model_copy(update={"seed": 0}),
    }
    assert job.model_copy(update=back) == plain
    assert job_recipe(first, "paper", 0).initialisation.run == ""


def test_other_recipes_start_where_they_say_or_from_the_baseline_of_their_backbone(
    folder: Path, tmp_path: Path
) -> None:
    """A row beside it is brought along, and taken at the job's seed; ImageNet is a start of its own."""
    write_small_recipe(tmp_path / "attributes-longer.toml", epochs=2)
    said = write_small_recipe(
        tmp_path / "best.toml", initialisation={"run": "../../attributes-longer/seed-0"}
    )
    silent = write_small_recipe(tmp_path / "silent.toml")
    alone = write_small_recipe(tmp_path / "alone.toml", initialisation={"weights": "imagenet"})
    rows = {row.name: row for row in plan_rows((str(said), str(silent), str(alone)), Budget.CPU, folder)}
    assert {name: row.start for name, row in rows.items()} == {
        "attributes-longer": None,
        "best": "attributes-longer",
        "attributes-mobilenetv2": None,
        "silent": "attributes-mobilenetv2",
        "alone": None,
    }
    assert job_recipe(rows["best"], "paper", 7).initialisation.run == "../../attributes-longer/seed-7"
    assert {name for name, row in rows.items() if row.takes_weights} == {
        "attributes-longer",
        "attributes-mobilenetv2",
        "alone",
    }


def test_the_start_of_a_recipe_may_lie_beside_the_one_it_extends(folder: Path, tmp_path: Path) -> None:
    """Variants in a folder of their own start from what their recipe starts from."""
    write_small_recipe(tmp_path / "first-stage.toml")
    write_small_recipe(tmp_path / "best.toml", initialisation={"run": "../../first-stage/seed-0"})
    (tmp_path / "variants").mkdir()
    variant = tmp_path / "variants" / "shorter.toml"
    variant.write_text('extends = "../best.toml"\n[training]\nepochs = 1\n')
    rows = {row.name: row for row in plan_rows((str(variant),), Budget.CPU, folder)}
    assert rows["shorter"].start == "first-stage"
    assert rows["first-stage"].path == tmp_path / "first-stage.toml"
    assert job_recipe(rows["shorter"], "paper", 3).training.epochs == 1


def test_an_unknown_row_is_told_the_nearest(folder: Path) -> None:
    with pytest.raises(UnknownNameError, match="'multi-task-mobilenetv2'"):
        plan_rows(("multitask-mobilnetv2",), Budget.CPU, folder)


def test_recipes_that_cannot_be_used_are_refused(folder: Path, tmp_path: Path) -> None:
    """A missing one, two of one name, a backbone without baseline, a circle."""
    with pytest.raises(ConfigurationError, match="no recipe at"):
        plan_rows((str(tmp_path / "none.toml"),), Budget.CPU, folder)
    twin = write_small_recipe(tmp_path / "embedding-pvtv2-b0.toml")
    with pytest.raises(ConfigurationError, match="rename one"):
        plan_rows(("4.2", str(twin)), Budget.CPU, folder)
    with pytest.raises(ConfigurationError, match=r"initialisation\.run"):
        plan_rows((str(write_small_recipe(tmp_path / "strange.toml")),), Budget.FULL, FULL)
    for name, other in (("one", "two"), ("two", "one")):
        write_small_recipe(tmp_path / f"{name}.toml", initialisation={"run": f"../../{other}/seed-0"})
    with pytest.raises(ConfigurationError, match="start from each other"):
        plan_rows((str(tmp_path / "one.toml"),), Budget.CPU, folder)


@pytest.mark.parametrize(
    ("line", "seconds"),
    [
        ("# Cost: about 27 minutes on one core", 1620.0),
        ("# Cost: about 1.5 hours", 5400.0),
        ("# Cost: about 1 second", 1.0),
        ("# Cost: measured nowhere yet", None),
    ],
)
def test_the_stated_cost_is_read(line: str, seconds: float | None, tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(line + "\nname = 'x'\n", "utf-8")
    assert stated_cost_s(path) == seconds
