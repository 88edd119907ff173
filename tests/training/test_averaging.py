"""The moving average of the weights."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attrieve.models.retriever import Retriever
from attrieve.training.averaging import AverageWeights, average_decay
from models.tiny import tiny_retriever
from training.test_run import Stopped, run, same_weights, stops_in_epoch
from training.tiny import tiny_recipe


def changed(retriever: Retriever, seed: int) -> Retriever:
    """Other weights, other statistics, another count of batches."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for tensor in [*retriever.parameters(), *retriever.buffers()]:
            if tensor.is_floating_point():
                tensor.copy_(torch.randn(tensor.shape))
            elif tensor.dtype is torch.int64:
                tensor.fill_(seed)
    return retriever


@given(decay=st.floats(0, 0.999), step=st.integers(0, 10**6))
def test_the_decay_warms_up(decay: float, step: int) -> None:
    """Never more than asked, at the start a tenth, in the end what was asked."""
    at_step = average_decay(decay, step)
    assert 0 <= at_step <= decay
    assert at_step <= average_decay(decay, step + 1)
    assert average_decay(decay, 0) == min(decay, 0.1)
    assert average_decay(decay, 10**6) == decay


def test_the_average_is_the_sum_with_falling_weights() -> None:
    """Weights and BatchNorm statistics: sum over steps of (1 - d_t) prod_{u > t} d_u x_t, in float64."""
    retriever = tiny_retriever()
    average = AverageWeights(retriever, 0.25)
    seen = [{key: tensor.clone() for key, tensor in retriever.state_dict().items()}]
    for step in range(5):
        changed(retriever, step + 1)
        average.update(retriever, step)
        seen.append({key: tensor.clone() for key, tensor in retriever.state_dict().items()})
    decays = [min(0.25, (1 + step) / (10 + step)) for step in range(5)]
    for key, tensor in average.retriever.state_dict().items():
        if not tensor.is_floating_point():
            assert torch.equal(tensor, seen[-1][key])
            continue
        expected = seen[0][key].double()
        for decay, after in zip(decays, seen[1:], strict=True):
            expected = decay * expected + (1 - decay) * after[key].double()
        assert torch.allclose(tensor.double(), expected, atol=1e-5), key


def test_what_does_not_move_stays_exactly() -> None:
    """The average of equal numbers is that number, bit for bit; nothing of it learns."""
    retriever = tiny_retriever()
    average = AverageWeights(retriever, 0.9)
    for step in range(20):
        average.update(retriever, step)
    assert same_weights(average.retriever, retriever)
    assert not any(parameter.requires_grad for parameter in average.parameters())
    assert not average.train().retriever.training


def test_a_run_keeps_its_average_and_goes_on_with_it(tmp_path: Path) -> None:
    """Judged and saved is the average; a run stopped in an epoch ends at the same average bit for bit."""
    averaging = tiny_recipe("attributes", "pooled", "training.average_decay=0.8")
    judged: list[dict[str, torch.Tensor]] = []

    def remember(retriever: Retriever) -> dict[str, float]:
        judged.append({key: tensor.clone() for key, tensor in retriever.state_dict().items()})
        return {}

    whole = run(averaging, tmp_path / "whole", remember)
    assert all(torch.equal(judged[-1][key], tensor) for key, tensor in whole.state_dict().items())
    assert same_weights(whole, Retriever.from_pretrained(tmp_path / "whole"))
    with pytest.raises(Stopped):
        run(averaging, tmp_path / "cut", stops_in_epoch(1))
    assert same_weights(run(averaging, tmp_path / "cut"), whole)
    plain = run(tiny_recipe("attributes", "pooled"), tmp_path / "plain")
    state = torch.load(tmp_path / "whole" / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    for key, tensor in plain.state_dict().items():  # the average changes nothing about what it averages
        assert torch.equal(state[f"retriever.{key}"], tensor), key
    assert not same_weights(plain, whole)
