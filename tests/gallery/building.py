"""Small schemas, query sides, retrievers, images and galleries for tests of gallery and commands."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from attrieve.gallery.database.filters import Filter
from attrieve.gallery.database.keys import key_numbers
from attrieve.gallery.database.manifest import GalleryModel
from attrieve.gallery.database.rows import GalleryRow
from attrieve.gallery.database.vectors import Vectors
from attrieve.gallery.search_columns import SearchColumns
from attrieve.gallery.store import Gallery
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


class MemoryStore:
    """Rows in memory, in the place of a database; their ids are their places."""

    def __init__(self, keys: list[str]) -> None:
        self._rows = [GalleryRow(key, ImageSource(Path(f"{key}.png"))) for key in keys]

    def parse(self, terms: Iterable[str]) -> Filter:
        raise AssertionError("rows in memory are not filtered")

    def select(self, wanted: Filter) -> np.ndarray:
        raise AssertionError("rows in memory are not filtered")

    def rows_at(self, ids: np.ndarray) -> list[GalleryRow]:
        return [self._rows[index] for index in ids]


def gallery_of(
    probability: np.ndarray | None,
    embedding: np.ndarray | None,
    query_side: QuerySide,
    keys: list[str] | None = None,
    fusion: Fusion | None = None,
) -> Gallery:
    """A gallery in memory; row i has key i unless others are given."""
    given = probability if probability is not None else embedding
    count = 0 if given is None else len(given)
    names = keys if keys is not None else [f"{index:016x}" for index in range(count)]
    both = [None if table is None else table.astype(np.float32) for table in (embedding, probability)]
    columns = SearchColumns.of(Vectors(*both) if count else None, key_numbers(names))
    model = GalleryModel.of_query_side(query_side, "run", "0" * 16)
    if fusion is not None:
        model = replace(
            model,
            attribute_weight=fusion.attribute_weight,
            embedding_weight=fusion.embedding_weight,
            normalisation=fusion.normalisation.value,
        )
    return Gallery(Path("nowhere"), model, query_side, columns, MemoryStore(names))


def everything(gallery: Gallery) -> tuple[list[str], Vectors]:
    """Keys and vectors of all rows, sorted by key."""
    places = np.argsort(gallery.columns.key)
    return [f"{key:016x}" for key in gallery.columns.key[places].tolist()], gallery.columns.vectors(places)


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
