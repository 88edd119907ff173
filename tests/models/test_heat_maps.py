"""Heat maps: range, scale, independence of company, every backbone and both heads, clear refusals."""

import pytest
import torch

from attrieve.errors import ConfigurationError, InputError
from attrieve.models.configuration import BackboneSettings
from attrieve.models.heat_maps import HeatMapMethod, default_method, explain_images
from attrieve.models.retriever import Retriever
from attrieve.models.token_occlusion import token_occlusion
from models.tiny import NAMES, random_pixels, tiny_retriever, tiny_schema, tiny_settings

TRANSFORMER = [HeatMapMethod.ROLLOUT, HeatMapMethod.GRADIENT_ROLLOUT, HeatMapMethod.OCCLUSION]
CASES = [("transformer", method) for method in TRANSFORMER] + [("pooled", HeatMapMethod.ACTIVATION)]


@pytest.mark.parametrize(("head", "method"), CASES)
@pytest.mark.parametrize("kind", ["attributes", "multi_task"])
def test_maps_lie_in_their_range_and_come_with_the_probability(
    kind: str, head: str, method: HeatMapMethod
) -> None:
    """From 0 to 1, the largest exactly 1; the probability is that of an ordinary pass."""
    retriever = tiny_retriever(kind, head)
    images = random_pixels(3)
    found = explain_images(retriever, images, method=method)
    stride = retriever.backbone.stride * (2 if head == "transformer" else 1)
    assert found.values.shape == (3, len(NAMES), 64 // stride, 32 // stride)
    assert found.method is method
    most = found.values.amax(dim=(2, 3))
    assert bool(((most == 1) | (most == 0)).all())
    assert float(found.values.min()) >= 0
    assert float(most.max()) == 1.0
    torch.testing.assert_close(
        found.probability, retriever.embed_images(images).probability, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(("head", "method"), CASES)
def test_company_and_choice_of_attributes_change_nothing(head: str, method: HeatMapMethod) -> None:
    """An image alone, among others, or over the size of a batch; an attribute alone or among all."""
    retriever = tiny_retriever("multi_task", head)
    images = random_pixels(18)
    together = explain_images(retriever, images, method=method)
    alone = explain_images(retriever, images[17:], attributes=[4, 1], method=method)
    torch.testing.assert_close(alone.values, together.values[17:, [4, 1]], rtol=1e-3, atol=1e-4)
    assert alone.attributes == (4, 1)
    torch.testing.assert_close(alone.probability, together.probability[17:, [4, 1]], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["mobilenetv2", "pvtv2-b0", "resnet18"])
def test_every_kind_of_backbone_is_explained(name: str) -> None:
    """Attention of the head is rolled out whatever makes the feature map."""
    backbone = BackboneSettings(name=name, stage=3 if name == "pvtv2-b0" else 4)  # a map of 4x2
    settings = tiny_settings("attributes").model_copy(update={"backbone": backbone})
    retriever = Retriever(settings, tiny_schema()).eval()
    found = explain_images(retriever, random_pixels(1), attributes=[2])
    assert found.values.numel() >= 1
    assert float(found.values.max()) in (0.0, 1.0)
    assert default_method(retriever) is found.method


def test_under_inference_mode_and_with_frozen_weights() -> None:
    """A service that turned gradients off gets the same maps, and its weights stay without gradients."""
    retriever = tiny_retriever("multi_task")
    images = random_pixels(2)
    expected = explain_images(retriever, images, method=HeatMapMethod.GRADIENT_ROLLOUT)
    retriever.requires_grad_(False)
    with torch.inference_mode():
        found = explain_images(retriever, images, method=HeatMapMethod.GRADIENT_ROLLOUT)
    torch.testing.assert_close(found.values, expected.values)
    assert all(parameter.grad is None for parameter in retriever.parameters())


def test_the_mode_of_the_model_comes_back() -> None:
    """Dropout is off while maps are made, and on again afterwards."""
    retriever = tiny_retriever("attributes").train()
    one, two = (explain_images(retriever, random_pixels(2)) for _ in range(2))
    assert torch.equal(one.values, two.values)
    assert retriever.training


def test_occlusion_is_the_fall_of_the_logit() -> None:
    """Every token is left out in turn, by hand."""
    retriever = tiny_retriever("attributes")
    with torch.no_grad():
        feature_map = retriever.backbone(retriever.prepare(random_pixels(2)))
        found = token_occlusion(retriever, feature_map, [3])
        tokens = retriever.visual_tokens(feature_map)
        whole = retriever.describe_map(feature_map).logits[:, 3]
        for left_out in range(tokens.shape[1]):
            kept = [index for index in range(tokens.shape[1]) if index != left_out]
            own = retriever.attribute_tokens.expand(2, -1, -1)
            mixed, _ = retriever.transformer(torch.cat([tokens[:, kept], own], dim=1))
            expected = whole - retriever.attribute_head(mixed[:, len(kept) :])[:, 3]
            torch.testing.assert_close(found[:, 0, left_out], expected, rtol=1e-3, atol=1e-4)


def test_no_images_give_no_maps() -> None:
    """Nothing in, nothing out."""
    found = explain_images(tiny_retriever("attributes"), random_pixels(0), attributes=[1, 2])
    assert found.values.shape[:2] == (0, 2)
    assert found.probability.shape == (0, 2)


def test_what_cannot_be_explained_is_refused() -> None:
    """Embeddings without attributes, methods of the other head, images and attributes that do not fit."""
    with pytest.raises(ConfigurationError, match="embeds only"):
        explain_images(tiny_retriever("embedding"), random_pixels(1))
    with pytest.raises(ConfigurationError, match="it knows activation"):
        explain_images(tiny_retriever("attributes", "pooled"), random_pixels(1), method=HeatMapMethod.ROLLOUT)
    retriever = tiny_retriever("attributes")
    with pytest.raises(InputError, match="64x32"):
        explain_images(retriever, random_pixels(1)[:, :32])
    with pytest.raises(InputError, match="there is no 6"):
        explain_images(retriever, random_pixels(1), attributes=[0, 6])
