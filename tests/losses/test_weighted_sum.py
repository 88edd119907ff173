"""The weighted sum keeps its parts by name, and says which of them broke."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attrieve.errors import ConfigurationError, NonFiniteLossError
from attrieve.losses.weighted_sum import require_finite, weighted_sum

numbers = st.floats(-100, 100)


@given(st.dictionaries(st.text(min_size=1, max_size=3), st.tuples(numbers, numbers), min_size=1, max_size=5))
def test_total_is_the_sum_of_products(table: dict[str, tuple[float, float]]) -> None:
    """The total agrees with plain arithmetic; the parts come back unweighted."""
    parts = {name: torch.tensor(value, dtype=torch.float64) for name, (value, _) in table.items()}
    loss = weighted_sum(parts, {name: weight for name, (_, weight) in table.items()})
    expected = math.fsum(value * weight for value, weight in table.values())
    assert loss.total.item() == pytest.approx(expected, abs=1e-9)
    assert {name: part.item() for name, part in loss.parts.items()} == {n: v for n, (v, _) in table.items()}


def test_total_has_a_graph_and_parts_have_none() -> None:
    """The gradient of each part is its weight; parts are safe to keep."""
    first, second = torch.tensor(2.0, requires_grad=True), torch.tensor(3.0, requires_grad=True)
    loss = weighted_sum({"par": first * 1, "ma": second * 1}, {"par": 0.5, "ma": 4.0})
    loss.total.backward()
    assert (first.grad, second.grad) == (torch.tensor(0.5), torch.tensor(4.0))
    assert not any(part.requires_grad for part in loss.parts.values())


def test_weight_zero_switches_a_part_off() -> None:
    """A part of weight 0 cannot spoil the total, but is still written down and still found."""
    parts = {"par": torch.tensor(2.0), "ma": torch.tensor(math.nan)}
    loss = weighted_sum(parts, {"par": 1.0, "ma": 0.0})
    assert loss.total.item() == 2.0
    assert loss.parts["ma"].isnan()


def test_finite_check_names_the_part() -> None:
    """The error names each broken part with its value, and no other."""
    loss = weighted_sum({"par": torch.tensor(1.0), "ma": torch.tensor(math.nan)}, {"par": 1.0, "ma": 1.0})
    with pytest.raises(NonFiniteLossError, match="got ma = nan;"):
        require_finite(loss)
    require_finite(weighted_sum({"par": torch.tensor(1.0)}, {"par": 1.0}))


def test_finite_check_sees_an_overflowing_total() -> None:
    """Finite parts whose weighted sum overflows are refused too."""
    with pytest.raises(NonFiniteLossError, match="total = inf"):
        require_finite(weighted_sum({"par": torch.tensor(3e38)}, {"par": 100.0}))


def test_refusals() -> None:
    """Names must agree, parts be scalars, weights finite, and something must be there."""
    one = torch.tensor(1.0)
    with pytest.raises(ConfigurationError, match="every loss part needs one weight"):
        weighted_sum({"par": one}, {"ma": 1.0})
    with pytest.raises(ConfigurationError, match="every loss part"):
        weighted_sum({}, {})
    with pytest.raises(ConfigurationError, match=r"scalar, got shape \(2,\)"):
        weighted_sum({"par": torch.ones(2)}, {"par": 1.0})
    with pytest.raises(ConfigurationError, match="must be finite"):
        weighted_sum({"par": one}, {"par": math.inf})


def test_parts_without_weight_are_named_though_the_total_is_finite() -> None:
    """Two parts that take no part in the total may both be wrong."""
    bad = torch.tensor(float("nan"))
    loss = weighted_sum(
        {"par": torch.tensor(1.0), "ma": bad, "asmr": bad}, {"par": 1.0, "ma": 0.0, "asmr": 0.0}
    )
    with pytest.raises(NonFiniteLossError, match="got ma = nan, asmr = nan;"):
        require_finite(loss)
