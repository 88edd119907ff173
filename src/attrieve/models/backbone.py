"""Image to feature map, by the networks of the ``transformers`` library."""

import itertools
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers import (
    MobileNetV2Config,
    MobileNetV2Model,
    PreTrainedModel,
    PvtV2Backbone,
    PvtV2Config,
    ResNetBackbone,
    ResNetConfig,
)

from attrieve.errors import ConfigurationError, UnknownNameError
from attrieve.models.configuration import BackboneSettings

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class BackboneFacts:
    """What is fixed about one backbone name.

    Args:
        hub_id: where its ImageNet weights lie on the Hugging Face hub.
        pixel_mean: RGB mean the weights were trained with, pixels in [0, 1].
        pixel_deviation: RGB deviation, pixels in [0, 1].
        widths: channels per stage.
        depths: blocks per stage; empty for MobileNetV2.
    """

    hub_id: str
    pixel_mean: tuple[float, float, float]
    pixel_deviation: tuple[float, float, float]
    widths: tuple[int, ...]
    depths: tuple[int, ...] = ()


def _resnet(number: int, widths: tuple[int, ...], depths: tuple[int, ...]) -> BackboneFacts:
    return BackboneFacts(f"microsoft/resnet-{number}", IMAGENET_MEAN, IMAGENET_DEVIATION, widths, depths)


def _pvt(number: int, widths: tuple[int, ...], depths: tuple[int, ...]) -> BackboneFacts:
    return BackboneFacts(f"OpenGVLab/pvt_v2_b{number}", IMAGENET_MEAN, IMAGENET_DEVIATION, widths, depths)


BACKBONES: dict[str, BackboneFacts] = {
    "resnet18": _resnet(18, (64, 128, 256, 512), (2, 2, 2, 2)),
    "resnet34": _resnet(34, (64, 128, 256, 512), (3, 4, 6, 3)),
    "resnet50": _resnet(50, (256, 512, 1024, 2048), (3, 4, 6, 3)),
    "resnet101": _resnet(101, (256, 512, 1024, 2048), (3, 4, 23, 3)),
    "mobilenetv2": BackboneFacts("google/mobilenet_v2_1.0_224", HALF, HALF, (1280,)),
    "pvtv2-b0": _pvt(0, (32, 64, 160, 256), (2, 2, 2, 2)),
    "pvtv2-b1": _pvt(1, (64, 128, 320, 512), (2, 2, 2, 2)),
    "pvtv2-b2": _pvt(2, (64, 128, 320, 512), (3, 4, 6, 3)),
    "pvtv2-b3": _pvt(3, (64, 128, 320, 512), (3, 4, 18, 3)),
    "pvtv2-b4": _pvt(4, (64, 128, 320, 512), (3, 8, 27, 3)),
    "pvtv2-b5": _pvt(5, (64, 128, 320, 512), (3, 6, 40, 3)),
}
"""Known backbones by name."""


def backbone_facts(name: str) -> BackboneFacts:
    """Return what is fixed about a backbone.

    Raises:
        UnknownNameError: with the nearest known name.
    """
    if name not in BACKBONES:
        raise UnknownNameError("backbone", name, BACKBONES)
    return BACKBONES[name]


