"""What each position of the feature map adds to the logits of a pooled head: an exact decomposition."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from attrieve.errors import ConfigurationError
from attrieve.models.attribute_head import PooledAttributeHead
from attrieve.models.logit_norm import LogitNorm
from attrieve.models.pooled_head import PooledParts
from attrieve.models.pooling import pooled_shares


@dataclass(frozen=True)
class ActivationMap:
    """Logits as sums over positions: ``logit = map summed over rows and columns + rest``.

    Args:
        positions: what each position adds, in units of the logit; below 0 where it speaks against.
        rest: bias, and what normalisation shifts.
    """

    positions: Float[Tensor, "batch attribute row column"]
    rest: Float[Tensor, "batch attribute"]

    @property
    def logits(self) -> Float[Tensor, "batch attribute"]:
        """The sums."""
        return self.positions.sum(dim=(2, 3)) + self.rest


def activation_map(
    heads: Sequence[PooledParts], feature_map: Float[Tensor, "batch channel map_height map_width"]
) -> ActivationMap:
    """Divide the logits of pooled heads, in evaluation mode, among the positions of the feature map.

    With average pooling of all positions this is the class activation map: weights of the linear layer times
    the features of a position, over the number of positions. Stripes, maxima and generalised means are
    divided as :func:`~attrieve.models.pooling.pooled_shares` says, normalised logits by the factor that
    normalisation applies, several heads by their mean; the sum stays exact in all cases. What lies before
    the pooling (the backbone, a spatial projection) is not taken apart: a position stands for its receptive
    field.

    Args:
        heads: the heads whose logits are averaged, at least one.
        feature_map: of the backbone.

    Raises:
        ConfigurationError: if a head does not recognise attributes.

    Source: Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016.
    """
    maps = [_of_one_head(head, feature_map) for head in heads]
    return ActivationMap(
        torch.stack([one.positions for one in maps]).mean(dim=0),
        torch.stack([one.rest for one in maps]).mean(dim=0),
    )


def _of_one_head(parts: PooledParts, feature_map: Tensor) -> ActivationMap:
    head, pooling = parts.attribute_head, parts.pooling
    if not isinstance(head, PooledAttributeHead) or pooling is None:
        raise ConfigurationError("this head has no linear layer over pooled features to take apart")
    if parts.spatial_projection is not None:
        feature_map = parts.spatial_projection(feature_map)
    weight = head.classifier.weight.to(feature_map.dtype)
    positions = pooled_shares(pooling, feature_map, weight)
    rest = head.classifier.bias.to(positions.dtype).expand(positions.shape[:2])
    if parts.logit_norm is None:
        return ActivationMap(positions, rest)
    return _normalised(parts.logit_norm, positions, rest)


def _normalised(norm: LogitNorm, positions: Tensor, rest: Tensor) -> ActivationMap:
    """Take the steps of :class:`LogitNorm`, all of them linear once the deviations are known."""
    positions, rest = positions.float(), rest.float()
    if norm.over_images is not None:
        mean, variance = norm.over_images.running_mean, norm.over_images.running_var
        assert mean is not None
        assert variance is not None
        scale = (variance + norm.over_images.eps).rsqrt()
        positions, rest = positions * scale[:, None, None], (rest - mean) * scale
    if norm.over_attributes:
        logits = positions.sum(dim=(2, 3)) + rest
        variance = logits.var(dim=1, correction=0, keepdim=True)
        scale = (variance + norm.epsilon).rsqrt()
        positions = (positions - positions.mean(dim=1, keepdim=True)) * scale[:, :, None, None]
        rest = (rest - rest.mean(dim=1, keepdim=True)) * scale
    return ActivationMap(positions * norm.gain[:, None, None], rest * norm.gain + norm.shift)
