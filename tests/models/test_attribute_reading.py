"""Only the attributes asked are computed: the same as when everything is."""

import pytest
import torch

from attrieve.models.attribute_reading import read_attributes
from attrieve.models.heat_maps import HeatMapMethod, explain_images
from attrieve.models.retriever import Retriever
from models.tiny import random_pixels, tiny_retriever
from reference.whole_rollout import whole_rollout

NORMS = ["none", "attribute", "instance", "both"]
ASKED = (4, 1)


def normalised(norm: str) -> Retriever:
    """A retriever whose normalisation has seen images."""
    retriever = tiny_retriever("multi_task", logit_norm=norm)
    if retriever.logit_norm is not None and retriever.logit_norm.over_images is not None:
        retriever.logit_norm.over_images.running_mean.copy_(torch.linspace(-1, 1, 6))
        retriever.logit_norm.over_images.running_var.copy_(torch.linspace(0.5, 2, 6))
    return retriever


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("with_attention", [False, True])
def test_logits_are_those_of_the_whole_head(norm: str, with_attention: bool) -> None:
    """In the order asked, whatever normalises them; the attention of the last block has their rows."""
    retriever = normalised(norm)
    with torch.no_grad():
        feature_map = retriever.backbone(retriever.prepare(random_pixels(3)))
        expected = retriever.describe_map(feature_map, with_attention=True)
        found = read_attributes(
            retriever, retriever.visual_tokens(feature_map), ASKED, with_attention=with_attention
        )
    torch.testing.assert_close(found.logits, expected.logits[:, ASKED], rtol=1e-4, atol=1e-5)
    assert len(found.attention) == (2 if with_attention else 0)
    if with_attention:
        tokens = [found.visual + attribute for attribute in ASKED]
        torch.testing.assert_close(found.attention[0], expected.attention[0])
        torch.testing.assert_close(
            found.attention[1][:, :, found.rows], expected.attention[1][:, :, tokens], rtol=1e-4, atol=1e-6
        )


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("method", [HeatMapMethod.ROLLOUT, HeatMapMethod.GRADIENT_ROLLOUT])
def test_maps_are_those_of_the_whole_head(norm: str, method: HeatMapMethod) -> None:
    """Full products over all tokens of all blocks, scaled, give the maps of the attributes asked."""
    retriever = normalised(norm)
    images = random_pixels(3)
    maps = whole_rollout(retriever, images, with_slopes=method is HeatMapMethod.GRADIENT_ROLLOUT)[:, ASKED]
    if method is HeatMapMethod.ROLLOUT:
        maps = maps - maps.amin(dim=2, keepdim=True)
    expected = maps / maps.amax(dim=2, keepdim=True)
    found = explain_images(retriever, images, attributes=ASKED, method=method)
    torch.testing.assert_close(found.values.flatten(2), expected, rtol=1e-3, atol=1e-4)
