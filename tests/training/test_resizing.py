"""Smaller images in the first epochs."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attrieve.errors import ConfigurationError
from attrieve.models.retriever import Retriever
from attrieve.training.resizing import cost_of_steps, require_sizes, shrink_pixels, size_in_epoch
from models.tiny import tiny_retriever
from reference.triangle_resize import resize
from training.test_run import Stopped, run, same_weights, stops_in_epoch
from training.tiny import tiny_recipe


@given(lengths=st.lists(st.integers(1, 4), max_size=4), epoch=st.integers(0, 20))
def test_stages_follow_each_other(lengths: list[int], epoch: int) -> None:
    """As a list that holds each size once per epoch; behind its end the model's own size."""
    stages = [(32 + 2 * index, 16 + index, epochs) for index, epochs in enumerate(lengths)]
    written_out = [(height, width) for height, width, epochs in stages for _ in range(epochs)]
    expected = written_out[epoch] if epoch < len(written_out) else None
    assert size_in_epoch(stages, epoch) == expected


@given(
    shares=st.lists(st.floats(0.01, 1), min_size=1, max_size=6),
    per_epoch=st.integers(1, 9),
    data=st.data(),
)
def test_steps_cost_what_their_epoch_does(shares: list[float], per_epoch: int, data: st.DataObject) -> None:
    """Against the sum step by step."""
    written_out = [share for share in shares for _ in range(per_epoch)]
    step = data.draw(st.integers(0, len(written_out)))
    found = cost_of_steps(step, of=len(written_out), shares=shares)
    assert found == pytest.approx(sum(written_out[:step]))
    assert cost_of_steps(step, of=len(written_out), shares=[]) == step


def test_shrinking_is_that_of_decoding() -> None:
    """A triangle filter over all pixels; nothing to do leaves the images as they are."""
    images = torch.randint(
        0, 256, (2, 16, 8, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    shrunk = shrink_pixels(images, (6, 5))
    assert shrunk.dtype == torch.uint8
    for image, result in zip(images, shrunk, strict=True):
        assert np.abs(result.numpy() - resize(image.double().numpy(), 6, 5)).max() <= 0.5 + 1e-4
    assert shrink_pixels(images, None) is images
    assert shrink_pixels(images, (16, 8)) is images


@pytest.mark.parametrize("head", ["pooled", "transformer"])
def test_sizes_are_tried_before_training(head: str) -> None:
    """Larger ones, and maps that do not split into patches, are refused; the model is left as it was."""
    retriever = tiny_retriever("multi_task", head).train()
    require_sizes(retriever, [(32, 16, 1), (64, 32, 1)] if head == "pooled" else [(64, 32, 1)])
    assert retriever.training
    with pytest.raises(ConfigurationError, match="128x32, larger than the model's own 64x32"):
        require_sizes(retriever, [(128, 32, 1)])
    if head == "transformer":
        with pytest.raises(
            ConfigurationError, match=r"48x32, which this model cannot look at.*whole patches"
        ):
            require_sizes(retriever, [(48, 32, 1)])


def test_more_epochs_of_stages_than_epochs_are_refused() -> None:
    """When the recipe is read."""
    with pytest.raises(ConfigurationError, match=r"holds 4 epochs, more than training\.epochs = 3"):
        tiny_recipe("attributes", "pooled", "training.sizes=[[32, 16, 4]]")


def test_a_run_sees_its_stages_and_survives_a_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes as asked in each epoch; a stopped run ends at the same weights."""
    recipe = tiny_recipe("attributes", "pooled", "training.sizes=[[32, 16, 1], [48, 24, 1]]")
    forward, seen = Retriever.forward, []

    def watched(self: Retriever, images: torch.Tensor) -> object:
        seen.append(tuple(images.shape[2:]))
        return forward(self, images)

    monkeypatch.setattr(Retriever, "forward", watched)
    whole = run(recipe, tmp_path / "whole")
    tried = [(32, 16), (48, 24)]
    assert seen == [*tried, *[(32, 16)] * 10, *[(48, 24)] * 10, *[(64, 32)] * 10]
    with pytest.raises(Stopped):
        run(recipe, tmp_path / "cut", stops_in_epoch(1))
    assert same_weights(run(recipe, tmp_path / "cut"), whole)
