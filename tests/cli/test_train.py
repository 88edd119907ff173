"""``attrieve train`` at the command line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from attrieve.models.retriever import Retriever
from attrieve.training.config import load_recipe
from cli.training_commands import document_of, invoke, write_small_recipe

pytestmark = pytest.mark.usefixtures("small_backbone")


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_recipe(tmp_path_factory.mktemp("recipe") / "small.toml")


def test_a_run_is_trained_and_told(data: Path, recipe: Path, tmp_path: Path) -> None:
    """One JSON document on stdout; the resolved recipe holds the changes; the model loads."""
    out = tmp_path / "run"
    arguments = ("train", recipe, "--data", data, "--out", out, "--accelerator", "cpu", "--json")
    told = document_of(invoke(*arguments, "--set", "training.seed=7", "--cache", tmp_path / "cache"))
    retriever = Retriever.from_pretrained(out)
    assert told["fingerprint"] == retriever.fingerprint
    assert (told["run"], told["name"], told["seed"], told["epochs"]) == (str(out), "small", 7, 1)
    assert told["categories"] == len(retriever.training_categories)
    assert told["images"] == int(retriever.training_category_counts.sum()) > 20
    assert load_recipe(out / "recipe.toml").training.seed == 7
    again = document_of(invoke(*arguments, "--set", "training.seed=7", "--cache", tmp_path / "cache"))
    assert again == told


def test_people_are_told_on_stderr(data: Path, recipe: Path, tmp_path: Path) -> None:
    """Progress and the last line; stdout stays empty, and no product is advertised."""
    result = invoke(
        "train", recipe, "--data", data, "--out", tmp_path, "--accelerator", "cpu", "--threads", "1"
    )
    assert (result.exit_code, result.stdout) == (0, "")
    assert "trained on" in result.stderr
    for noise in ("Tip", "litlogger", "TPU", "GPU available"):
        assert noise not in result.stderr


def test_starting_weights_are_options(data: Path, recipe: Path, tmp_path: Path) -> None:
    """--init and --init-run end in the recipe; what is not there is told before training."""
    common = ("train", recipe, "--data", data, "--accelerator", "cpu")
    for option, value, told in (
        ("--init", tmp_path / "none.safetensors", "no weights at"),
        ("--init-run", tmp_path / "no-run", "no run folder at"),
    ):
        result = invoke(*common, "--out", tmp_path / option, option, value)
        assert (result.exit_code, result.stdout) == (1, "")
        assert told in result.stderr


SMALL = (
    ("model.backbone.name", "resnet-tiny"),
    ("model.height_px", 64),
    ("model.width_px", 32),
    ("training.epochs", 1),
    ("training.batch", 8),
    ("training.sizes", "[]"),
    ("data.test_categories", 5),
)
"""What lets the recipes of the best way run on a little drawn data."""


def test_without_a_recipe_the_best_way_is_trained(data: Path, tmp_path: Path) -> None:
    """Recognition first, then three heads on its backbone; the same command finds both finished."""
    out = tmp_path / "run"
    small = [word for key, value in SMALL for word in ("--set", f"{key}={value}")]
    arguments = ("train", "--data", data, "--out", out, "--accelerator", "cpu", "--json", *small)
    told = document_of(invoke(*arguments))
    first, last = (load_recipe(folder / "recipe.toml") for folder in (out / "first-stage", out))
    assert (told["name"], first.name, last.name) == ("best", "best-attributes", "best")
    assert (first.initialisation.run, first.model.backbone.frozen_stages) == ("", 0)
    assert (last.initialisation.run, last.model.heads_ensemble) == ("first-stage", 3)
    before, after = Retriever.from_pretrained(out / "first-stage"), Retriever.from_pretrained(out)
    name, stem = next(iter(before.backbone.network.named_parameters()))
    assert torch.equal(stem, after.backbone.network.get_parameter(name))  # frozen in the last stage
    assert document_of(invoke(*arguments)) == told
    own = document_of(
        invoke(*arguments[:4], tmp_path / "own", *arguments[5:], "--init-run", out / "first-stage")
    )
    assert own["fingerprint"] == told["fingerprint"]
    assert not (tmp_path / "own" / "first-stage").exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("--set", "training.epoch=3"), "'training.epochs'"),
        (("--set", "data.split=papper"), "'paper'"),
        (("--set", "model.backbone.name=resnet-tine"), "'resnet-tiny'"),
        (("--set", "data.test_categories=500"), "at least 502"),
        (("--set", "training.batch=400"), "smaller batch"),
        (("--data", "/nowhere"), "no PETA found"),
    ],
)
def test_failures_exit_with_one(
    change: tuple[str, str], told: str, data: Path, recipe: Path, tmp_path: Path
) -> None:
    """The message on stderr, nothing on stdout, no traceback."""
    result = invoke(
        "train", recipe, "--data", data, "--out", tmp_path, "--accelerator", "cpu", "--json", *change
    )
    assert (result.exit_code, result.stdout) == (1, ""), result.exception
    assert told in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "arguments", [[], ["recipe.toml"], ["--data", "d"], ["r", "--data", "d", "--out", "o", "--devices", "0"]]
)
def test_wrong_usage_exits_with_two(arguments: list[str]) -> None:
    """As shells expect."""
    assert invoke("train", *arguments).exit_code == 2


def test_a_missing_recipe_is_a_failure(tmp_path: Path) -> None:
    """Told with its path."""
    result = invoke("train", tmp_path / "none.toml", "--data", tmp_path, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "no recipe at" in result.stderr


@pytest.mark.slow
def test_two_processes_train_one_model(data: Path, tmp_path: Path) -> None:
    """DDP over gloo: one JSON document on the real stdout, one journal, equal weights in both processes."""
    recipe = write_small_recipe(tmp_path / "two.toml", backbone="mobilenetv2")
    out = tmp_path / "run"
    code = (
        "import sys, torch\n"
        "from pathlib import Path\n"
        "from attrieve.training import run\n"
        "from attrieve.training.lightning import RetrieverTraining\n"
        "def leave(self):\n"
        "    state = {name: p.detach().clone() for name, p in self.retriever.named_parameters()}\n"
        f"    torch.save(state, Path({str(tmp_path)!r}) / f'weights-{{self.global_rank}}.pt')\n"
        "RetrieverTraining.on_train_end = leave\n"
        "from attrieve.cli import main\n"
        "main()\n"
    )
    program = tmp_path / "program.py"
    program.write_text(code)
    arguments = [
        "train",
        recipe,
        "--data",
        data,
        "--out",
        out,
        "--accelerator",
        "cpu",
        "--devices",
        "2",
        "--json",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, program, *map(str, arguments), "--set", "training.epochs=2"],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["fingerprint"] == Retriever.from_pretrained(out).fingerprint
    first, second = (torch.load(tmp_path / f"weights-{rank}.pt", weights_only=True) for rank in (0, 1))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    saved = dict(Retriever.from_pretrained(out).named_parameters())
    assert all(torch.equal(saved[name], first[name]) for name in first)
