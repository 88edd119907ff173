"""A whole reproduction on drawn people: kept, continued, shared, and honest about what went wrong."""

import errno
import io
import json
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import safetensors.torch
from rich.console import Console

from attrieve.data.file_lock import try_lock
from attrieve.errors import (
    ConfigurationError,
    DatasetError,
    StorageError,
    UnknownNameError,
)
from attrieve.evaluation.protocol import Protocol
from attrieve.models.retriever import Retriever
from attrieve.reproduction import run as module
from attrieve.reproduction.people import SharedPeople
from attrieve.reproduction.rows import Budget, row_names
from attrieve.reproduction.run import Reproduction, ReproductionSettings
from attrieve.training.config import load_recipe
from attrieve.training.run import train
from models.tiny import tiny_backbone
from reference.retrieval import average_precision, ranks_of
from reproduction.small_reproduction import (
    begin,
    read_json,
    steps_of,
    write_small_recipe,
    write_small_recipes,
)

SMALL = ("reproduce", "--budget", "cpu", "--any-data", "--seeds", 1)
THREE = ("attributes-mobilenetv2", "embedding-mobilenetv2", "multi-task-mobilenetv2")


@pytest.fixture
def settings(drawn: Path, small_recipes: Path, tmp_path: Path) -> Callable[..., ReproductionSettings]:
    def make(**changes: Any) -> ReproductionSettings:
        given = {
            "data": drawn,
            "out": tmp_path / "out",
            "budget": Budget.CPU,
            "seeds": 1,
            "recipes": small_recipes,
            "any_data": True,
            "poll_s": 0.01,
            **changes,
        }
        return ReproductionSettings(**given)

    return make


