"""``attrieve evaluate`` at the command line, after ``attrieve train``."""

import json
from pathlib import Path

import pytest

from attrieve.cli.people import read_split
from attrieve.evaluation.protocol import Protocol
from attrieve.models.retriever import Retriever
from attrieve.training.config import load_recipe
from cli.training_commands import document_of, invoke, write_small_recipe

pytestmark = pytest.mark.usefixtures("small_backbone")


@pytest.fixture(scope="module")
def run(small_backbone: None, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    recipe = write_small_recipe(folder / "small.toml")
    document_of(
        invoke("train", recipe, "--data", data, "--out", folder / "run", "--accelerator", "cpu", "--json")
    )
    return folder / "run"


def test_metrics_of_all_protocols(data: Path, run: Path, tmp_path: Path) -> None:
    """The same document on stdout, in the run folder and, with its origin, in the record."""
    told = document_of(
        invoke(
            "evaluate",
            run,
            "--data",
            data,
            "--device",
            "cpu",
            "--json",
            "--record",
            tmp_path / "r" / "record.json",
        )
    )
    metrics = told["metrics"]
    assert set(metrics["protocols"]) == set(metrics["retrieval"]) == {protocol.value for protocol in Protocol}
    for by_distance in metrics["retrieval"].values():
        assert {"attributes", "embedding", "fused"} <= set(by_distance)
    split = read_split(load_recipe(run / "recipe.toml"), data)
    assert (told["data"]["train_images"], told["data"]["test_images"]) == (len(split.train), len(split.test))
    assert told["data"]["training_categories"] == len(Retriever.from_pretrained(run).training_categories)
    for path in (run / "metrics.json", tmp_path / "r" / "record.json"):
        record = json.loads(path.read_text("utf-8"))
        assert record | told == record
        assert {"command", "commit", "machine", "written"} <= set(record)


def test_one_protocol_mirrored(data: Path, run: Path) -> None:
    """Only what was asked; the table is for people."""
    arguments = ("evaluate", run, "--data", data, "--device", "cpu", "--protocol", "unique", "--flip")
    told = document_of(invoke(*arguments, "--json"))
    assert set(told["metrics"]["retrieval"]) == {"unique"}
    assert told["flip"] is True
    table = invoke(*arguments)
    assert table.exit_code == 0
    assert "unique" in table.stdout


def test_another_split_is_measured(data: Path, run: Path) -> None:
    """The run's own is the default."""
    arguments = (
        "evaluate",
        run,
        "--data",
        data,
        "--device",
        "cpu",
        "--protocol",
        "unique",
        "--no-graded",
        "--json",
    )
    told = document_of(invoke(*arguments, "--split", "official-1"))
    assert told["data"]["split"] == "official-1"
    assert told["data"]["test_images"] == 24


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("--protocol", "uniqe"), "'unique'"),
        (("--split", "papper"), "'paper'"),
        (("--data", "/nowhere"), "no PETA found"),
    ],
)
def test_failures_exit_with_one(change: tuple[str, str], told: str, data: Path, run: Path) -> None:
    """The message on stderr, nothing on stdout."""
    result = invoke("evaluate", run, "--data", data, "--device", "cpu", "--json", *change)
    assert (result.exit_code, result.stdout) == (1, ""), result.exception
    assert told in result.stderr


def test_a_folder_that_is_no_run_is_a_failure(data: Path, tmp_path: Path) -> None:
    """Told with what is missing."""
    result = invoke("evaluate", tmp_path, "--data", data)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "config.json" in result.stderr


def test_wrong_usage_exits_with_two(data: Path, run: Path) -> None:
    """A device that is none, an option that is none."""
    for wrong in (["--device", "abacus"], ["--colour"]):
        assert invoke("evaluate", run, "--data", data, *wrong).exit_code == 2
