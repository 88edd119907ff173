"""Maps of pooled heads sum to the logit, whatever is pooled, projected or normalised."""

import itertools

import numpy as np
import pytest
import torch

from attrieve.models.class_activation import activation_map
from attrieve.models.configuration import LogitNormKind, PoolingKind
from attrieve.models.pooling import MapPooling, pooled_shares
from attrieve.models.retriever import Retriever
from models.tiny import random_pixels, tiny_retriever
from reference.heat_maps import pool_position_by_position

KINDS = list(PoolingKind)


@pytest.mark.parametrize(("kind", "parts"), list(itertools.product(KINDS, (1, 2, 3))))
def test_shares_equal_their_loop_twin_and_sum_to_the_pooled_vector(kind: PoolingKind, parts: int) -> None:
    """Uneven stripes, negative values and all kinds of pooling."""
    pooling = MapPooling(3, kind, parts).double()
    feature_map = torch.randn(2, 3, 7, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(parts))
    weight = torch.randn(5, pooling.channels, dtype=torch.float64, generator=torch.Generator().manual_seed(9))
    found = pooled_shares(pooling, feature_map, weight).detach()
    torch.testing.assert_close(found.sum(dim=(2, 3)), pooling(feature_map).detach() @ weight.T)
    widths = weight.shape[1] // parts
    for image in range(2):
        stripes = np.array_split(feature_map[image].numpy(), parts, axis=1)
        rows = []
        for number, stripe in enumerate(stripes):
            shares = pool_position_by_position(stripe, kind.value, exponent=3.0)
            own = weight[:, number * widths : (number + 1) * widths].numpy()
            rows.append(np.einsum("chw,ac->ahw", shares, own))
        np.testing.assert_allclose(found[image].numpy(), np.concatenate(rows, axis=1), rtol=1e-6)


SWITCHES: list[dict[str, object]] = [
    {},
    {"pooling": PoolingKind.GENERALISED_MEAN, "parts": 2},
    {"pooling": PoolingKind.AVERAGE_AND_MAXIMUM, "spatial_projection": True},
    {"logit_norm": LogitNormKind.ATTRIBUTE, "heads_ensemble": 2},
    {"logit_norm": LogitNormKind.INSTANCE},
    {"logit_norm": LogitNormKind.BOTH, "parts": 4, "heads_ensemble": 3},
]


def heads_of(retriever: Retriever) -> list[torch.nn.Module]:
    return [retriever, *retriever.more_heads]


@pytest.mark.parametrize("switches", SWITCHES)
@pytest.mark.parametrize("kind", ["attributes", "multi_task"])
def test_maps_sum_to_the_logits(kind: str, switches: dict[str, object]) -> None:
    """What positions add, and the rest, are the logits the retriever gives."""
    retriever = tiny_retriever(kind, "pooled", **switches)
    for module in retriever.modules():  # running statistics that are not 0 and 1
        if isinstance(module, torch.nn.BatchNorm1d):
            torch.nn.init.uniform_(module.running_mean, -1, 1)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
    with torch.no_grad():
        images = retriever.prepare(random_pixels(3))
        expected = retriever(images).logits
        found = activation_map(heads_of(retriever), retriever.backbone(images))
    torch.testing.assert_close(found.logits, expected, rtol=1e-4, atol=1e-4)
    assert found.positions.shape[:2] == expected.shape
    assert float(found.positions.std()) > 0
