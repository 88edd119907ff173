"""Whole runs: they learn, they survive being stopped at any point, and they refuse what cannot go on."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from attrieve.errors import (
    CheckpointError,
    ConfigurationError,
    NonFiniteLossError,
    SchemaMismatchError,
    StorageError,
)
from attrieve.models.retriever import Retriever
from attrieve.training.config import Recipe, load_recipe
from attrieve.training.run import Machine, build_retriever, train
from environments import environment_with_tests
from models.tiny import tiny_backbone
from training.tiny import read_lines, tiny_people, tiny_recipe

CPU = Machine(accelerator="cpu")
EVERYTHING = (
    "loss.feedback.target=both",
    "loss.combinations.count=3",
    "loss.semantic_margin.sampled_rows=3",
    "augmentation.erase_probability=0.3",
    "augmentation.colour_strength=0.2",
    "augmentation.zoom_share=0.1",
    "augmentation.hue_strength=0.05",
    "augmentation.blur_probability=0.1",
    "augmentation.mixup_alpha=0.4",
    "training.average_decay=0.9",
    "optimiser.schedule=one_cycle",
    "optimiser.gradient_clip=5.0",
)
"""Everything of a recipe that draws by chance or remembers."""


class Stopped(Exception):  # noqa: N818  # no error of ours
    """Stands for a kill."""


def run(
    recipe: Recipe, out: Path, validate: Callable[[Retriever], dict[str, float]] | None = None
) -> Retriever:
    return train(recipe, tiny_people(), out, machine=CPU, validate=validate)


def stops_in_epoch(epoch: int) -> Callable[[Retriever], dict[str, float]]:
    """A judge that gives up at the end of an epoch, before its checkpoint is written."""
    calls = 0

    def judge(retriever: Retriever) -> dict[str, float]:
        nonlocal calls
        calls += 1
        if calls == epoch + 1:
            raise Stopped
        return {"calls": float(calls)}

    return judge


def same_weights(first: Retriever, second: Retriever) -> bool:
    one, other = first.state_dict(), second.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def steps_of(out: Path) -> list[tuple[str, ...]]:
    """The journal without its timings."""
    return [
        tuple(value for name, value in line.items() if name != "images_per_second")
        for line in read_lines(out / "journal.csv")
    ]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run with everything on."""
    out = tmp_path_factory.mktemp("whole")
    with tiny_backbone():
        run(tiny_recipe("multi_task", "transformer", *EVERYTHING), out, validate=lambda _: {"calls": 1.0})
    return out


def test_a_run_folder_is_complete(whole: Path) -> None:
    """Model, configuration, resolved recipe, journal, validation; it loads from the folder alone."""
    names = {path.name for path in whole.iterdir()}
    assert names >= {"model.safetensors", "config.json", "recipe.toml", "journal.csv", "validation.csv"}
    recipe = tiny_recipe("multi_task", "transformer", *EVERYTHING)
    assert load_recipe(whole / "recipe.toml") == recipe
    retriever = Retriever.from_pretrained(whole)
    people = tiny_people()
    assert (retriever.name, retriever.settings) == ("tiny run", recipe.model)
    assert torch.equal(retriever.training_categories, people.categories)
    assert retriever.query.positive_rate.tolist() == pytest.approx(people.values.float().mean(0).tolist())
    lines = read_lines(whole / "journal.csv")
    assert [(line["epoch"], line["step"]) for line in lines] == [("0", "10"), ("1", "20"), ("2", "30")]
    assert {"rate", "images_per_second", "loss", "par", "ma", "asmr"} <= set(lines[0])


def test_a_stopped_run_goes_on_to_the_very_same_weights(whole: Path, tmp_path: Path) -> None:
    """Bit for bit, dropout, combinations and all; no step or epoch is written down twice."""
    recipe = tiny_recipe("multi_task", "transformer", *EVERYTHING)
    with pytest.raises(Stopped):
        run(recipe, tmp_path, stops_in_epoch(1))
    assert not (tmp_path / "model.safetensors").exists()
    assert [line["step"] for line in read_lines(tmp_path / "journal.csv")] == ["10", "20"]
    resumed = run(recipe, tmp_path, lambda _: {"calls": 1.0})
    assert same_weights(resumed, Retriever.from_pretrained(whole))
    assert steps_of(tmp_path) == steps_of(whole)
    assert [line["step"] for line in read_lines(tmp_path / "validation.csv")] == ["10", "20", "30"]


