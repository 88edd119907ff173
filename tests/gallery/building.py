"""Small schemas, query sides, retrievers, images and galleries for tests of gallery and commands."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from attrieve.gallery.manifest import Manifest, Part
from attrieve.gallery.rows import Row
from attrieve.gallery.store import Columns, Gallery
from attrieve.models.configuration import BackboneSettings, HeadKind, RetrieverKind, RetrieverSettings
from attrieve.models.query_side import QuerySide
from attrieve.models.retriever import Retriever
from attrieve.schema import Attribute, AttributeSchema, Group, GroupKind, ImageSource
from attrieve.scoring.fusion import Fusion

NAMES = ("young", "adult", "old", "hat", "scarf", "nothing", "backpack", "bag")


def small_schema(name: str = "small") -> AttributeSchema:
    return AttributeSchema(
        name,
        tuple(Attribute(word, word) for word in NAMES),
        (
            Group("age", GroupKind.EXCLUSIVE, ("young", "adult", "old")),
            Group("hat", GroupKind.BINARY, ("hat",)),
            Group("scarf", GroupKind.BINARY, ("scarf",)),
            Group("carrying", GroupKind.MULTI_WITH_NONE, ("nothing", "backpack", "bag"), "nothing"),
        ),
    )


def settings(kind: RetrieverKind = RetrieverKind.MULTI_TASK) -> RetrieverSettings:
    return RetrieverSettings(
        kind=kind,
        head=HeadKind.POOLED,
        height_px=64,
        width_px=32,
        backbone=BackboneSettings(name="mobilenetv2", last_stride=2),
        embedding_dim=6,
        encoder_hidden=10,
    )


def training_categories(seed: int = 0, count: int = 12) -> tuple[torch.Tensor, torch.Tensor]:
    generator = np.random.default_rng(seed)
    categories = generator.integers(0, 2, (count, len(NAMES))).astype(np.int8)
    categories[generator.random(categories.shape) < 0.05] = -1
    return torch.from_numpy(categories), torch.from_numpy(generator.integers(1, 9, count))


def remember(query_side: QuerySide, seed: int = 0) -> QuerySide:
    if query_side.encoder is not None:
        for layer in query_side.encoder.layers:
            if isinstance(layer, torch.nn.Linear):
                torch.nn.init.normal_(layer.bias, std=0.3)
    categories, counts = training_categories(seed)
    known = categories >= 0
    rate = (categories.clamp_min(0).float().sum(0) / known.float().sum(0)).clamp(0.05, 0.95)
    query_side.remember_training(categories, counts, rate)
    return query_side.eval()


def small_query_side(seed: int = 0, kind: RetrieverKind = RetrieverKind.MULTI_TASK) -> QuerySide:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return remember(QuerySide(settings(kind), small_schema()), seed)


def small_retriever(
    seed: int = 0,
    kind: RetrieverKind = RetrieverKind.MULTI_TASK,
    schema: AttributeSchema | None = None,
    name: str = "small-run",
) -> Retriever:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        retriever = Retriever(settings(kind), schema or small_schema(), name=name)
    remember(retriever.query, seed)
    return retriever.eval()


def gallery_of(
    probability: np.ndarray | None,
    embedding: np.ndarray | None,
    query_side: QuerySide,
    keys: list[str] | None = None,
    fusion: Fusion | None = None,
) -> Gallery:
    """A gallery in memory; rows are sorted by key, as the store does it."""
    given = probability if probability is not None else embedding
    count = 0 if given is None else len(given)
    names = keys if keys is not None else [f"{index:04d}" for index in range(count)]
    by_key = sorted(range(count), key=lambda index: names[index])
    rows = tuple(Row(names[index], ImageSource(Path(f"{names[index]}.png"))) for index in by_key)
    tables = [
        None if table is None else torch.from_numpy(table.astype(np.float32))[by_key]
        for table in (probability, embedding)
    ]
    manifest = Manifest(query_side.schema, "run", "0" * 16, fusion or Fusion(), (Part("part", count),))
    return Gallery(Path("nowhere"), manifest, query_side, rows, Columns(*tables) if count else None)


def random_gallery(count: int, seed: int = 0, fusion: Fusion | None = None) -> Gallery:
    generator = np.random.default_rng(seed)
    query_side = small_query_side(seed)
    embedding = generator.normal(size=(count, query_side.settings.embedding_dim))
    embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
    keys = [f"{generator.integers(0, 2**60):016x}" for _ in range(count)]
    return gallery_of(generator.random((count, len(NAMES))), embedding, query_side, keys, fusion)


def write_images(folder: Path, count: int, seed: int = 0) -> list[ImageSource]:
    """Random little pictures, no two alike."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    sources = []
    for index in range(count):
        pixels = generator.integers(0, 256, (20, 10, 3), dtype=np.uint8)
        path = folder / f"crop-{index:03d}.png"
        Image.fromarray(pixels).save(path)
        sources.append(ImageSource(path))
    return sources
