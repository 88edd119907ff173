"""Runs that find too little memory, batches in pieces, and images held on a device."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from attrieve.errors import ConfigurationError, TrainingError
from attrieve.models.retriever import Retriever
from attrieve.training import memory
from attrieve.training.card import read_provenance
from attrieve.training.memory import (
    Shortage,
    more_pieces,
    piece_bounds,
    place_images,
    record_pieces,
    recorded_pieces,
    smallest_piece,
)
from attrieve.training.run import Machine, train
from training.test_run import Stopped, run, same_weights, stops_in_epoch
from training.tiny import read_lines, tiny_people, tiny_recipe

SHORTAGE = Shortage(1, 10, "CUDA out of memory")
FROZEN = (
    "model.backbone.freeze_batch_norm=true",
    "training.epochs=1",
    "optimiser.name=sgd",
    "optimiser.rate=0.05",
)


def holds(images: int) -> Callable[..., object]:
    """A network that runs out of memory in training with more images than that."""
    forward = Retriever.forward

    def short(self: Retriever, pictures: torch.Tensor, **named: bool) -> object:
        if self.training and len(pictures) > images:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB\nand more advice")
        return forward(self, pictures, **named)

    return short


@given(count=st.integers(1, 70), data=st.data())
def test_pieces_are_a_batch_cut_evenly(count: int, data: st.DataObject) -> None:
    """Each image once, in order; sizes differ by one at most."""
    pieces = data.draw(st.integers(1, count))
    parts = [range(count)[piece_bounds(count, pieces, piece)] for piece in range(pieces)]
    assert [position for part in parts for position in part] == list(range(count))
    assert {len(part) for part in parts} <= {count // pieces, -(-count // pieces)}


@given(batch=st.integers(2, 70), smallest=st.integers(1, 2))
def test_pieces_double_until_they_cannot_be_smaller(batch: int, smallest: int) -> None:
    """Each piece keeps the fewest images there must be; then the run gives up and says why."""
    pieces = 1
    while batch // (pieces + 1) >= smallest:
        more = more_pieces(batch, pieces, smallest, SHORTAGE)
        assert more == 2 * pieces or batch // (more + 1) < smallest
        assert pieces < more
        pieces = more
    assert batch // pieces >= smallest
    with pytest.raises(TrainingError, match="CUDA out of memory"):
        more_pieces(batch, pieces, smallest, SHORTAGE)


def test_batch_norm_wants_two_images() -> None:
    """Unless it learns no statistics."""
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    assert smallest_piece(network) == 2
    assert smallest_piece(network.eval()) == 1
    assert smallest_piece(nn.Linear(2, 2)) == 1


def test_pieces_are_remembered_beside_the_start(tmp_path: Path) -> None:
    """One for a run that says nothing, and for a file nobody can read."""
    assert recorded_pieces(tmp_path) == 1
    (tmp_path / "provenance.json").write_text('{"start": "from scratch"}')
    record_pieces(tmp_path, 4)
    assert recorded_pieces(tmp_path) == 4
    assert (read_provenance(tmp_path) or {})["start"] == "from scratch"
    (tmp_path / "provenance.json").write_text('{"pieces_per_batch": "many"}')
    assert recorded_pieces(tmp_path) == 1


@pytest.mark.parametrize(("batch", "images"), [(8, 2), (5, 3)])
def test_a_batch_in_pieces_makes_the_same_steps(
    batch: int, images: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Augmented, mixed and summed as in one piece, also where the pieces differ in size."""
    changes = (
        *FROZEN,
        f"training.batch={batch}",
        "augmentation.mixup_alpha=0.5",
        "augmentation.erase_probability=0.5",
    )
    recipe = tiny_recipe("attributes", "pooled", *changes)
    whole = run(recipe, tmp_path / "whole")
    monkeypatch.setattr(Retriever, "forward", holds(images))
    pieces = run(recipe, tmp_path / "pieces")
    for (key, one), other in zip(whole.state_dict().items(), pieces.state_dict().values(), strict=True):
        assert torch.allclose(one.double(), other.double(), atol=1e-5), key
    lines = read_lines(tmp_path / "pieces" / "events.csv")
    expected = {2: ["2 pieces", "4 pieces"], 3: ["2 pieces"]}[images]
    assert [line["event"] for line in lines] == ["out of memory"] * len(expected)
    for line, told in zip(lines, expected, strict=True):
        assert told in line["detail"]
        assert "advice" not in line["detail"]
    assert recorded_pieces(tmp_path / "pieces") == {2: 4, 3: 2}[images]
    assert not (tmp_path / "whole" / "events.csv").exists()