@pytest.fixture(scope="module")
def finished(
    drawn: Path, small_recipes: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    """All rows, done; copy it before you change anything."""
    out = tmp_path_factory.mktemp("finished")
    settings = ReproductionSettings(drawn, out, Budget.CPU, 1, recipes=small_recipes, any_data=True)
    with tiny_backbone():
        return out, Reproduction(settings).run()


def stamps(folder: Path) -> dict[str, tuple[int, bytes]]:
    """When each weight file, journal and record was written, and what it holds."""
    files = [*folder.rglob("model.safetensors"), *folder.rglob("journal.csv"), *folder.rglob("*-seed-*.json")]
    return {str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def test_every_row_is_trained_measured_and_told(finished: tuple[Path, dict[str, Any]]) -> None:
    """Twelve lines of eleven rows, each with its record; all but the baselines start from theirs."""
    out, document = finished
    assert document["jobs"] == {"done": 11, "diverged": 0, "failed": 0, "open": 0}
    (split,) = document["splits"]
    assert [line["table"] for line in split["lines"]] == ["4.2"] * 6 + ["4.3"] * 6
    assert {line["row"] for line in split["lines"]} == set(row_names(Budget.CPU))
    for line in split["lines"]:
        record = read_json(out / "results" / "paper" / f"{line['row']}-seed-0.json")
        overall = record["metrics"]["retrieval"]["unique"][line["distance"]]["overall"]
        assert line["map"] == {"mean": overall["map"], "low": None, "high": None}
        assert line["rank1"]["mean"] == overall["rank1"]
        assert record["paper"] == line["paper"]
        assert (record["row"], record["budget"], record["status"]) == (line["row"], "cpu", "done")
        start = read_json(out / "paper" / line["row"] / "seed-0" / "provenance.json")["start"]
        backbone = "mobilenetv2" if line["row"].endswith("mobilenetv2") else "pvtv2-b0"
        from_nothing = line["row"] == f"attributes-{backbone}"
        assert start == ("from scratch" if from_nothing else f"backbone of run 'attributes-{backbone}'")


def test_a_record_holds_what_pairs_of_runs_are_compared_by(finished: tuple[Path, dict[str, Any]]) -> None:
    """Average precision per query, whose mean is the mAP, by every distance; and where it comes from."""
    out, _ = finished
    for row, distances in zip(
        THREE, ({"attributes"}, {"embedding"}, {"attributes", "embedding", "fused"}), strict=True
    ):
        record = read_json(out / "results" / "paper" / f"{row}-seed-0.json")
        assert distances <= set(record["average_precision"])
        for name, values in record["average_precision"].items():
            overall = record["metrics"]["retrieval"]["unique"][name]["overall"]
            assert len(values) == overall["queries"]
            assert 100 * sum(values) / len(values) == pytest.approx(overall["map"])
        assert {"command", "commit", "machine", "evaluation_seconds"} <= set(record)
        assert set(record["metrics"]["retrieval"]) == {protocol.value for protocol in Protocol}
        assert read_json(out / "paper" / row / "seed-0" / "metrics.json")["metrics"] == record["metrics"]


def test_predictions_are_enough_to_measure_again(finished: tuple[Path, dict[str, Any]]) -> None:
    """Distances written out in loops give each query's average precision; logits are the probabilities'."""
    out, _ = finished
    record = read_json(out / "results" / "paper" / f"{THREE[2]}-seed-0.json")
    said = safetensors.torch.load_file(out / "paper" / THREE[2] / "seed-0" / "predictions.safetensors")
    parts = {name: tensor.double().numpy() for name, tensor in said.items()}
    pairs = {"attributes": ("query_values", "probability"), "embedding": ("query_embedding", "embedding")}
    for name, (asked, seen) in pairs.items():
        for number, query in enumerate(parts["query_values"]):
            distance = [np.linalg.norm(parts[asked][number] - person) for person in parts[seen]]
            relevant = [i for i, values in enumerate(parts["values"]) if (values == query).all()]
            expected = average_precision(ranks_of(distance, relevant))
            assert record["average_precision"][name][number] == pytest.approx(expected)
    np.testing.assert_allclose(1 / (1 + np.exp(-parts["logit"])), parts["probability"], atol=1e-6)


def test_a_second_call_does_nothing(
    finished: tuple[Path, dict[str, Any]], settings: Callable[..., ReproductionSettings]
) -> None:
    """And tells the same."""
    out, document = finished
    before = stamps(out)
    assert Reproduction(settings(out=out)).run() == document
    assert stamps(out) == before


def test_runs_of_attrieve_train_are_kept_and_measured(
    settings: Callable[..., ReproductionSettings], drawn: Path, small_recipes: Path, tmp_path: Path
) -> None:
    """With the same recipe; one of another recipe is told as failed, and what starts from it goes on."""
    people = SharedPeople(drawn)
    start = tmp_path / "out" / "paper" / THREE[0] / "seed-0"
    recipe = load_recipe(small_recipes / f"{THREE[0]}.toml")
    train(recipe, people.train(recipe), start)
    second = tmp_path / "out" / "paper" / THREE[1] / "seed-0"
    changes = [f'initialisation.run="../../{THREE[0]}/seed-0"', "training.batch=6"]
    other = load_recipe(small_recipes / f"{THREE[1]}.toml", changes)
    train(other, people.train(other), second)
    before = stamps(tmp_path / "out")
    document = Reproduction(settings(rows=THREE)).run()
    after = stamps(tmp_path / "out")
    assert {name: after[name] for name in before} == before
    assert document["jobs"] == {"done": 2, "diverged": 0, "failed": 1, "open": 0}
    (failed,) = document["not_done"]
    assert failed["job"] == f"paper/{THREE[1]}/seed-0"
    assert "training.batch (6 there, 4 here)" in failed["reason"]


def test_a_row_that_only_asks_otherwise_is_not_trained_again(
    settings: Callable[..., ReproductionSettings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its run holds the weights of the row that was trained alike, and its own way of asking; a row that
    trains otherwise is trained.
    """
    base = write_small_recipe(tmp_path / "base.toml", initialisation={"weights": "imagenet"})
    for name, table in (("cropped", "[retrieval]\ncrops = true"), ("longer", "[training]\nepochs = 2")):
        (tmp_path / f"{name}.toml").write_text(f'extends = "base.toml"\nname = "{name}"\n{table}\n')
    trained: list[str] = []
    real = module.train
    monkeypatch.setattr(
        module, "train", lambda recipe, *rest: (trained.append(recipe.name), real(recipe, *rest))
    )
    rows = (str(base), *(str(tmp_path / f"{name}.toml") for name in ("cropped", "longer")))
    chosen = settings(rows=rows, init=("none",))
    document = Reproduction(chosen).run()
    assert document["jobs"]["done"] == 3, document["not_done"]
    assert trained == ["base", "longer"]
    runs = {name: chosen.out / "paper" / name / "seed-0" for name in ("base", "cropped")}
    one, other = (Retriever.from_pretrained(run) for run in runs.values())
    assert one.fingerprint == other.fingerprint
    assert (one.query.retrieval.crops, other.query.retrieval.crops) == (False, True)
    assert load_recipe(runs["cropped"] / "recipe.toml").retrieval.crops
    cards = [(run / "README.md").read_text() for run in runs.values()]
    assert [card.count(f"# {name}\n") for card, name in zip(cards, runs, strict=True)] == [1, 1]
    assert cards[1] == cards[0].replace("# base\n", "# cropped\n")
    first, second = (read_json(run / "metrics.json") for run in runs.values())
    assert (first["crops"], second["crops"]) == (False, True)
    assert first["metrics"] != second["metrics"]
    assert first["training"] == second["training"]


@pytest.mark.slow
def test_a_killed_reproduction_is_continued(drawn: Path, small_recipes: Path, tmp_path: Path) -> None:
    """SIGKILL while the second row trains: the first stays as it is, the second goes on."""
    longer = write_small_recipe(tmp_path / f"{THREE[1]}.toml", epochs=8)
    recipes = write_small_recipes(tmp_path / "recipes")
    shutil.copy(longer, recipes)
    out, rows = tmp_path / "out", THREE[:2]
    process = begin(*SMALL, "--data", drawn, "--out", out, "--recipes", recipes, "--rows", ",".join(rows))
    second = out / "paper" / THREE[1] / "seed-0"
    until = time.monotonic() + 250
    while not (second / "checkpoints" / "last.ckpt").exists() and time.monotonic() < until:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    before = stamps(out)
    finished_row = f"paper/{THREE[0]}/seed-0/model.safetensors"
    assert finished_row in before
    assert f"results/paper/{THREE[0]}-seed-0.json" in before
    assert f"paper/{THREE[1]}/seed-0/model.safetensors" not in before
    settings = ReproductionSettings(drawn, out, Budget.CPU, 1, rows=rows, recipes=recipes, any_data=True)
    document = Reproduction(settings).run()
    assert document["jobs"] == {"done": 2, "diverged": 0, "failed": 0, "open": 0}
    after = stamps(out)
    kept = {name for name in before if THREE[1] not in name}
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    steps = steps_of(second)
    assert steps == list(range(10, 10 * len(steps) + 1, 10))
    assert len(steps) >= 8


@pytest.mark.slow
def test_two_processes_share_the_work(drawn: Path, small_recipes: Path, tmp_path: Path) -> None:
    """Every job is done once, by one of them; both tell the same at the end."""
    arguments = [
        *SMALL,
        "--data",
        drawn,
        "--out",
        tmp_path,
        "--recipes",
        small_recipes,
        "--seeds",
        2,
        "--json",
    ]
    processes = [begin(*arguments, "--rows", ",".join(THREE[:2])) for _ in range(2)]
    ends = [process.communicate(timeout=250) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], ends
    lines = [line for _, told in ends for line in told.splitlines()]
    for row in THREE[:2]:
        for seed in range(2):
            assert lines.count(f"paper/{row}/seed-{seed}: training") == 1, lines
            assert lines.count(f"paper/{row}/seed-{seed}: evaluating") == 1, lines
    first, second = (json.loads(document) for document, _ in ends)
    assert first == second
    assert first["jobs"]["done"] == 4


def test_jobs_that_others_hold_are_waited_for(
    settings: Callable[..., ReproductionSettings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The held baseline and what starts from it; once it is let go, both are done here."""
    stream = io.StringIO()
    reproduction = Reproduction(settings(rows=THREE[:2]), console=Console(file=stream, width=200))
    lock = reproduction.places.lock(("paper", THREE[0], 0))
    lock.parent.mkdir(parents=True)
    with ExitStack() as held:
        assert held.enter_context(try_lock(lock))
        waits: list[float] = []

        def wait(seconds: float) -> None:
            waits.append(seconds)
            if len(waits) == 3:
                held.close()

        monkeypatch.setattr(module, "time", SimpleNamespace(sleep=wait, monotonic=time.monotonic))
        document = reproduction.run()
    assert len(waits) == 3
    assert document["jobs"]["done"] == 2
    told = [line for line in stream.getvalue().splitlines() if line.startswith("waiting")]
    assert told == [f"waiting for jobs that other processes hold (paper/{THREE[0]}/seed-0)"]


def test_a_diverged_seed_is_told_and_so_is_what_starts_from_it(
    settings: Callable[..., ReproductionSettings], tmp_path: Path
) -> None:
    """Neither is dropped; other rows go on; the diverged one is not tried again."""
    recipes = write_small_recipes(tmp_path / "recipes")
    steep = {"name": "sgd", "rate": 1e25, "encoder_rate": 1e25}
    write_small_recipe(recipes / f"{THREE[0]}.toml", optimiser=steep)
    rows = (THREE[1], "attributes-pvtv2-b0")
    chosen = settings(recipes=recipes, rows=rows)
    document = Reproduction(chosen).run()
    assert document["jobs"] == {"done": 1, "diverged": 1, "failed": 1, "open": 0}
    told = {entry["job"]: entry for entry in document["not_done"]}
    diverged, follower = (told[f"paper/{row}/seed-0"] for row in THREE[:2])
    assert diverged["status"] == "diverged"
    assert "finite losses" in diverged["reason"]
    assert (follower["status"], follower["reason"]) == (
        "failed",
        f"starts from a diverged run: paper/{THREE[0]}/seed-0",
    )
    record = read_json(tmp_path / "out" / "results" / "paper" / f"{THREE[0]}-seed-0.json")
    assert (record["status"], record["seed"], record["row"]) == ("diverged", 0, THREE[0])
    before = stamps(tmp_path / "out" / "results")[f"paper/{THREE[0]}-seed-0.json"]
    assert Reproduction(chosen).run()["jobs"] == document["jobs"]
    assert stamps(tmp_path / "out" / "results")[f"paper/{THREE[0]}-seed-0.json"] == before


def test_a_failed_job_is_tried_again_by_the_next_call_only(
    settings: Callable[..., ReproductionSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others go on meanwhile."""
    calls: list[str] = []

    def fail_once(recipe: Any, *rest: Any) -> Any:
        calls.append(recipe.name)
        if calls == [THREE[0]]:
            raise ConfigurationError("bad luck")
        return train(recipe, *rest)

    monkeypatch.setattr(module, "train", fail_once)
    rows = (THREE[0], "attributes-pvtv2-b0")
    first = Reproduction(settings(rows=rows)).run()
    assert first["jobs"] == {"done": 1, "diverged": 0, "failed": 1, "open": 0}
    assert first["not_done"] == [
        {"job": f"paper/{THREE[0]}/seed-0", "status": "failed", "reason": "bad luck"}
    ]
    second = Reproduction(settings(rows=rows)).run()
    assert second["jobs"] == {"done": 2, "diverged": 0, "failed": 0, "open": 0}
    assert calls == [THREE[0], "attributes-pvtv2-b0", THREE[0]]


def test_a_full_disk_stops_at_once_and_keeps_what_is_finished(
    settings: Callable[..., ReproductionSettings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No job after it is begun; a later call goes on."""
    begun: list[str] = []

    def fill_the_disk(recipe: Any, *rest: Any) -> Any:
        begun.append(recipe.name)
        if len(begun) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return train(recipe, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(module, "train", fill_the_disk)
        with pytest.raises(StorageError, match=f"{THREE[1]}/seed-0 stopped: .*No space left"):
            Reproduction(settings(rows=THREE)).run()
    assert begun == list(THREE[:2])
    before = stamps(tmp_path / "out")
    assert f"results/paper/{THREE[0]}-seed-0.json" in before
    assert Reproduction(settings(rows=THREE)).run()["jobs"]["done"] == 3
    after = stamps(tmp_path / "out")
    assert {name: after[name] for name in before} == before


def test_a_record_of_another_recipe_is_not_taken_for_this_one(
    finished: tuple[Path, dict[str, Any]], settings: Callable[..., ReproductionSettings], tmp_path: Path
) -> None:
    """Refused before anything is done; a new name and other words for a recipe are no new recipe."""
    out = tmp_path / "out"
    shutil.copytree(finished[0], out)
    renamed = write_small_recipes(tmp_path / "renamed", about="other words", name="other")
    assert Reproduction(settings(recipes=renamed, rows=THREE)).run()["jobs"]["done"] == 3
    longer = write_small_recipes(tmp_path / "longer", epochs=2)
    before = stamps(out)
    with pytest.raises(ConfigurationError, match="result of another recipe"):
        Reproduction(settings(recipes=longer, rows=THREE))
    assert stamps(out) == before


def test_data_names_and_weights_are_checked_before_anything_is_made(
    settings: Callable[..., ReproductionSettings], tmp_path: Path
) -> None:
    """Counts with both numbers, names with the nearest."""
    for changes, kind, told in (
        ({"any_data": False}, DatasetError, "19,000 images, found 60"),
        ({"rows": ("multitask-mobilenetv2",)}, UnknownNameError, "'multi-task-mobilenetv2'"),
        ({"splits": ("papper",)}, UnknownNameError, "'paper'"),
        ({"init": ("resnet-tini=none",)}, UnknownNameError, "'resnet-tiny'"),
    ):
        with pytest.raises(kind, match=told):
            Reproduction(settings(**changes))
    assert not (tmp_path / "out").exists()


def test_two_splits_are_two_sets_of_jobs(settings: Callable[..., ReproductionSettings]) -> None:
    """Each trained and measured on its own images, recorded where it was asked for."""
    records = settings().out / "elsewhere"
    chosen = settings(rows=THREE[:1], splits=("paper", "sal"), seeds=2, record=records)
    document = Reproduction(chosen).run()
    assert document["jobs"]["done"] == 4
    assert [split["split"] for split in document["splits"]] == ["paper", "sal"]
    for split in document["splits"]:
        (line,) = split["lines"]
        values = [seed["map"] for seed in line["seeds"].values()]
        assert line["map"]["mean"] == pytest.approx(sum(values) / 2)
        assert line["map"]["low"] < line["map"]["mean"] < line["map"]["high"]
        record = read_json(records / split["split"] / f"{THREE[0]}-seed-1.json")
        assert (record["data"]["split"], record["recipe"]["data"]["split"]) == (split["split"],) * 2


def test_seeds_may_begin_later(settings: Callable[..., ReproductionSettings]) -> None:
    """As many as were asked for, from the first one named; every job learns from its own."""
    jobs = Reproduction(settings(seeds=2, first_seed=3)).jobs
    assert {seed for _, _, seed in jobs} == {3, 4}
    assert all(job.recipe.training.seed == seed for (_, _, seed), job in jobs.items())


def test_a_reproduction_counts_the_training_it_saw(finished: tuple[Path, dict[str, Any]]) -> None:
    """Ten steps of four images make a journal line, from which time and rate come."""
    out, _ = finished
    record = read_json(out / "results" / "paper" / f"{THREE[0]}-seed-0.json")
    # the record keeps tenths of a second, so on a quick machine the product is only so near
    seconds, rate = record["training_seconds"], record["images_per_second"]
    assert (seconds - 0.06) * (rate - 0.06) <= 40 <= (seconds + 0.06) * (rate + 0.06)


def test_a_model_of_a_record_can_be_loaded(finished: tuple[Path, dict[str, Any]]) -> None:
    """Run folders are those of ``attrieve train``."""
    out, _ = finished
    for row in THREE:
        run = out / "paper" / row / "seed-0"
        assert Retriever.from_pretrained(run).name == row
        assert {path.name for path in run.iterdir()} >= {"README.md", "recipe.toml", "provenance.json"}
