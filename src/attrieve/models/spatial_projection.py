"""A feature map seen through several receptive fields at once."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

_NARROWING = 4
"""The branches work on a quarter of the channels, or they would cost more than a small backbone."""


class SpatialProjection(nn.Module):
    """Add to a feature map what three receptive fields see in it.

    After the "spatial projection" of Specker, "Balanced Pedestrian Attribute Recognition for Improved
    Attribute-based Person Retrieval" (2023), of which only the idea is public to us: projections with
    several receptive fields before pooling. What is done here is our reading::

        h = ReLU(BN(conv1x1(x)))                              a quarter of the channels
        s = BN(one(h)) + BN(three(h)) + BN(wide(h))           1x1; 3x3; 3x3 dilated by 2 (sees 5x5)
        y = x + BN(conv1x1(ReLU(s)))                          the channels of x again

    with ``three`` and ``wide`` depthwise separable: one 3x3 filter per channel, then 1x1. The last BN
    starts at factor 0, so that y = x at first and trained backbone weights keep their worth. Sides are
    padded with zeros; the size stays.

    Args:
        channels: of the map.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        width = max(1, channels // _NARROWING)
        self.narrow = _pointwise(channels, width)
        self.one = _pointwise(width, width)
        self.three = _separable(width, dilation=1)
        self.wide = _separable(width, dilation=2)
        self.widen = _pointwise(width, channels)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
        nn.init.zeros_(self.widen.get_parameter("1.weight"))

    def forward(
        self, feature_map: Float[Tensor, "batch channel map_height map_width"]
    ) -> Float[Tensor, "batch channel map_height map_width"]:
        """Return a map of the same size."""
        narrow = torch.relu(self.narrow(feature_map))
        seen: Tensor = self.one(narrow) + self.three(narrow) + self.wide(narrow)
        projected: Tensor = self.widen(torch.relu(seen))
        return feature_map + projected


def _pointwise(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width))


def _separable(width: int, *, dilation: int) -> nn.Sequential:
    depthwise = nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation, groups=width, bias=False)
    return nn.Sequential(depthwise, *_pointwise(width, width))
