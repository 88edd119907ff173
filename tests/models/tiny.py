"""Small vocabularies and retrievers that are quick to build and to run."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from attrieve.models.backbone import BACKBONES, IMAGENET_DEVIATION, IMAGENET_MEAN, BackboneFacts
from attrieve.models.configuration import (
    BackboneSettings,
    HeadKind,
    RetrieverKind,
    RetrieverSettings,
    TransformerSettings,
)
from attrieve.models.retriever import Retriever
from attrieve.schema import Attribute, AttributeSchema, Group, GroupKind

NAMES = ("young", "adult", "hat", "backpack", "bag", "jeans")
TINY = "resnet-tiny"
"""A ResNet of four narrow blocks, known while :func:`tiny_backbone` is open."""


def tiny_schema(name: str = "tiny") -> AttributeSchema:
    return AttributeSchema(
        name,
        tuple(Attribute(word, word) for word in NAMES),
        (
            Group("age", GroupKind.EXCLUSIVE, ("young", "adult")),
            Group("hat", GroupKind.BINARY, ("hat",)),
            Group("carrying", GroupKind.MULTI, ("backpack", "bag")),
            Group("jeans", GroupKind.BINARY, ("jeans",)),
        ),
    )


@contextmanager
def tiny_backbone() -> Iterator[None]:
    BACKBONES[TINY] = BackboneFacts(
        "nobody/tiny", IMAGENET_MEAN, IMAGENET_DEVIATION, (8, 8, 16, 32), (1, 1, 1, 1)
    )
    try:
        yield
    finally:
        del BACKBONES[TINY]


def tiny_settings(
    kind: str = "multi_task",
    head: str = "transformer",
    *,
    backbone: str = TINY,
    dropout: float = 0.1,
    **switches: Any,
) -> RetrieverSettings:
    return RetrieverSettings(
        kind=RetrieverKind(kind),
        head=HeadKind(head),
        height_px=64,
        width_px=32,
        backbone=BackboneSettings(name=backbone),
        transformer=TransformerSettings(blocks=2, heads=2, dim=24, dropout=dropout),
        embedding_dim=8,
        encoder_hidden=12,
        **switches,
    )


def tiny_retriever(
    kind: str = "multi_task", head: str = "transformer", *, seed: int = 0, **switches: Any
) -> Retriever:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        retriever = Retriever(tiny_settings(kind, head, **switches), tiny_schema(), name="tiny run")
        # positions, tokens and classifiers start so small that a mistake in them would hardly show
        for name, parameter in retriever.named_parameters():
            if not name.startswith("backbone."):
                torch.nn.init.normal_(parameter, std=0.3)
    return retriever.eval()


def random_pixels(count: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 64, 32, 3), dtype=torch.uint8, generator=generator)
