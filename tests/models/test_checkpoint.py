"""Saved retrievers: what comes back, and what is refused."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import huggingface_hub
import pytest
import safetensors.torch
import torch

from attrieve.errors import CheckpointError, StorageError
from attrieve.models.checkpoint import (
    CALIBRATION_FILE,
    CONFIG_FILE,
    WEIGHTS_FILE,
    load_query_side,
    save_query_side,
)
from attrieve.models.retriever import Retriever
from models.tiny import random_pixels, tiny_retriever


@pytest.fixture
def run(tmp_path: Path) -> Path:
    retriever = tiny_retriever()
    categories = torch.tensor([[1, 0, 1, 0, 0, 1], [0, 1, -1, 1, 0, 0]], dtype=torch.int8)
    retriever.query.remember_training(categories, torch.tensor([3, 4]), torch.full((6,), 0.25))
    retriever.save_pretrained(tmp_path / "run")
    return tmp_path / "run"


def edit_config(run: Path, change: Callable[[dict], None]) -> None:  # type: ignore[type-arg]
    document = json.loads((run / CONFIG_FILE).read_text("utf-8"))
    change(document)
    (run / CONFIG_FILE).write_text(json.dumps(document), "utf-8")


@pytest.mark.parametrize("head", ["transformer", "pooled"])
@pytest.mark.parametrize("kind", ["attributes", "embedding", "multi_task"])
def test_a_saved_retriever_comes_back_the_same(kind: str, head: str, tmp_path: Path) -> None:
    """Name, settings, schema, fingerprint and every answer."""
    saved = tiny_retriever(kind, head)
    saved.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    saved.save_pretrained(tmp_path)
    loaded = Retriever.from_pretrained(tmp_path)
    assert (loaded.name, loaded.settings, loaded.schema) == (saved.name, saved.settings, saved.schema)
    assert loaded.fingerprint == saved.fingerprint
    assert not loaded.training
    for got, expected in zip(
        vars(loaded.embed_images(random_pixels(2))).values(),
        vars(saved.embed_images(random_pixels(2))).values(),
        strict=True,
    ):
        assert (got is None) == (expected is None)
        if got is not None:
            torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


def test_training_categories_come_back(run: Path) -> None:
    """For completing partial descriptions."""
    loaded = Retriever.from_pretrained(str(run))
    assert loaded.training_categories.tolist() == [[1, 0, 1, 0, 0, 1], [0, 1, -1, 1, 0, 0]]
    assert loaded.training_category_counts.tolist() == [3, 4]


def test_the_query_side_travels_alone(run: Path, tmp_path: Path) -> None:
    """It answers as the whole retriever does."""
    whole = Retriever.from_pretrained(run)
    save_query_side(whole.query_side(), tmp_path / "side", name="run")
    side = load_query_side(tmp_path / "side")
    values = torch.rand(4, 6)
    expected = whole.embed_queries(values)
    assert expected is not None
    torch.testing.assert_close(side.embed_queries(values), expected)
    assert torch.equal(side.training_categories, whole.training_categories)
    with pytest.raises(CheckpointError):
        load_query_side(run)
    with pytest.raises(CheckpointError, match=r"query\.training_categories"):
        Retriever.from_pretrained(tmp_path / "side")


@pytest.mark.parametrize("keep", [0, 4, 40, 4000, -1])
def test_cut_off_weights_are_refused(run: Path, keep: int) -> None:
    """At any length: empty, within the heading, within the tensors, one byte short."""
    content = (run / WEIGHTS_FILE).read_bytes()
    (run / WEIGHTS_FILE).write_bytes(content[:keep])
    with pytest.raises(CheckpointError, match="damaged"):
        Retriever.from_pretrained(run)


@pytest.mark.parametrize("name", [WEIGHTS_FILE, CONFIG_FILE])
def test_missing_files_are_named(run: Path, name: str) -> None:
    """So that one knows what to copy."""
    (run / name).unlink()
    with pytest.raises(CheckpointError, match=name):
        Retriever.from_pretrained(run)


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(run: Path, poison: float) -> None:
    """One number among all is enough; the tensor is named."""
    weights = safetensors.torch.load_file(run / WEIGHTS_FILE)
    weights["attribute_head.bias"][2] = poison
    safetensors.torch.save_file(weights, run / WEIGHTS_FILE)
    with pytest.raises(CheckpointError, match=r"attribute_head\.bias"):
        Retriever.from_pretrained(run)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda d: d["schema"]["attributes"].reverse(), "fingerprint"),
        (lambda d: d["schema"]["groups"].pop(), "exactly one group"),
        (lambda d: d["schema"].pop("attributes"), "attributes"),
        (lambda d: d["settings"].update(embedding_dim=16), "do not fit"),
        (lambda d: d["settings"].update(kind="attributes"), "do not fit"),
        (lambda d: d["settings"]["transformer"].update(heads=5), "heads"),
        (lambda d: d["settings"]["backbone"].update(name="resnet-tny"), "resnet-tiny"),
        (lambda d: d["settings"].update(colour="red"), "colour"),
        (lambda d: d.update(settings=None), "describe a retriever"),
        (lambda d: d.update(format=99), "format 99"),
        (lambda d: d.clear(), "format None"),
    ],
)
def test_edited_configurations_are_refused(run: Path, change: Callable[[dict], None], told: str) -> None:  # type: ignore[type-arg]
    """A vocabulary changed by hand no longer has its fingerprint; other sizes do not fit the weights."""
    edit_config(run, change)
    with pytest.raises(CheckpointError, match=told):
        Retriever.from_pretrained(run)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"null"])
def test_configurations_that_are_none_are_refused(run: Path, content: bytes) -> None:
    """Whatever stands in the file."""
    (run / CONFIG_FILE).write_bytes(content)
    with pytest.raises(CheckpointError, match=r"config\.json"):
        Retriever.from_pretrained(run)


def test_a_full_disk_leaves_the_old_retriever(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever of the two files it refuses; nothing half-written stays behind."""
    before = Retriever.from_pretrained(run).fingerprint
    names = sorted(path.name for path in run.iterdir())
    real = os.fsync
    for refused in (1, 2):
        calls = 0

        def fsync(descriptor: int) -> None:
            nonlocal calls
            calls += 1
            if calls == refused:  # noqa: B023  # the loop waits for each call
                raise OSError(28, "No space left on device")
            real(descriptor)

        monkeypatch.setattr(os, "fsync", fsync)
        with pytest.raises(StorageError, match="No space left"):
            tiny_retriever(kind="attributes", head="pooled").save_pretrained(run)
        assert Retriever.from_pretrained(run).fingerprint == before
        assert sorted(path.name for path in run.iterdir()) == names


def test_neither_folder_nor_hub_name(tmp_path: Path) -> None:
    """A path that is not there says what was expected."""
    with pytest.raises(CheckpointError, match=r"no run folder.*model\.safetensors"):
        Retriever.from_pretrained(tmp_path / "none")
    with pytest.raises(CheckpointError, match="no run folder"):
        Retriever.from_pretrained("./none")


def test_the_hub_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason is told, and what to do."""

    def unreachable(*args: object, **kwargs: object) -> str:
        raise ConnectionError("no route to host")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)
    with pytest.raises(CheckpointError, match=r"somebody/model.*no route to host.*run folder"):
        Retriever.from_pretrained("somebody/model")


def test_the_hub_gives_a_folder(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the files of a run are asked for."""
    asked: list[tuple[str, list[str]]] = []

    def snapshot(name: str, *, allow_patterns: list[str]) -> str:
        asked.append((name, allow_patterns))
        return str(run)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    assert Retriever.from_pretrained("somebody/model").name == "tiny run"
    assert asked == [("somebody/model", [WEIGHTS_FILE, CONFIG_FILE, CALIBRATION_FILE])]
