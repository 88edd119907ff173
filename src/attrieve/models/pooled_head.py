"""What stands on a feature map without tokens: once, or several times side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from attrieve.models.attribute_head import PooledAttributeHead, TokenAttributeHead
from attrieve.models.configuration import LogitNormKind, RetrieverSettings
from attrieve.models.image_embedding import PooledEmbedding, TokenEmbedding
from attrieve.models.logit_norm import LogitNorm
from attrieve.models.pooling import MapPooling
from attrieve.models.spatial_projection import SpatialProjection


@dataclass(frozen=True)
class HeadOutput:
    """What one head says.

    Args:
        logits: (batch, attribute), or None without recognition.
        embedding: (batch, dim), not normalised, or None without embedding.
    """

    logits: Tensor | None
    embedding: Tensor | None


@runtime_checkable
class PooledParts(Protocol):
    """Whatever holds the parts of a pooled head."""

    spatial_projection: SpatialProjection | None
    pooling: MapPooling | None
    attribute_head: TokenAttributeHead | PooledAttributeHead | None
    logit_norm: LogitNorm | None
    image_embedding: TokenEmbedding | PooledEmbedding | None


class PooledHead(nn.Module):
    """Spatial projection, pooling, and the two branches, as far as the settings ask for them.

    Args:
        settings: of the retriever.
        channels: of the feature map.
        attributes: how many the vocabulary has.
    """

    def __init__(self, settings: RetrieverSettings, channels: int, attributes: int) -> None:
        super().__init__()
        self.spatial_projection = SpatialProjection(channels) if settings.spatial_projection else None
        self.pooling: MapPooling | None = MapPooling(channels, settings.pooling, settings.parts)
        pooled = self.pooling.channels
        self.attribute_head: TokenAttributeHead | PooledAttributeHead | None = None
        self.logit_norm: LogitNorm | None = None
        self.image_embedding: TokenEmbedding | PooledEmbedding | None = None
        if settings.recognises:
            self.attribute_head = PooledAttributeHead(attributes, pooled, settings.pooled_dropout)
            if settings.logit_norm is not LogitNormKind.NONE:
                self.logit_norm = LogitNorm(attributes, settings.logit_norm)
        if settings.embeds:
            self.image_embedding = PooledEmbedding(pooled, settings.encoder_hidden, settings.embedding_dim)


def describe_pooled(
    parts: PooledParts, feature_map: Float[Tensor, "batch channel map_height map_width"]
) -> HeadOutput:
    """Return what a pooled head sees in feature maps."""
    assert parts.pooling is not None
    if parts.spatial_projection is not None:
        feature_map = parts.spatial_projection(feature_map)
    pooled = parts.pooling(feature_map)
    return describe_branches(parts, pooled, pooled)


def describe_branches(parts: PooledParts, for_attributes: Tensor, for_embedding: Tensor) -> HeadOutput:
    """Return what the branches make of their features, pooled ones or tokens."""
    logits = None if parts.attribute_head is None else parts.attribute_head(for_attributes)
    if logits is not None and parts.logit_norm is not None:
        logits = parts.logit_norm(logits)
    embedding = None if parts.image_embedding is None else parts.image_embedding(for_embedding)
    return HeadOutput(logits, embedding)


def join_heads(heads: Sequence[HeadOutput]) -> HeadOutput:
    """Return the mean of the heads' logits and of their unit vectors.

    The cosine of that mean vector with a description q is, up to the vector's length, that of the heads'
    joined unit vectors with (q, .., q), in a vector no longer than one head's.

    >>> one, other = (HeadOutput(torch.tensor([[z]]), None) for z in (1.0, 3.0))
    >>> join_heads([one, other]).logits
    tensor([[2.]])
    """
    logits = [head.logits for head in heads if head.logits is not None]
    units = [
        functional.normalize(head.embedding.float(), dim=1) for head in heads if head.embedding is not None
    ]
    return HeadOutput(
        torch.stack(logits).mean(dim=0) if logits else None,
        torch.stack(units).mean(dim=0) if units else None,
    )
