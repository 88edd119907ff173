"""A small gallery on disk and a client of a service over it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from fastapi.testclient import TestClient
from PIL import Image

from attrieve.gallery.database.manifest import GalleryModel
from attrieve.gallery.database.rows import Box, GalleryRow, Measures
from attrieve.gallery.database.vectors import Vectors
from attrieve.gallery.database.writing import open_database_writer
from attrieve.gallery.rows import content_key
from attrieve.models.retriever import Retriever
from attrieve.schema import ImageSource
from attrieve.serving.app import create_app
from attrieve.serving.service import Service
from attrieve.serving.settings import read_settings
from gallery.building import small_retriever, write_images

ADDRESS = "http://127.0.0.1:8000"
START = datetime(2024, 5, 1, 12, tzinfo=UTC)
ROWS = 24


@dataclass(frozen=True)
class Place:
    """A gallery and what fills it.

    Row i was taken by camera C(i mod 3), i minutes after START, on track i // 4; every fourth keeps a
    thumbnail, the last one's image is gone, and the one before is a frame of a video.
    """

    folder: Path
    retriever: Retriever
    rows: tuple[GalleryRow, ...]
    probability: np.ndarray
    embedding: np.ndarray

    @property
    def gallery(self) -> Path:
        return self.folder / "gallery"

    @property
    def keys(self) -> list[str]:
        return [row.key for row in self.rows]


def make_place(folder: Path, rows: int = ROWS, seed: int = 0) -> Place:
    generator = np.random.default_rng(seed)
    retriever = small_retriever()
    width = retriever.settings.embedding_dim
    embedding = generator.normal(size=(rows, width)).astype(np.float32)
    embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
    probability = generator.random((rows, len(retriever.schema))).astype(np.float32)
    made = [_row(source, index, rows) for index, source in enumerate(write_images(folder / "images", rows))]
    with open_database_writer(
        folder / "gallery",
        model=GalleryModel.of(retriever),
        query_side=retriever.query_side(),
        thumbnails=True,
        user_columns=[pa.field("note", pa.string())],
    ) as writer:
        writer.add(made, Vectors(embedding, probability))
    (folder / "images" / f"crop-{rows - 1:03d}.png").unlink()
    return Place(folder, retriever, tuple(made), probability, embedding)


def _row(source: ImageSource, index: int, rows: int) -> GalleryRow:
    thumbnail = BytesIO()
    Image.new("RGB", (8, 16), (index, 100, 200)).save(thumbnail, "PNG")
    return GalleryRow(
        content_key(source.path.read_bytes()),
        source,
        camera=f"C{index % 3}",
        time=START + timedelta(minutes=index),
        track=f"T{index // 4}",
        frame=7 if index == rows - 2 else None,
        box=Box(1, 2, 10, 20),
        measures=Measures(10, 20, 50.0, 100.0, 40.0),
        thumbnail=thumbnail.getvalue() if index % 4 == 0 else None,
        user={"note": f"row {index}"},
    )


@contextmanager
def service_over(
    place: Place, state: Path, *, with_run: bool = True, raise_errors: bool = True, **settings: Any
) -> Iterator[tuple[TestClient, Service]]:
    """A client of a service in this process; its state starts empty in a folder."""
    given = {"gallery": place.gallery, "state": state, "search_threads": 1, **settings}
    app = create_app(read_settings(given, environment={}), retriever=place.retriever if with_run else None)
    with TestClient(app, base_url=ADDRESS, raise_server_exceptions=raise_errors) as client:
        yield client, app.state.service