def test_a_finished_run_is_not_trained_again(whole: Path) -> None:
    """The same command gives the model that is there."""
    before = (whole / "journal.csv").read_bytes()
    recipe = tiny_recipe("multi_task", "transformer", *EVERYTHING)
    again = run(recipe, whole, stops_in_epoch(0))
    assert same_weights(again, Retriever.from_pretrained(whole))
    assert (whole / "journal.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("kind", "head", "epochs", "rate"),
    [
        ("attributes", "pooled", 8, 1e-2),
        ("embedding", "transformer", 6, 3e-3),
        ("multi_task", "pooled", 8, 6e-3),
        pytest.param("multi_task", "transformer", 16, 6e-3, marks=pytest.mark.slow),
    ],
)
def test_the_loss_falls(kind: str, head: str, epochs: int, rate: float, tmp_path: Path) -> None:
    """Each kind learns what bands of light mean; together at least the attributes."""
    changes = (f"training.epochs={epochs}", f"optimiser.rate={rate}")
    retriever = run(tiny_recipe(kind, head, *changes, dropout=0.0), tmp_path)
    losses = [float(line["loss"]) for line in read_lines(tmp_path / "journal.csv")]
    third = epochs // 3
    assert sum(losses[-third:]) < 0.9 * sum(losses[:third])
    assert not retriever.training
    people = tiny_people()
    described = retriever.embed_images(people.images)
    if described.probability is not None:
        right = (described.probability > 0.5) == (people.values == 1)
        assert right.float().mean() > 0.75
    if described.embedding is not None and kind == "embedding":
        queries = retriever.embed_queries(people.categories.float())
        assert queries is not None
        nearest = (described.embedding @ queries.detach().T).argmax(dim=1)
        assert (nearest == people.category).float().mean() > 0.6


def test_another_recipe_in_the_same_folder_is_refused(whole: Path) -> None:
    """The differing keys are named with both values."""
    with pytest.raises(ConfigurationError, match=r"optimiser\.rate \(0\.003 there, 0\.5 here\)"):
        run(tiny_recipe("multi_task", "transformer", *EVERYTHING, "optimiser.rate=0.5"), whole)


def test_a_nan_stops_the_run_and_harms_no_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The parts are named; once the cause is gone the run goes on from its last epoch."""
    recipe = tiny_recipe("multi_task", "transformer", "training.epochs=2")
    prepare, calls = Retriever.prepare, 0

    def poisoned(self: Retriever, images: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return prepare(self, images) * (float("nan") if calls > 13 else 1.0)

    monkeypatch.setattr(Retriever, "prepare", poisoned)
    with pytest.raises(NonFiniteLossError, match=r"par = nan.*ma = nan"):
        run(recipe, tmp_path / "cut")
    monkeypatch.undo()
    resumed = run(recipe, tmp_path / "cut")
    assert same_weights(resumed, run(recipe, tmp_path / "whole"))


def test_weights_that_became_nan_are_not_kept(tmp_path: Path) -> None:
    """The last step of an epoch may ruin them after its loss was still finite."""
    recipe = tiny_recipe("attributes", "pooled", "training.epochs=2")
    calls = 0

    def ruin(retriever: Retriever) -> dict[str, float]:
        nonlocal calls
        calls += 1
        if calls == 2:
            next(retriever.parameters()).data[0] = float("nan")
        return {}

    with pytest.raises(NonFiniteLossError, match="finite weights"):
        run(recipe, tmp_path, ruin)
    assert not (tmp_path / "model.safetensors").exists()
    assert Retriever.from_pretrained(_finish(recipe, tmp_path)).name == "tiny run"


def _finish(recipe: Recipe, out: Path) -> Path:
    run(recipe, out)
    return out


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Training stops with the reason; with space again it goes on."""
    recipe = tiny_recipe("attributes", "pooled", "training.epochs=2")
    calls = 0

    def full_from_the_second_epoch(retriever: Retriever) -> dict[str, float]:
        nonlocal calls
        calls += 1
        if calls == 2:
            monkeypatch.setattr(os, "fsync", _no_space)
        return {}

    with pytest.raises(StorageError, match=r"last\.ckpt.*No space left"):
        run(recipe, tmp_path / "cut", full_from_the_second_epoch)
    monkeypatch.undo()
    kept = torch.load(tmp_path / "cut" / "checkpoints" / "last.ckpt", weights_only=True)
    assert kept["global_step"] == 10
    assert same_weights(run(recipe, tmp_path / "cut"), run(recipe, tmp_path / "whole"))


