"""One step of training, looked at from outside the trainer."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from attrieve.data.augmentation import Mixture
from attrieve.data.batch import EpochBatches, PersonBatch
from attrieve.data.sampling import WeightedBatches, person_weights
from attrieve.training.lightning import RetrieverTraining
from attrieve.training.run import build_retriever
from environments import environment_with_tests
from training.tiny import tiny_people, tiny_recipe


def training_of(*arguments: str) -> RetrieverTraining:
    recipe = tiny_recipe(*arguments)
    people = tiny_people()
    return RetrieverTraining(recipe, build_retriever(recipe, people), people)


def first_batch(count: int) -> PersonBatch:
    people = tiny_people()
    return PersonBatch(people.images[:count], people.values[:count], people.category[:count])


@torch.no_grad()
def test_mixed_losses_are_the_loss_of_mixed_labels() -> None:
    """For unweighted binary cross-entropy, by PyTorch's own over soft labels."""
    training = training_of("attributes", "pooled", "loss.attributes.weighting=none")
    batch = first_batch(4)
    output = training.retriever(training.retriever.prepare(batch.images))
    mixture = Mixture(torch.tensor([2, 3, 1, 0]), 0.7)
    labels = 0.7 * batch.values.float() + 0.3 * batch.values[mixture.partner].float()
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        output.logits, labels, reduction="none"
    ).sum(dim=1)
    loss = training._loss(output, batch, mixture, slice(0, 4))
    assert float(loss.total) == pytest.approx(float(expected.mean()), rel=1e-5)
    assert float(loss.parts["par"]) == pytest.approx(float(loss.total))


@pytest.mark.parametrize("share", [0.0, 1.0])
@torch.no_grad()
def test_a_whole_share_is_one_loss(share: float) -> None:
    """All parts, embedding and regulariser included."""
    training = training_of("multi_task", "transformer").eval()
    batch = first_batch(4)
    partner = torch.tensor([1, 2, 3, 0])
    other = PersonBatch(batch.images, batch.values[partner], batch.category[partner])
    output = training.retriever(training.retriever.prepare(batch.images))
    mixed = training._loss(output, batch, Mixture(partner, share), slice(0, 4))
    expected: Any = training.objective(output, training.retriever.query, batch if share else other)
    assert float(mixed.total) == pytest.approx(float(expected.total))
    for name, part in expected.parts.items():
        assert float(mixed.parts[name]) == pytest.approx(float(part)), name


@pytest.mark.parametrize("sampling", ["uniform", "rare_attributes", "categories"])
def test_batches_come_as_the_recipe_samples(sampling: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order of that way of sampling, whatever the epoch."""
    training = training_of("attributes", "pooled", f"data.sampling={sampling}")
    monkeypatch.setattr(RetrieverTraining, "trainer", SimpleNamespace(global_rank=1, world_size=2))
    people = tiny_people()
    order: EpochBatches = EpochBatches(40, 4, 0, process=1, processes=2)
    if sampling != "uniform":
        weights = person_weights(sampling, people.values, people.category)  # type: ignore[arg-type]
        order = WeightedBatches(weights, 4, 0, process=1, processes=2)
    order.set_epoch(3)
    batches = training._order()
    batches.set_epoch(3)
    assert list(batches) == list(order)
    assert len(order) == 5


COMPILED = """
import functools, sys
from pathlib import Path
import torch
from attrieve.training.run import Machine, train
from models.tiny import tiny_backbone
from training.tiny import tiny_people, tiny_recipe
torch.set_num_threads(1)
torch.compile = functools.partial(torch.compile, backend="aot_eager")  # no kernels to build
with tiny_backbone():
    runs = []
    for compiled in ("false", "true"):
        recipe = tiny_recipe("multi_task", "pooled", f"training.compile={compiled}", "training.epochs=1")
        runs.append(train(recipe, tiny_people(), Path(sys.argv[1]) / compiled, machine=Machine("cpu")))
    for (key, one), other in zip(runs[0].state_dict().items(), runs[1].state_dict().values(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-2, atol=1e-3)
print(runs[0].state_dict().keys() == runs[1].state_dict().keys())
"""


@pytest.mark.slow
def test_a_compiled_run_ends_where_a_plain_one_does(tmp_path: Path) -> None:
    """With the same names of weights; apart, as live type checks cannot be traced."""
    command = [sys.executable, "-W", "ignore", "-c", COMPILED, str(tmp_path)]
    done = subprocess.run(command, env=environment_with_tests(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
