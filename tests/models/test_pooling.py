"""Pooling against loops over positions, its limits, and its gradients."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attrieve.errors import ConfigurationError
from attrieve.models.configuration import PoolingKind
from attrieve.models.pooling import MapPooling
from reference.pooling import pool_map

KINDS = tuple(PoolingKind)


def draw(seed: int, rows: int = 5, columns: int = 3) -> torch.Tensor:
    return torch.rand(2, 4, rows, columns, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 10_000), rows=st.integers(1, 7), parts=st.integers(1, 4))
def test_equals_the_loop_twin(kind: PoolingKind, seed: int, rows: int, parts: int) -> None:
    """Every kind and number of stripes, even and uneven ones; more stripes than rows are refused."""
    feature_map, pooling = draw(seed, rows), MapPooling(4, kind, parts)
    if parts > rows:
        with pytest.raises(ConfigurationError, match=rf"{rows} rows has no {parts} stripes"):
            pooling(feature_map)
        return
    found = pooling(feature_map)
    expected = torch.tensor([pool_map(image, kind.value, parts, 3.0) for image in feature_map.tolist()])
    assert found.shape == (2, pooling.channels)
    torch.testing.assert_close(found, expected)


def test_the_average_of_the_whole_map_is_what_it_was() -> None:
    """Bit for bit the mean over both axes, and nothing to learn or to store."""
    feature_map, pooling = draw(1), MapPooling(4, PoolingKind.AVERAGE)
    assert torch.equal(pooling(feature_map), feature_map.mean(dim=(2, 3)))
    assert pooling.state_dict() == {}


def test_the_generalised_mean_lies_between_mean_and_maximum() -> None:
    """p = 1 is the mean, a large p nears the maximum, and it grows with p."""
    feature_map, pooling = draw(2), MapPooling(4, PoolingKind.GENERALISED_MEAN)
    found = []
    for exponent in (1.0, 2.0, 3.0, 8.0, 200.0):
        torch.nn.init.constant_(pooling.exponent, exponent)
        found.append(pooling(feature_map).detach())
    torch.testing.assert_close(found[0], feature_map.mean(dim=(2, 3)))
    torch.testing.assert_close(found[-1], feature_map.amax(dim=(2, 3)), rtol=0.02, atol=0.0)
    for lower, higher in itertools.pairwise(found):
        assert (lower < higher).all()


def test_the_exponent_is_learnt() -> None:
    """Gradients agree with finite differences, in the map and in p."""
    pooling = MapPooling(4, PoolingKind.GENERALISED_MEAN, parts=2)

    def pooled(feature_map: torch.Tensor, exponent: torch.Tensor) -> object:
        return torch.func.functional_call(pooling, {"exponent": exponent}, (feature_map,))

    feature_map = (draw(3).double() + 0.1).requires_grad_()
    exponent = torch.tensor([3.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(pooled, (feature_map, exponent))


@pytest.mark.parametrize("value", [0.0, -2.0])
def test_maps_without_positive_values_stay_finite(value: float) -> None:
    """A channel that is silent everywhere pools to nearly 0 with finite gradients."""
    feature_map = torch.full((1, 2, 3, 2), value, requires_grad=True)
    pooling = MapPooling(2, PoolingKind.GENERALISED_MEAN)
    pooled = pooling(feature_map)
    pooled.sum().backward()
    assert pooled.abs().max() < 1e-5
    assert feature_map.grad is not None
    assert feature_map.grad.isfinite().all()
    assert pooling.exponent.grad is not None
    assert pooling.exponent.grad.isfinite().all()


def test_half_precision_does_not_overflow() -> None:
    """Powers of large values are taken in float32."""
    pooling = MapPooling(1, PoolingKind.GENERALISED_MEAN)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        pooled = pooling(torch.full((1, 1, 4, 2), 600.0, dtype=torch.bfloat16))
    assert pooled.dtype == torch.float32
    assert pooled.item() == pytest.approx(600.0, rel=1e-2)
