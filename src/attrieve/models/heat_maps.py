"""Where in an image a retriever finds its attributes: one map per image and attribute."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

from attrieve.errors import ConfigurationError, InputError
from attrieve.models.attention_relevance import gradient_rollout, roll_out
from attrieve.models.attribute_reading import read_attributes
from attrieve.models.class_activation import activation_map
from attrieve.models.pooled_head import PooledHead, PooledParts
from attrieve.models.retriever import Retriever
from attrieve.models.token_occlusion import token_occlusion

IMAGES_AT_ONCE = 16
"""Images that share a forward pass; the maps do not depend on it."""


class HeatMapMethod(StrEnum):
    """How a heat map is made; ``docs/methods/explanations.md`` compares them on drawn people."""

    ROLLOUT = "rollout"
    """Attention of the attribute token, rolled out through the blocks. Transformer heads."""
    GRADIENT_ROLLOUT = "gradient_rollout"
    """The same, each attention weighted by what it does for the logit. Transformer heads."""
    OCCLUSION = "occlusion"
    """How far the logit falls when a visual token is taken away. Transformer heads."""
    ACTIVATION = "activation"
    """What each position of the feature map adds to the logit. Pooled heads."""


@dataclass(frozen=True)
class HeatMaps:
    """Where a retriever found attributes in images.

    Args:
        values: float32 in [0, 1]: 1 at the position that says most for the attribute in this image, 0 where
            nothing does. Every map has its own scale, so that two maps cannot be compared, and a bright spot
            does not mean that the attribute is there: ``probability`` says that. A map is 0 everywhere if no
            position speaks for the attribute.
        attributes: positions in the schema, in the order of the maps.
        probability: that the attribute holds, in [0, 1], from the same forward pass.
        method: how the maps were made.
    """

    values: Float32[Tensor, "image attribute row column"]
    attributes: tuple[int, ...]
    probability: Float32[Tensor, "image attribute"]
    method: HeatMapMethod


def explain_images(
    retriever: Retriever,
    images: UInt8[Tensor, "image height width 3"],
    *,
    attributes: Sequence[int] | None = None,
    method: HeatMapMethod | None = None,
) -> HeatMaps:
    """Return where a retriever finds attributes, in evaluation mode and one pass through the backbone.

    The maps have the resolution of the visual tokens, or of the feature map under a pooled head; draw them
    with :mod:`attrieve.gallery.heat_maps`. They do not depend on which images are explained together.

    Args:
        retriever: one that recognises attributes.
        images: RGB bytes of the retriever's input size; none is fine.
        attributes: which to explain, as positions in the schema; None for all.
        method: None for :func:`default_method`.

    Raises:
        ConfigurationError: if the retriever embeds only, or its head knows no such method.
        InputError: for images of another size, or an attribute that is not there.
    """
    if not retriever.settings.recognises:
        raise ConfigurationError(
            f"retriever {retriever.name!r} embeds only; it recognises no attributes that a map could show"
        )
    if tuple(images.shape[1:3]) != retriever.input_size:
        raise InputError(
            f"expected images of {retriever.input_size[0]}x{retriever.input_size[1]} pixels, got "
            f"{images.shape[1]}x{images.shape[2]}; resize them with attrieve.data.images.resize_image"
        )
    count = len(retriever.schema)
    asked = tuple(range(count)) if attributes is None else tuple(attributes)
    if wrong := [index for index in asked if not 0 <= index < count]:
        raise InputError(f"the vocabulary has {count} attributes, counted from 0; there is no {wrong[0]}")
    chosen = default_method(retriever) if method is None else method
    if chosen not in known_methods(retriever):
        known = ", ".join(known_methods(retriever))
        raise ConfigurationError(
            f"a {retriever.settings.head.value} head knows no heat map {chosen.value!r}; it knows {known}"
        )
    was_training = retriever.training
    retriever.eval()
    try:
        found = [
            _explain(retriever, images[start : start + IMAGES_AT_ONCE], asked, chosen)
            for start in range(0, len(images), IMAGES_AT_ONCE)
        ]
    finally:
        retriever.train(was_training)
    if not found:
        empty = torch.zeros(0, len(asked), 1, 1)
        return HeatMaps(empty, asked, empty[:, :, 0, 0], chosen)
    values = torch.cat([maps for maps, _ in found])
    logits = torch.cat([logit for _, logit in found])
    return HeatMaps(values, asked, torch.sigmoid(logits), chosen)


def default_method(retriever: Retriever) -> HeatMapMethod:
    """Return the method that pointed best at the true regions of drawn people."""
    return known_methods(retriever)[0]


def known_methods(retriever: Retriever) -> tuple[HeatMapMethod, ...]:
    """Return the methods that a retriever's head allows, the default first."""
    if retriever.transformer is None:
        return (HeatMapMethod.ACTIVATION,)
    return (HeatMapMethod.GRADIENT_ROLLOUT, HeatMapMethod.ROLLOUT, HeatMapMethod.OCCLUSION)


def _explain(
    retriever: Retriever, images: Tensor, asked: tuple[int, ...], method: HeatMapMethod
) -> tuple[Float[Tensor, "image asked row column"], Float[Tensor, "image asked"]]:
    """Return maps and logits on the CPU; inputs are checked."""
    with torch.inference_mode(False), torch.no_grad():
        feature_map = retriever.backbone(retriever.prepare(images))
        if method is HeatMapMethod.ACTIVATION:
            more = [head for head in retriever.more_heads if isinstance(head, PooledHead)]
            heads: list[PooledParts] = [retriever, *more]
            activation = activation_map(heads, feature_map)
            logits = activation.logits[:, list(asked)]
            return _scaled(activation.positions[:, list(asked)]), logits.float().cpu()
        assert retriever.visual_tokens is not None
        visual = retriever.visual_tokens(feature_map)
        patch = retriever.visual_tokens.patch_size
        grid = (feature_map.shape[2] // patch[0], feature_map.shape[3] // patch[1])
        if method is HeatMapMethod.OCCLUSION:
            reading = read_attributes(retriever, visual, asked)
            rows = token_occlusion(retriever, feature_map, asked)
        elif method is HeatMapMethod.ROLLOUT:
            reading = read_attributes(retriever, visual, asked, with_attention=True)
            rows = roll_out(reading.attention, reading.visual, asked, reading.rows)
            rows = rows - rows.amin(dim=2, keepdim=True)  # every token gets some; show what stands out
    if method is HeatMapMethod.GRADIENT_ROLLOUT:
        with torch.inference_mode(False), torch.enable_grad():
            visual.requires_grad_()  # attention has slopes also where the weights are frozen
            reading = read_attributes(retriever, visual, asked, with_attention=True)
            rows = gradient_rollout(reading.attention, reading.logits, reading.visual, asked, reading.rows)
    return _scaled(rows.reshape(len(images), len(asked), *grid)), reading.logits.detach().float().cpu()


def _scaled(
    maps: Float[Tensor, "image attribute row column"],
) -> Float32[Tensor, "image attribute row column"]:
    """Take what speaks against an attribute for 0, and divide every map by its maximum."""
    held = maps.detach().float().cpu().clamp_min(0)
    most = held.amax(dim=(2, 3), keepdim=True)
    return torch.where(most > 0, held / most.clamp_min(torch.finfo(torch.float32).tiny), 0.0)
