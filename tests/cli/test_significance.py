"""``attrieve significance`` at the command line, over a run that was never trained."""

import json
from pathlib import Path

import pytest
import tomli_w

from attrieve.cli.people import read_split
from attrieve.models.retriever import Retriever
from attrieve.schema import load_vocabulary
from attrieve.training.config import load_recipe
from cli.training_commands import document_of, invoke
from models.tiny import tiny_settings

pytestmark = pytest.mark.usefixtures("small_backbone")


def make_run(folder: Path, kind: str) -> Path:
    settings = tiny_settings(kind)
    recipe = {"name": "small", "data": {"test_categories": 5}, "model": settings.model_dump(mode="json")}
    Retriever(settings, load_vocabulary("peta35"), name="small").save_pretrained(folder)
    (folder / "recipe.toml").write_bytes(tomli_w.dumps(recipe).encode())
    return folder


@pytest.fixture(scope="module")
def run(small_backbone: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("run"), "multi_task")


def ask(run: Path, data: Path, *more: object) -> tuple[object, ...]:
    return ("significance", run, "--data", data, "--device", "cpu", "--draws", 2, *more)


def test_the_three_questions_are_answered(run: Path, data: Path, tmp_path: Path) -> None:
    """One document on stdout, the same with its origin in the record, and one figure per question."""
    told = document_of(
        invoke(*ask(run, data, "--json", "--record", tmp_path / "r.json", "--figures", tmp_path / "figures"))
    )
    names = list(load_vocabulary("peta35").names)
    assert [one["attribute"] for one in told["leave_one_out"]] == names
    assert [one["attribute"] for one in told["truth"]] == names
    assert [point["named"] for point in told["named"]["exact"]] == [1, 2, 4, 8, 16, 24, 35]
    assert told["ceiling"][-1]["scores"]["unique"]["map"] == 100.0
    split = read_split(load_recipe(run / "recipe.toml"), data)
    assert told["data"]["test_images"] == len(split.test)
    record = json.loads((tmp_path / "r.json").read_text("utf-8"))
    assert record | told == record
    assert {"command", "commit", "machine", "written"} <= set(record)
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == [
        "attribute-ceiling.svg",
        "attribute-left-out.svg",
        "attribute-named.svg",
    ]


@pytest.mark.parametrize("distance", ["likelihood", "embedding"])
def test_other_distances(run: Path, data: Path, distance: str) -> None:
    """A perfect classifier reaches the ceiling by each; embeddings have no attributes to be told."""
    told = document_of(invoke(*ask(run, data, "--json", "--distance", distance)))
    assert told["distance"] == distance
    assert len(told["leave_one_out"]) == 35
    if distance == "embedding":
        assert "ceiling" not in told
    else:
        assert told["ceiling"][-1]["scores"]["unique"]["map"] == 100.0


def test_for_people_it_is_a_table(run: Path, data: Path) -> None:
    """Every attribute with its verdict, and the ceiling."""
    shown = invoke(*ask(run, data)).stdout
    assert "accessoryHat" in shown
    assert "undecided" in shown
    assert "ceiling of perfect attributes: mAP 100.0 (unique)" in shown


@pytest.mark.parametrize(
    ("change", "told"),
    [(("--split", "papper"), "'paper'"), (("--data", "/nowhere"), "no PETA found")],
)
def test_failures_exit_with_one(change: tuple[str, str], told: str, run: Path, data: Path) -> None:
    """The message on stderr, nothing on stdout."""
    result = invoke(*ask(run, data, "--json", *change))
    assert (result.exit_code, result.stdout) == (1, ""), result.exception
    assert told in result.stderr


def test_a_branch_the_run_lacks_is_a_failure(data: Path, tmp_path: Path) -> None:
    """Told with a distance that would do."""
    result = invoke(*ask(make_run(tmp_path / "a", "attributes"), data, "--distance", "embedding"))
    assert result.exit_code == 1
    assert "--distance euclidean" in result.stderr
    result = invoke(*ask(make_run(tmp_path / "e", "embedding"), data))
    assert result.exit_code == 1
    assert "--distance embedding" in result.stderr


def test_wrong_usage_exits_with_two(run: Path, data: Path) -> None:
    """A distance that is none, no draw."""
    assert invoke(*ask(run, data, "--distance", "furlong")).exit_code == 2
    assert invoke(*ask(run, data, "--draws", 0)).exit_code == 2
