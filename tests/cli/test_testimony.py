"""``attrieve testimony`` at the command line, over a run that was never trained, on drawn people."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import tomli_w
import torch
from rich.console import Console

from attrieve.cli.people import read_split
from attrieve.cli.testimony import answers_of_run
from attrieve.evaluation.testimony_distances import DISTANCES
from attrieve.evaluation.testimony_report import WITNESSES
from attrieve.models.retriever import Retriever
from attrieve.schema import load_vocabulary
from attrieve.training.config import load_recipe
from cli.training_commands import invoke
from models.tiny import tiny_settings

pytestmark = pytest.mark.usefixtures("small_backbone")


def make_run(folder: Path, kind: str, data: Path, validation: int = 8) -> Path:
    """An untrained run that remembers its training people and set some categories aside."""
    settings = tiny_settings(kind)
    recipe = {
        "name": "small",
        "data": {"test_categories": 3, "validation_categories": validation},
        "model": settings.model_dump(mode="json"),
    }
    retriever = Retriever(settings, load_vocabulary("peta35"), name="small")
    folder.mkdir(parents=True)
    (folder / "recipe.toml").write_bytes(tomli_w.dumps(recipe).encode())
    train = read_split(load_recipe(folder / "recipe.toml"), data).train.select(retriever.schema)
    rows, counts = torch.unique(torch.from_numpy(train.values), dim=0, return_counts=True)
    retriever.query.remember_training(rows, counts, torch.from_numpy(train.values).float().mean(dim=0))
    retriever.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def run(small_backbone: None, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "run", "multi_task", data)


def answers(run: Path, data: Path, **more: object) -> dict[str, Any]:
    given = {"counts": [1, 3, 8], "draws": 1, "console": Console(quiet=True), **more}
    return answers_of_run(run, data, **given)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def told(run: Path, data: Path) -> dict[str, Any]:
    return answers(run, data)


def test_every_question_is_answered_by_every_distance(told: dict[str, Any]) -> None:
    """Partial, wrong, doubtful, several: scores in range, the paper's distance level with itself."""
    assert set(told["full"]["distances"]) == set(DISTANCES)
    asked = {(row["named"], row["choice"], row["relevance"]) for row in told["named"]}
    assert len(asked) == len(told["named"]) == 2 * 3 * 2
    assert len(told["witnesses"]) == 2 * len(WITNESSES)
    short = [row for row in told["named"] if row["named"] == 3]
    assert all(len(scores["map"]) == 1 for row in short for scores in row["distances"].values())
    whole = [row for row in told["named"] if row["named"] != 3]
    for row in (told["full"], *whole, *told["errors"], *told["doubt"]):
        assert row["to_paper"]["euclidean"] == [0, 0, 0]
        for scores in row["distances"].values():
            mean, low, high = scores["map"]
            assert 0 <= low - 0.01 <= mean <= high + 0.01 <= 100.02
    truthful = [row for row in told["errors"] if row["wrong"] == 0 and row["named"] == 35]
    assert truthful[0]["distances"] == told["full"]["distances"]
    assert set(told["calibration"]) == {"none", "undo-weights", "tempered", "curves", "joint"}
    assert all(math.isfinite(found["mean_error"]) for found in told["calibration"].values())


def test_the_same_seed_gives_the_same_answers_and_images_are_described_once(
    told: dict[str, Any], run: Path, data: Path
) -> None:
    """What the model said lies in the run folder, and is not asked for again."""
    kept = {path.name: path.stat().st_mtime_ns for path in run.glob("seen-people-*.safetensors")}
    assert set(kept) == {"seen-people-validation.safetensors", "seen-people-test.safetensors"}
    assert answers(run, data) == told
    assert {path.name: path.stat().st_mtime_ns for path in run.glob("seen-people-*.safetensors")} == kept


def test_a_run_without_embedding_is_asked_by_recognition_alone(data: Path, tmp_path: Path) -> None:
    """No fused distance, and no comparison with one."""
    told = answers(make_run(tmp_path / "run", "attributes", data), data)
    assert not any("embedding" in name or "fused" in name for name in told["full"]["distances"])
    assert "ratio_to_naive_search" not in told["full"]


def test_a_run_that_set_nothing_aside_is_refused(data: Path, tmp_path: Path) -> None:
    """There is nobody to fit on; the message says how to train."""
    run = make_run(tmp_path / "run", "multi_task", data, validation=0)
    result = invoke("testimony", run, "--data", data, "--device", "cpu")
    assert result.exit_code == 1
    assert "validation_categories=200" in " ".join(result.stderr.split())


@pytest.mark.slow
def test_the_command_writes_a_record_of_all_counts(run: Path, data: Path, tmp_path: Path) -> None:
    """One document on stdout, and the same with its origin in the record."""
    record = tmp_path / "record.json"
    given = ("testimony", run, "--data", data, "--device", "cpu", "--draws", 1, "--json", "--record", record)
    result = invoke(*given)
    assert result.exit_code == 0, result.stderr
    told, kept = json.loads(result.stdout), json.loads(record.read_text("utf-8"))
    assert kept | told == kept
    assert {"command", "commit", "machine", "written"} <= set(kept)
    assert {row["named"] for row in told["named"]} == set(range(1, 35))
