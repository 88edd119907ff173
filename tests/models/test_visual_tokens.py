"""Feature maps to tokens, against a loop over patches."""

import pytest
import torch

from attrieve.errors import ConfigurationError
from attrieve.models.visual_tokens import VisualTokens


def test_tokens_are_projected_patches_plus_their_position() -> None:
    """Row by row over the grid, each patch flattened and projected on its own."""
    module = VisualTokens(channels=3, dim=5, map_size=(4, 6), patch_size=(2, 3))
    feature_map = torch.randn(2, 3, 4, 6)
    tokens = module(feature_map)
    assert tokens.shape == (2, 4, 5)
    weight = module.projection.weight.reshape(5, -1)
    for image in range(2):
        for row in range(2):
            for column in range(2):
                patch = feature_map[image, :, 2 * row : 2 * row + 2, 3 * column : 3 * column + 3].reshape(-1)
                expected = weight @ patch + module.projection.bias + module.position[0, :, row, column]
                torch.testing.assert_close(tokens[image, 2 * row + column], expected)


def test_positions_are_stretched_over_another_grid() -> None:
    """A larger input gets more tokens; corners stay near their old values and order is kept."""
    module = VisualTokens(channels=3, dim=1, map_size=(8, 4), patch_size=(2, 2))
    with torch.no_grad():
        module.projection.weight.zero_()
        module.projection.bias.zero_()
        module.position.copy_(torch.arange(4.0).view(1, 1, 4, 1).expand(1, 1, 4, 2))
    tokens = module(torch.zeros(1, 3, 16, 8)).detach().view(8, 4)
    assert torch.equal(tokens, tokens[:, :1].expand(8, 4))
    assert bool((tokens[1:, 0] > tokens[:-1, 0]).all())
    torch.testing.assert_close(tokens.mean(), torch.tensor(1.5))


@pytest.mark.parametrize("map_size", [(5, 4), (4, 5), (0, 4)])
def test_maps_that_do_not_divide_are_refused(map_size: tuple[int, int]) -> None:
    """When it is built and when it is used; the message names both sizes."""
    with pytest.raises(ConfigurationError, match="whole patches of 2x2"):
        VisualTokens(3, 4, map_size, (2, 2))
    if 0 not in map_size:
        with pytest.raises(ConfigurationError, match=f"{map_size[0]}x{map_size[1]}"):
            VisualTokens(3, 4, (4, 4), (2, 2))(torch.zeros(1, 3, *map_size))
