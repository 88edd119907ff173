"""Normalised logits against loops, in training and afterwards."""

import statistics

import pytest
import torch
from torch import Tensor

from attrieve.models.configuration import LogitNormKind
from attrieve.models.logit_norm import LogitNorm

KINDS = (LogitNormKind.ATTRIBUTE, LogitNormKind.INSTANCE, LogitNormKind.BOTH)


def draw(seed: int = 0, batch: int = 7) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 4 * torch.randn(batch, 5, generator=generator) + torch.arange(5)


def standardised(rows: list[list[float]]) -> list[list[float]]:
    return [
        [(value - statistics.fmean(row)) / (statistics.pvariance(row) + 1e-5) ** 0.5 for value in row]
        for row in rows
    ]


def turned(rows: list[list[float]]) -> list[list[float]]:
    return [list(column) for column in zip(*rows, strict=True)]


@pytest.mark.parametrize("kind", KINDS)
def test_training_equals_the_loops(kind: LogitNormKind) -> None:
    """Over images first, over attributes then, gain and shift last."""
    norm, logits = LogitNorm(5, kind).train(), draw()
    torch.nn.init.normal_(norm.gain)
    torch.nn.init.normal_(norm.shift)
    rows = logits.tolist()
    if kind != LogitNormKind.INSTANCE:
        rows = turned(standardised(turned(rows)))
    if kind != LogitNormKind.ATTRIBUTE:
        rows = standardised(rows)
    torch.testing.assert_close(
        norm(logits), norm.gain * torch.tensor(rows) + norm.shift, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("kind", KINDS)
def test_evaluation_does_not_look_at_the_batch(kind: LogitNormKind) -> None:
    """An image's logits are the same alone, among others, and in a batch of one; nothing is remembered."""
    norm = LogitNorm(5, kind)
    for seed in range(5):
        norm.train()(draw(seed))
    state = {name: value.clone() for name, value in norm.state_dict().items()}
    norm.eval()
    together = norm(draw(9))
    for index in range(7):
        torch.testing.assert_close(norm(draw(9)[index : index + 1]), together[index : index + 1])
    assert all(torch.equal(value, state[name]) for name, value in norm.state_dict().items())


def test_running_statistics_near_those_of_the_data() -> None:
    """After many batches evaluation standardises as training does."""
    norm = LogitNorm(5, LogitNormKind.ATTRIBUTE).train()
    for seed in range(200):
        norm(draw(seed, batch=64))
    found = norm.eval()(draw(1000, batch=4000))
    torch.testing.assert_close(found.mean(dim=0), torch.zeros(5), rtol=0, atol=0.1)
    torch.testing.assert_close(found.std(dim=0), torch.ones(5), rtol=0, atol=0.1)


def test_scale_and_offset_of_an_attribute_or_an_image_do_not_matter() -> None:
    """Which one, the kind says."""
    logits = draw()
    per_attribute = logits * torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0]) + torch.arange(5)
    per_image = logits * torch.arange(1.0, 8.0)[:, None] - torch.arange(7.0)[:, None]
    for kind, moved, kept in (
        (LogitNormKind.ATTRIBUTE, per_attribute, per_image),
        (LogitNormKind.INSTANCE, per_image, per_attribute),
    ):
        norm = LogitNorm(5, kind).train()
        plain = norm(logits)
        torch.testing.assert_close(norm(moved), plain, rtol=1e-3, atol=1e-3)
        assert (norm(kept) - plain).abs().max() > 0.1


def test_equal_logits_stay_finite() -> None:
    """An image that says the same of everything, a batch that says the same of everyone."""
    logits = torch.full((3, 5), 2.0, requires_grad=True)
    for kind in KINDS:
        normal = LogitNorm(5, kind).train()(logits)
        normal.square().sum().backward()
        assert torch.equal(normal, torch.zeros(3, 5))
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_float32_inside_autocast() -> None:
    """bfloat16 logits are normalised in float32."""
    low = draw().bfloat16()
    for kind in KINDS:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            inside = LogitNorm(5, kind).train()(low)
        assert inside.dtype == torch.float32
        torch.testing.assert_close(inside, LogitNorm(5, kind).train()(low.float()), rtol=0, atol=0)
