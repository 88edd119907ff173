"""Rows and vectors for tests of the gallery database."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from attrieve.gallery.database.manifest import GalleryModel
from attrieve.gallery.database.rows import Box, GalleryRow, Measures
from attrieve.gallery.database.vectors import Vectors
from attrieve.gallery.rows import content_key
from attrieve.schema import Attribute, AttributeSchema, Group, GroupKind, ImageSource

DIM = 6
START = datetime(2024, 1, 1, tzinfo=UTC)


def vocabulary(name: str = "small", attributes: tuple[str, ...] = ("hat", "bag", "coat")) -> AttributeSchema:
    return AttributeSchema(
        name,
        tuple(Attribute(word, word) for word in attributes),
        tuple(Group(word, GroupKind.BINARY, (word,)) for word in attributes),
    )


def model(fingerprint: str = "aaaa", **changes: object) -> GalleryModel:
    facts: dict[str, object] = {"name": f"run-{fingerprint}", "schema": vocabulary(), "embedding_dim": DIM}
    return GalleryModel(fingerprint=fingerprint, **(facts | changes))  # type: ignore[arg-type]


def key_of(number: int) -> str:
    return content_key(f"crop {number}".encode())


def vectors(numbers: list[int], salt: int = 0, dim: int = DIM) -> Vectors:
    """Vectors that depend on the number alone, so that a test can say what a row must hold."""
    drawn = [np.random.default_rng([salt, number]).normal(size=dim) for number in numbers]
    embedding = np.array(drawn).reshape(-1, dim)
    embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
    chance = np.array([np.random.default_rng([salt, number, 1]).random(3) for number in numbers]).reshape(
        -1, 3
    )
    return Vectors(embedding.astype(np.float32), chance.astype(np.float32))


def row(number: int, **changes: object) -> GalleryRow:
    facts: dict[str, object] = {
        "key": key_of(number),
        "source": ImageSource(Path(f"/crops/{number}.png")),
        "camera": f"C{number % 3}",
        "time": START + timedelta(days=number),
        "measures": Measures(64, 128, float(number), 100.0, 20.0),
        "box": Box(1.0, 2.0, 64.0, 128.0),
    }
    return GalleryRow(**(facts | changes))  # type: ignore[arg-type]


def rows(numbers: list[int], **changes: object) -> list[GalleryRow]:
    return [row(number, **changes) for number in numbers]
