"""Soft targets against their loop twin, at both ends of the temperature, with unknown values."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import TypeCheckError
from torch import Tensor

from attrieve.errors import ConfigurationError, InputError
from attrieve.losses.soft_targets import overlap_targets
from reference.losses import overlap_target


def draw(seed: int, categories: int = 7, lowest: int = -1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(lowest, 2, (categories, 5), generator=generator).to(torch.int8)


@given(seed=st.integers(0, 10_000), temperature=st.floats(0.1, 20), categories=st.integers(1, 9))
def test_equals_the_loop_twin(seed: int, temperature: float, categories: int) -> None:
    """Attribute by attribute, unknown values differing from nothing."""
    values = draw(seed, categories)
    found = overlap_targets(values[:4], values, temperature=temperature)
    expected = [overlap_target(row, values.tolist(), temperature) for row in values[:4].tolist()]
    torch.testing.assert_close(found, torch.tensor(expected), rtol=1e-4, atol=1e-6)


@given(seed=st.integers(0, 10_000))
def test_from_hard_to_indifferent(seed: int) -> None:
    """Cold: everything on equals. Hot: all alike. Always the own category at least as much as any other."""
    values = torch.unique(draw(seed, lowest=0), dim=0)
    rows = torch.arange(len(values))
    cold = overlap_targets(values, values, temperature=1e-3)
    torch.testing.assert_close(cold, torch.eye(len(values)))
    hot = overlap_targets(values, values, temperature=1e6)
    torch.testing.assert_close(hot, torch.full_like(hot, 1 / len(values)), rtol=1e-4, atol=1e-6)
    mild = overlap_targets(values, values, temperature=2.0)
    assert torch.equal(mild.argmax(dim=1), rows)
    torch.testing.assert_close(mild.sum(dim=1), torch.ones(len(values)))


def test_refusals() -> None:
    """A temperature of 0, and samples of another vocabulary."""
    with pytest.raises(ConfigurationError, match=r"above 0, got 0\.0"):
        overlap_targets(draw(1), draw(2), temperature=0.0)
    # the live type check may speak first
    with pytest.raises((InputError, TypeCheckError), match=r"5 attributes .*, got 3|i8\[7,5\]"):
        overlap_targets(draw(1)[:, :3], draw(2))
