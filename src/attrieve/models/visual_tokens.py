"""Feature map to visual tokens: patches, one linear projection, position embeddings."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from attrieve.errors import ConfigurationError


class VisualTokens(nn.Module):
    """Split a feature map into patches and project each to one token (paper, section 3).

    Flattening a patch and applying one linear layer is a convolution whose stride is the patch size.
    Learnable position embeddings lie on the patch grid and are interpolated when the grid changes.

    Raises:
        ConfigurationError: if the map cannot be split evenly.
    """

    def __init__(
        self, channels: int, dim: int, map_size: tuple[int, int], patch_size: tuple[int, int]
    ) -> None:
        super().__init__()
        _require_whole_patches(map_size, patch_size)
        self.patch_size = patch_size
        self.grid = (map_size[0] // patch_size[0], map_size[1] // patch_size[1])
        self.projection = nn.Conv2d(channels, dim, kernel_size=patch_size, stride=patch_size)
        self.position = nn.Parameter(torch.empty(1, dim, *self.grid))
        nn.init.trunc_normal_(self.position, std=0.02)

    def forward(
        self, feature_map: Float[Tensor, "batch channel map_height map_width"]
    ) -> Float[Tensor, "batch token dim"]:
        """Return tokens row by row over the patch grid."""
        height, width = feature_map.shape[-2:]
        _require_whole_patches((height, width), self.patch_size)
        tokens = self.projection(feature_map)
        position: Tensor = self.position
        if tokens.shape[-2:] != position.shape[-2:]:
            position = functional.interpolate(position, size=tokens.shape[-2:], mode="bicubic")
        placed: Tensor = tokens + position
        return placed.flatten(2).transpose(1, 2).contiguous()


def _require_whole_patches(map_size: tuple[int, int], patch_size: tuple[int, int]) -> None:
    if map_size[0] % patch_size[0] or map_size[1] % patch_size[1] or 0 in map_size:
        raise ConfigurationError(
            f"a feature map of {map_size[0]}x{map_size[1]} cannot be split into whole patches of "
            f"{patch_size[0]}x{patch_size[1]}; change the input size, the backbone's stride or the patch size"
        )