def test_a_run_short_of_memory_goes_on_from_its_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The epoch before is not done again; killed later it goes on in pieces, to the very same weights."""
    recipe = tiny_recipe("multi_task", "pooled", "training.batch=8")
    lasting = Retriever.forward

    def falls_short(retriever: Retriever) -> dict[str, float]:
        monkeypatch.setattr(Retriever, "forward", holds(4))
        return {}

    whole = run(recipe, tmp_path / "whole", falls_short)
    (event,) = read_lines(tmp_path / "whole" / "events.csv")
    assert (event["epoch"], event["step"]) == ("1", "5")
    steps = [line["step"] for line in read_lines(tmp_path / "whole" / "validation.csv")]
    assert steps == ["5", "10", "15"]
    monkeypatch.setattr(Retriever, "forward", lasting)
    stop = stops_in_epoch(2)

    def falls_short_and_stops(retriever: Retriever) -> dict[str, float]:
        falls_short(retriever)
        return stop(retriever)

    with pytest.raises(Stopped):
        run(recipe, tmp_path / "cut", falls_short_and_stops)
    assert same_weights(run(recipe, tmp_path / "cut"), whole)
    assert len(read_lines(tmp_path / "cut" / "events.csv")) == 1


def test_too_little_memory_for_anything_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what PyTorch said; several processes are told what to set; validation is told apart."""
    monkeypatch.setattr(Retriever, "forward", holds(0))
    with pytest.raises(TrainingError, match=r"does not hold 2 image\(s\).*CUDA out of memory"):
        run(tiny_recipe("attributes", "pooled"), tmp_path / "one")
    monkeypatch.undo()

    def big(retriever: Retriever) -> dict[str, float]:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(TrainingError, match="for validation after epoch 0"):
        run(tiny_recipe("attributes", "pooled"), tmp_path / "two", big)
    monkeypatch.setattr("attrieve.training.run._fit", lambda *_: SHORTAGE)
    with pytest.raises(TrainingError, match=r"half of training\.batch"):
        train(
            tiny_recipe("attributes", "pooled"),
            tiny_people(),
            tmp_path / "three",
            machine=Machine(accelerator="cpu", devices=2),
        )


def test_a_last_step_of_fewer_batches_is_a_mean_too(tmp_path: Path) -> None:
    """Ten batches where twenty would make a step: the very step of one batch of all images."""
    changes = (*FROZEN, "augmentation.pad_share=0", "augmentation.flip=false")
    many = run(tiny_recipe("attributes", "pooled", *changes, "training.accumulate=20"), tmp_path / "many")
    one = run(tiny_recipe("attributes", "pooled", *changes, "training.batch=40"), tmp_path / "one")
    for (key, tensor), other in zip(one.state_dict().items(), many.state_dict().values(), strict=True):
        assert torch.allclose(tensor.double(), other.double(), atol=1e-6), key


@pytest.mark.parametrize(
    ("where", "free", "held"),
    [
        ("auto", 10**9, "meta"),
        ("auto", 10**5, "cpu"),
        ("auto", None, "cpu"),
        ("device", 10**9, "meta"),
        ("device", None, "meta"),
        ("memory", 10**9, "cpu"),
    ],
)
def test_images_are_held_where_they_fit(
    where: str, free: int | None, held: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """40 images of 6 kB on a device that tells its free memory, or does not."""
    monkeypatch.setattr(memory, "free_bytes", lambda _: free)
    people = tiny_people()
    placed = place_images(people, where, torch.device("meta"))  # type: ignore[arg-type]
    assert {part.device.type for part in (placed.images, placed.values, placed.category)} == {held}
    assert place_images(people, where, torch.device("cpu")) is people  # type: ignore[arg-type]


def test_images_that_must_be_held_but_cannot_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With both numbers."""
    monkeypatch.setattr(memory, "free_bytes", lambda _: 300_000)
    with pytest.raises(ConfigurationError, match=r"245,760 bytes for 40 images.*300,000 free"):
        place_images(tiny_people(), "device", torch.device("meta"))


@pytest.mark.gpu
def test_images_held_on_a_gpu_train_alike(tmp_path: Path) -> None:
    """The first losses are those of images in the main memory."""
    if not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    found = []
    for where in ("memory", "device"):
        recipe = tiny_recipe("multi_task", "transformer", f"training.images_on={where}", dropout=0.0)
        train(recipe, tiny_people(), tmp_path / where, machine=Machine(accelerator="gpu"))
        found.append(float(read_lines(tmp_path / where / "journal.csv")[0]["loss"]))
    assert found[0] == pytest.approx(found[1], rel=1e-2)
