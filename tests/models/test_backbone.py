"""Backbones: what map they give, what they keep still, and that they are what their names say."""

import json

import pytest
import safetensors.torch
import torch
from torch import nn
from transformers import MobileNetV2Config, MobileNetV2ForImageClassification

from attrieve.errors import ConfigurationError, UnknownNameError
from attrieve.models.backbone import BACKBONES, Backbone
from attrieve.models.configuration import BackboneSettings
from attrieve.training.initialisation import load_backbone_file
from models.tiny import TINY

PUBLISHED = {  # parameters without the ImageNet classifier: torchvision's and timm's totals less theirs
    "resnet18": 11_689_512 - 513_000,
    "resnet34": 21_797_672 - 513_000,
    "resnet50": 25_557_032 - 2_049_000,
    "resnet101": 44_549_160 - 2_049_000,
    "mobilenetv2": 3_504_872 - 1_281_000,
    "pvtv2-b0": 3_670_000 - 257_000,
    "pvtv2-b1": 14_010_000 - 513_000,
    "pvtv2-b2": 25_360_000 - 513_000,
    "pvtv2-b3": 45_240_000 - 513_000,
    "pvtv2-b4": 62_560_000 - 513_000,
    "pvtv2-b5": 81_960_000 - 513_000,
}


@pytest.mark.parametrize(
    ("settings", "channels", "stride"),
    [
        ({"name": "resnet18", "last_stride": 1}, 512, 16),
        ({"name": "resnet18", "last_stride": 2}, 512, 32),
        ({"name": "resnet18", "stage": 3}, 256, 16),
        ({"name": "resnet50", "last_stride": 1}, 2048, 16),
        ({"name": "resnet50", "last_stride": 2}, 2048, 32),
        ({"name": "pvtv2-b0", "stage": 3}, 160, 16),
        ({"name": "pvtv2-b0", "stage": 4}, 256, 32),
        ({"name": "mobilenetv2", "last_stride": 1}, 1280, 16),
        ({"name": "mobilenetv2", "last_stride": 2}, 1280, 32),
    ],
)
def test_map_size(settings: dict[str, object], channels: int, stride: int) -> None:
    """The stated channels and stride are those of the map."""
    backbone = Backbone(BackboneSettings.model_validate(settings)).eval()
    with torch.no_grad():
        feature_map = backbone(torch.rand(2, 3, 64, 32))
    assert (backbone.channels, backbone.stride) == (channels, stride)
    assert feature_map.shape == (2, channels, 64 // stride, 32 // stride)


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_parameters_are_the_published_ones(name: str) -> None:
    """Depths, widths and ratios are those of the network that bears the name."""
    with torch.device("meta"):
        backbone = Backbone(BackboneSettings(name=name))
    count = sum(parameter.numel() for parameter in backbone.parameters())
    assert count == pytest.approx(PUBLISHED[name], rel=0.002)


def test_every_backbone_is_checked() -> None:
    """No name without a published size to compare with."""
    assert set(PUBLISHED) == set(BACKBONES) - {TINY}


def test_unknown_names_are_told_the_nearest() -> None:
    """A typo in a recipe."""
    with pytest.raises(UnknownNameError, match="resnet50"):
        Backbone(BackboneSettings(name="resnet-50"))


def test_mobilenet_has_one_map() -> None:
    """Other stages are refused, not ignored."""
    with pytest.raises(ConfigurationError, match=r"backbone\.stage"):
        Backbone(BackboneSettings(name="mobilenetv2", stage=3))


@pytest.mark.parametrize("name", ["mobilenetv2", "resnet18"])
def test_batch_norm_forgets_slowly(name: str) -> None:
    """One batch moves the statistics by a tenth, whatever the library's default."""
    momenta = {
        m.momentum for m in Backbone(BackboneSettings(name=name)).modules() if isinstance(m, nn.BatchNorm2d)
    }
    assert momenta == {0.1}


@pytest.mark.parametrize("frozen", [True, False])
def test_frozen_batch_norm_keeps_its_statistics(frozen: bool) -> None:
    """Training moves them unless they are frozen; dropout and the rest train either way."""
    backbone = Backbone(BackboneSettings(name=TINY, freeze_batch_norm=frozen)).train()
    before = {key: value.clone() for key, value in backbone.state_dict().items() if "running" in key}
    backbone(torch.rand(4, 3, 64, 32))
    moved = [not torch.equal(backbone.state_dict()[key], value) for key, value in before.items()]
    assert moved
    assert not any(moved) if frozen else all(moved)
    assert backbone.training
    assert not backbone.eval().training


def test_pixels_are_normalised_inside() -> None:
    """An image of the mean colour enters the network as zeros, one deviation above it as ones."""
    backbone = Backbone(BackboneSettings(name=TINY))
    seen: list[torch.Tensor] = []
    backbone.network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1).expand(2, 3, 64, 32)
    deviation = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    backbone(mean)
    backbone(mean + deviation)
    torch.testing.assert_close(seen[0], torch.zeros_like(mean), atol=1e-6, rtol=0)
    torch.testing.assert_close(seen[1], torch.ones_like(mean))


def test_imagenet_features_are_those_of_the_library(shared_data) -> None:  # type: ignore[no-untyped-def]
    """Every tensor of the file is used, and an image gives the map the whole classifier sees."""
    path = shared_data / "weights" / "mobilenet_v2_imagenet.safetensors"
    if not path.exists():
        pytest.skip(f"no ImageNet weights at {path}")
    backbone = Backbone(BackboneSettings(name="mobilenetv2", last_stride=2)).eval()
    count = len(backbone.network.state_dict())
    assert load_backbone_file(backbone, path) == f"backbone from {path.name} ({count} of {count} tensors)"

    config = json.loads(path.with_suffix(".json").read_text("utf-8"))["config"]
    classifier = MobileNetV2ForImageClassification(MobileNetV2Config(**config)).eval()
    weights = {key: value.float() for key, value in safetensors.torch.load_file(path).items()}
    classifier.load_state_dict(weights, strict=False)
    image = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = classifier.mobilenet_v2(image * 2 - 1).last_hidden_state
        torch.testing.assert_close(backbone(image), expected, rtol=1e-4, atol=1e-4)
        assert expected.std() > 0.1


@pytest.mark.parametrize("name", ["mobilenetv2", "resnet18", "pvtv2-b0"])
@pytest.mark.parametrize("stages", [0, 1, 2])
def test_frozen_stages_keep_weights_and_statistics_and_the_rest_learns(name: str, stages: int) -> None:
    torch.manual_seed(0)
    backbone = Backbone(BackboneSettings(name=name, frozen_stages=stages, drop_path=0.0)).train()
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    backbone(torch.rand(4, 3, 64, 32)).square().mean().backward()
    learning = [parameter for parameter in backbone.parameters() if parameter.grad is not None]
    torch.optim.SGD(learning, lr=1.0).step()
    moved = {key for key, value in backbone.state_dict().items() if not torch.equal(value, before[key])}
    first_moved = min(_stage_of(name, key) for key in moved)
    assert first_moved == stages + 1
    assert any(_stage_of(name, key) == 4 for key in moved)


def _stage_of(name: str, key: str) -> int:
    parts = key.split(".")
    if name == "mobilenetv2":
        strides_begin = [0, 2, 5, 12]
        if parts[1] == "conv_stem":
            return 1
        if parts[1] == "conv_1x1":
            return 4
        return sum(int(parts[2]) >= begin for begin in strides_begin)
    if "embedder" in parts:
        return 1
    return int(parts[3]) + 1
