"""Feature map to one vector: over the whole map or over horizontal stripes of it."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from attrieve.errors import ConfigurationError
from attrieve.models.configuration import PoolingKind

_SMALLEST = 1e-6
"""Values below count as this much in the generalised mean: roots of negative numbers are not real."""


class MapPooling(nn.Module):
    """Pool each horizontal stripe of a feature map and join the stripes from head to foot.

    Kinds, over the positions x of a stripe, per channel:

    - ``average``: mean x (Jia et al. 2020; the paper's baselines).
    - ``generalised_mean``: (mean x^p)^(1/p) with one learnt p, 3 at the start, between the mean (p = 1)
      and the maximum (p to infinity) (Radenovic, Tolias, Chum, "Fine-tuning CNN image retrieval with no
      human annotation", TPAMI 2019). It takes negative values for 0, so it is for maps that end in a
      ReLU: ResNet and MobileNetV2, not PVTv2.
    - ``average_and_maximum``: mean x and max x, joined: twice the channels.

    Stripes are as even as the rows allow, the upper ones a row taller where they are not, and each has
    its own place in the result, so that the layer behind can look for a hat in the upper ones alone
    (PCB: Sun et al., "Beyond Part Models", ECCV 2018).

    Args:
        channels: of the map.
        kind: one of the three above.
        parts: number of stripes; 1 pools the whole map.

    >>> image = torch.tensor([1.0, 3.0, 5.0, 5.0]).view(1, 1, 4, 1)
    >>> MapPooling(1, PoolingKind.AVERAGE, parts=2)(image)
    tensor([[2., 5.]])
    """

    def __init__(self, channels: int, kind: PoolingKind, parts: int = 1) -> None:
        super().__init__()
        self.kind = kind
        self.parts = parts
        self.channels = channels * parts * (2 if kind is PoolingKind.AVERAGE_AND_MAXIMUM else 1)
        if kind is PoolingKind.GENERALISED_MEAN:
            self.exponent = nn.Parameter(torch.tensor([3.0]))

    def forward(
        self, feature_map: Float[Tensor, "batch channel map_height map_width"]
    ) -> Float[Tensor, "batch pooled"]:
        """Return one vector per image.

        Raises:
            ConfigurationError: if the map has fewer rows than there are stripes.
        """
        require_rows(feature_map.shape[2], self.parts)
        if self.parts == 1:
            return self._pool(feature_map)
        return torch.cat([self._pool(part) for part in feature_map.tensor_split(self.parts, dim=2)], dim=1)

    def _pool(self, part: Tensor) -> Tensor:
        if self.kind is PoolingKind.GENERALISED_MEAN:
            with torch.autocast(part.device.type, enabled=False):  # powers overflow in half precision
                exact = part if part.dtype == torch.float64 else part.float()
                powers = exact.clamp(min=_SMALLEST).pow(self.exponent)
                return powers.mean(dim=(2, 3)).pow(1 / self.exponent)
        if self.kind is PoolingKind.AVERAGE_AND_MAXIMUM:
            return torch.cat([part.mean(dim=(2, 3)), part.amax(dim=(2, 3))], dim=1)
        return part.mean(dim=(2, 3))


def require_rows(rows: int, parts: int) -> None:
    """Refuse to cut a map into more stripes than it has rows.

    Raises:
        ConfigurationError: saying what to change.
    """
    if rows < parts:
        raise ConfigurationError(
            f"a feature map of {rows} rows has no {parts} stripes; "
            "lower model.parts, or raise the input height or the map's resolution"
        )


def pooled_shares(
    pooling: MapPooling,
    feature_map: Float[Tensor, "batch channel map_height map_width"],
    weight: Float[Tensor, "attribute pooled"],
) -> Float[Tensor, "batch attribute map_height map_width"]:
    """Divide ``weight @ pooling(feature_map)`` among positions; summed over positions it is that again.

    A mean gives every position its value over the number of positions, a maximum gives all to the position
    that has it (the first of equals). A generalised mean m grows in proportion with the values, so by
    Euler's theorem ``m = sum_x v_x dm/dv_x``, and position x gets ``m v_x^p / sum v^p``.

    >>> image = torch.tensor([1.0, 3.0]).view(1, 1, 2, 1)
    >>> pooled_shares(MapPooling(1, PoolingKind.AVERAGE), image, torch.tensor([[10.0]])).flatten()
    tensor([ 5., 15.])
    """
    stripes = feature_map.tensor_split(pooling.parts, dim=2)
    weights = weight.tensor_split(pooling.parts, dim=1)
    shared = [_stripe_shares(pooling, part, own) for part, own in zip(stripes, weights, strict=True)]
    return torch.cat(shared, dim=2)


def _stripe_shares(pooling: MapPooling, part: Tensor, weight: Tensor) -> Tensor:
    positions = part.shape[2] * part.shape[3]
    if pooling.kind is PoolingKind.GENERALISED_MEAN:
        exact = part if part.dtype == torch.float64 else part.float()
        powers = exact.clamp(min=_SMALLEST).pow(pooling.exponent)
        mean = powers.mean(dim=(2, 3), keepdim=True)
        shares = mean.pow(1 / pooling.exponent) * (powers / (mean * positions))
        return torch.einsum("bchw,ac->bahw", shares, weight.to(shares.dtype))
    if pooling.kind is PoolingKind.AVERAGE:
        return torch.einsum("bchw,ac->bahw", part, weight) / positions
    for_mean, for_maximum = weight.chunk(2, dim=1)
    flat = part.flatten(2)
    largest = torch.zeros_like(flat)
    largest.scatter_(2, flat.argmax(dim=2, keepdim=True), flat.amax(dim=2, keepdim=True))
    by_mean = torch.einsum("bchw,ac->bahw", part, for_mean) / positions
    return by_mean + torch.einsum("bchw,ac->bahw", largest.view_as(part), for_maximum)