def _no_space(descriptor: int) -> None:
    raise OSError(28, "No space left on device")


class Malicious:
    """Runs code when a careless reader opens it."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.mark,))


@pytest.mark.parametrize("damage", ["code", "cut off", "text"])
def test_a_checkpoint_that_is_none_is_refused(damage: str, tmp_path: Path) -> None:
    """Code in it is not run; the message says how to start anew."""
    last = tmp_path / "checkpoints" / "last.ckpt"
    last.parent.mkdir()
    torch.save({"epoch": 1, "state_dict": Malicious(tmp_path / "mark")}, last)
    if damage != "code":
        last.write_bytes(last.read_bytes()[:100] if damage == "cut off" else b"checkpoint")
    with pytest.raises(CheckpointError, match=r"(?s)last\.ckpt.*start this run anew"):
        run(tiny_recipe("attributes", "pooled"), tmp_path)
    assert not (tmp_path / "mark").exists()


def test_accumulated_gradients_count_steps_once(tmp_path: Path) -> None:
    """Ten batches of four in two steps an epoch: the tenth step has one line, and no step 0 any."""
    recipe = tiny_recipe("attributes", "pooled", "training.accumulate=5", "training.epochs=5")
    run(recipe, tmp_path)
    assert [line["step"] for line in read_lines(tmp_path / "journal.csv")] == ["10"]


def test_bfloat16_runs_and_keeps_its_weights_in_float32(tmp_path: Path) -> None:
    """Mixed precision, one epoch."""
    recipe = tiny_recipe("multi_task", "transformer", "training.precision=bfloat16", "training.epochs=1")
    retriever = run(recipe, tmp_path)
    assert {p.dtype for p in retriever.parameters()} == {torch.float32}
    assert not same_weights(retriever, build_retriever(recipe, tiny_people()))


def test_runs_that_do_not_fit_the_second_stage_are_refused(tmp_path: Path) -> None:
    """Before anything is trained."""
    first = build_retriever(tiny_recipe("attributes", "pooled"), tiny_people())
    first.save_pretrained(tmp_path / "first")
    start = f"initialisation.run={tmp_path / 'first'}"
    for change in ("model.backbone.name=mobilenetv2", "model.backbone.stage=3"):
        with pytest.raises(CheckpointError, match="backbone"):
            run(tiny_recipe("attributes", "pooled", start, change), tmp_path / change)
    other = Retriever(
        first.settings, type(first.schema)("other", first.schema.attributes[::-1], first.schema.groups)
    )
    other.save_pretrained(tmp_path / "other")
    with pytest.raises(SchemaMismatchError, match="'other'"):
        run(
            tiny_recipe("attributes", "pooled", f"initialisation.run={tmp_path / 'other'}"),
            tmp_path / "third",
        )


KILLED = """
import os, signal, sys
from pathlib import Path
from models.tiny import tiny_backbone
from training.test_run import CPU, EVERYTHING, tiny_people, tiny_recipe, train
calls = 0
def judge(retriever):
    global calls
    calls += 1
    if calls == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"calls": 1.0}
with tiny_backbone():
    recipe = tiny_recipe("multi_task", "transformer", *EVERYTHING)
    train(recipe, tiny_people(), Path(sys.argv[1]), machine=CPU, validate=judge)
"""


@pytest.mark.slow
def test_a_killed_process_is_continued(whole: Path, tmp_path: Path) -> None:
    """SIGKILL leaves no time to tidy up."""
    environment = environment_with_tests(OMP_NUM_THREADS=str(torch.get_num_threads()))
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)], env=environment, capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    resumed = run(tiny_recipe("multi_task", "transformer", *EVERYTHING), tmp_path, lambda _: {"calls": 1.0})
    assert same_weights(resumed, Retriever.from_pretrained(whole))
    assert steps_of(tmp_path) == steps_of(whole)
