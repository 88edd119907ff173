"""Several receptive fields: position by position, where each one looks, and nothing lost at the start."""

import torch
from torch import Tensor, nn

from attrieve.models.spatial_projection import SpatialProjection
from reference.convolution import convolve, normalise


def projection(channels: int = 8) -> SpatialProjection:
    """One that has been trained a little: statistics moved, no factor at 0."""
    torch.manual_seed(0)
    module = SpatialProjection(channels)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.normal_(part.weight)
            nn.init.normal_(part.bias)
            part.running_mean.normal_()  # type: ignore[union-attr]
            part.running_var.uniform_(0.5, 2.0)  # type: ignore[union-attr]
    return module.eval()


def by_loops(module: SpatialProjection, image: Tensor) -> Tensor:
    def through(layers: nn.Sequential, features: Tensor) -> Tensor:
        for layer in layers:
            if isinstance(layer, nn.Conv2d):
                depthwise = layer.groups > 1
                features = convolve(features, layer.weight, layer.dilation[0], depthwise=depthwise)
            elif isinstance(layer, nn.BatchNorm2d):
                features = normalise(
                    features, layer.running_mean, layer.running_var, layer.weight, layer.bias, layer.eps
                )
        return features

    narrow = through(module.narrow, image).clamp(min=0)
    seen = through(module.one, narrow) + through(module.three, narrow) + through(module.wide, narrow)
    return image + through(module.widen, seen.clamp(min=0))


def test_equals_the_loop_twin() -> None:
    """Convolutions as sums over neighbours, zeros beyond the sides."""
    module, feature_map = projection(), torch.randn(2, 8, 5, 4)
    with torch.no_grad():
        expected = torch.stack([by_loops(module, image) for image in feature_map])
        torch.testing.assert_close(module(feature_map), expected, rtol=1e-4, atol=1e-5)


def test_at_the_start_the_map_is_left_as_it_is() -> None:
    """In training and in evaluation; the first step then moves it."""
    module, feature_map = SpatialProjection(8), torch.randn(4, 8, 4, 2)
    assert torch.equal(module.train()(feature_map), feature_map)
    assert torch.equal(module.eval()(feature_map), feature_map)
    module.train()(feature_map).square().sum().backward()
    gradient = module.widen.get_parameter("1.weight").grad
    assert isinstance(gradient, Tensor)
    assert (gradient != 0).all()


def test_each_branch_sees_as_far_as_it_should() -> None:
    """1x1 the position itself, 3x3 one further, the dilated one two further; together 5x5."""
    module = projection()
    feature_map = torch.randn(1, 8, 9, 9)
    touched = feature_map.clone()
    touched[:, :, 4, 4] += 5
    with torch.no_grad():
        narrow = [torch.relu(module.narrow(images)) for images in (feature_map, touched)]
        reached = {}
        for name in ("one", "three", "wide"):
            branch = getattr(module, name)
            moved = (branch(narrow[0]) != branch(narrow[1])).any(dim=1)[0].nonzero()
            reached[name] = {tuple(position) for position in (moved - 4).tolist()}
    assert reached["one"] == {(0, 0)}
    assert reached["three"] == {(row, column) for row in (-1, 0, 1) for column in (-1, 0, 1)}
    assert reached["wide"] == {(row, column) for row in (-2, 0, 2) for column in (-2, 0, 2)}