class Backbone(nn.Module):
    """Image to feature map; owns the pixel normalisation its weights expect.

    Attributes:
        channels: of the feature map.
        stride: pixels of the input per step of the map.
    """

    pixel_mean: Tensor
    pixel_deviation: Tensor

    def __init__(self, settings: BackboneSettings) -> None:
        super().__init__()
        facts = backbone_facts(settings.name)
        self.settings = settings
        self.network, self.channels, self.stride = _build(settings, facts)
        for module in _stages(self.network)[: settings.frozen_stages]:
            module.requires_grad_(False)
        self.register_buffer("pixel_mean", torch.tensor(facts.pixel_mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer(
            "pixel_deviation", torch.tensor(facts.pixel_deviation).view(1, 3, 1, 1), persistent=False
        )

    def forward(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch channel map_height map_width"]:
        """Make feature maps from RGB images with values in [0, 1]."""
        normalised = (images - self.pixel_mean) / self.pixel_deviation
        output = self.network(normalised)
        if isinstance(self.network, MobileNetV2Model):
            feature_map: Tensor = output.last_hidden_state
        else:
            feature_map = output.feature_maps[0]
        return feature_map

    def train(self, mode: bool = True) -> "Backbone":
        """Switch training mode; frozen BatchNorm layers stay in evaluation mode."""
        super().train(mode)
        if mode and self.settings.freeze_batch_norm:
            for module in self.network.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        for stage in _stages(self.network)[: self.settings.frozen_stages]:
            stage.eval()
        return self


_MOBILENET_STAGES = (0, 2, 5, 12, 16)
"""Blocks of MobileNetV2 before which a new stage begins: strides 4, 8, 16, 32."""


def _stages(network: PreTrainedModel) -> list[nn.ModuleList]:
    """Return the parts of a network stage by stage; what stands before the first stage belongs to it."""
    if isinstance(network, MobileNetV2Model):
        bounds = itertools.pairwise(_MOBILENET_STAGES)
        stages = [list(network.layer[start:end]) for start, end in bounds]
        stages[-1].append(network.conv_1x1)
        before = network.conv_stem
    elif isinstance(network, ResNetBackbone):
        stages, before = [[stage] for stage in network.encoder.stages], network.embedder
    else:
        return [nn.ModuleList([layer]) for layer in network.encoder.layers]
    stages[0].insert(0, before)
    return [nn.ModuleList(stage) for stage in stages]


def _build(settings: BackboneSettings, facts: BackboneFacts) -> tuple[PreTrainedModel, int, int]:
    if settings.name.startswith("resnet"):
        return _build_resnet(settings, facts)
    if settings.name.startswith("pvtv2"):
        return _build_pvt(settings, facts)
    return _build_mobilenet(settings, facts)


def _build_resnet(settings: BackboneSettings, facts: BackboneFacts) -> tuple[PreTrainedModel, int, int]:
    config = ResNetConfig(
        hidden_sizes=list(facts.widths),
        depths=list(facts.depths),
        layer_type="basic" if facts.widths[-1] == 512 else "bottleneck",
        out_features=[f"stage{settings.stage}"],
    )
    network = ResNetBackbone(config)
    del network.encoder.stages[settings.stage :]  # never looked at: no time, no weights without a gradient
    if settings.stage == 4 and settings.last_stride == 1:
        for module in network.encoder.stages[3].modules():
            if isinstance(module, nn.Conv2d) and module.stride == (2, 2):
                module.stride = (1, 1)
    return network, facts.widths[settings.stage - 1], 32 if settings.stage * settings.last_stride == 8 else 16


def _build_pvt(settings: BackboneSettings, facts: BackboneFacts) -> tuple[PreTrainedModel, int, int]:
    config = PvtV2Config(
        hidden_sizes=list(facts.widths),
        depths=list(facts.depths),
        num_attention_heads=[1, 2, 5, 8],
        mlp_ratios=[4, 4, 4, 4] if settings.name == "pvtv2-b5" else [8, 8, 4, 4],
        sr_ratios=[8, 4, 2, 1],
        drop_path_rate=settings.drop_path,
        out_features=[f"stage{settings.stage}"],
    )
    network = PvtV2Backbone(config)
    del network.encoder.layers[settings.stage :]
    return network, facts.widths[settings.stage - 1], 2 ** (settings.stage + 1)


def _build_mobilenet(settings: BackboneSettings, facts: BackboneFacts) -> tuple[PreTrainedModel, int, int]:
    if settings.stage != 4:
        raise ConfigurationError("MobileNetV2 gives its last map only; leave backbone.stage at 4")
    stride = 16 * settings.last_stride
    config = MobileNetV2Config(depth_multiplier=1.0, output_stride=stride, tf_padding=True)
    network = MobileNetV2Model(config, add_pooling_layer=False)
    for module in network.modules():
        # transformers sets 0.997, which in PyTorch means each batch almost replaces the running estimate
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.1
    return network, facts.widths[-1], stride
