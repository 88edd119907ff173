"""``attrieve reproduce`` at the command line."""

import json
from pathlib import Path

import pytest

from cli.training_commands import document_of, invoke
from reproduction.small_reproduction import write_small_recipe, write_small_recipes

ROW = "attributes-mobilenetv2"


pytestmark = pytest.mark.usefixtures("small_backbone")


@pytest.fixture
def arguments(data: Path, tmp_path: Path) -> list[object]:
    recipes = write_small_recipes(tmp_path / "recipes")
    told = ["reproduce", "--data", data, "--out", tmp_path / "out", "--budget", "cpu", "--recipes", recipes]
    return [*told, "--any-data", "--seeds", "1", "--threads", "1"]


def test_a_plan_is_told_and_nothing_is_done(arguments: list[object], tmp_path: Path) -> None:
    """Every job with its state and the time it will take; the folder is not even made."""
    document = document_of(invoke(*arguments, "--plan", "--json", "--split", "paper", "--split", "sal"))
    assert len(document["jobs"]) == 22
    assert {job["state"] for job in document["jobs"]} == {"waiting"}
    starts = {job["job"]: job["starts_from"] for job in document["jobs"]}
    assert starts["sal/attributes-pvtv2-b0/seed-0"] == "none"
    assert starts["sal/embedding-pvtv2-b0/seed-0"] == "../../attributes-pvtv2-b0/seed-0"
    assert (document["seconds_left"], document["jobs_of_unknown_length"]) == (44.0, 0)
    shown = invoke(*arguments, "--plan")
    assert shown.exit_code == 0
    assert "11 waiting" in shown.stdout
    assert "left: about 22 s" in shown.stdout
    assert not (tmp_path / "out").exists()


def test_one_document_on_stdout_and_progress_on_stderr(arguments: list[object], tmp_path: Path) -> None:
    """The record says by which command; a second call tells the same as a table, and the plan is done."""
    rows = (*arguments, "--rows", f"{ROW},{ROW}")
    result = invoke(*rows, "--json")
    document = document_of(result)
    assert document["jobs"]["done"] == 1
    assert f"paper/{ROW}/seed-0: training" in result.stderr
    record = json.loads((tmp_path / "out" / "results" / "paper" / f"{ROW}-seed-0.json").read_text("utf-8"))
    overall = record["metrics"]["retrieval"]["unique"]["attributes"]["overall"]
    assert document["splits"][0]["lines"][0]["map"]["mean"] == overall["map"]
    table = invoke(*rows)
    assert table.exit_code == 0
    for cell in ("PAR baseline", ROW, "1/1", f"{overall['map']:.1f}", "20.7"):
        assert cell in table.stdout
    (job,) = document_of(invoke(*rows, "--plan", "--json"))["jobs"]
    assert (job["state"], job["seconds_left"]) == ("done", 0.0)


def test_a_failed_job_is_told_and_exits_with_one(arguments: list[object], tmp_path: Path) -> None:
    """On stderr with its reason; the summary is on stdout all the same; diverged alone is no failure."""
    write_small_recipe(tmp_path / "recipes" / f"{ROW}.toml", training={"epochs": 1, "batch": 4000})
    result = invoke(*arguments, "--rows", ROW, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["jobs"]["failed"] == 1
    assert f"failed: paper/{ROW}/seed-0: " in " ".join(result.stderr.split())
    assert "smaller batch" in " ".join(result.stderr.split())
    steep = {"name": "sgd", "rate": 1e25, "encoder_rate": 1e25}
    path = write_small_recipe(tmp_path / "steep.toml", optimiser=steep)
    write_small_recipe(path.with_name("attributes-steep.toml"), optimiser=steep)
    diverged = invoke(*arguments, "--rows", path.with_name("attributes-steep.toml"))
    assert diverged.exit_code == 0
    assert "diverged: paper/attributes-steep/seed-0" in " ".join(diverged.stderr.split())


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("--rows", "multitask-mobilenetv2"), "'multi-task-mobilenetv2'"),
        (("--split", "papper"), "'paper'"),
        (("--data", "/nowhere"), "no PETA found"),
        (("--init", "/nowhere/none.safetensors"), "no weights at"),
    ],
)
def test_failures_exit_with_one(change: tuple[str, str], told: str, arguments: list[object]) -> None:
    """The message on stderr, nothing on stdout."""
    result = invoke(*arguments, "--json", *change)
    assert (result.exit_code, result.stdout) == (1, ""), result.exception
    assert told in result.stderr


def test_other_data_are_refused_with_both_numbers(arguments: list[object]) -> None:
    """Unless it is said that any will do."""
    arguments.remove("--any-data")
    result = invoke(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "19,000 images, found 60" in result.stderr


def test_wrong_usage_exits_with_two(arguments: list[object]) -> None:
    for wrong in (["--budget", "huge"], ["--seeds", "0"], ["--colour"]):
        assert invoke(*arguments, *wrong).exit_code == 2
