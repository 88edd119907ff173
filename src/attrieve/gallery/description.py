"""What a gallery holds, summed up: rows, models, columns, cameras, times, quality, disk."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as compute

from attrieve.gallery.database.lance import batches, open_table, row_ids, table_path, told
from attrieve.gallery.database.layout import THUMBNAIL, user_fields
from attrieve.gallery.database.manifest import QUERY_SIDE_NAME, DatabaseManifest, GalleryModel, ModelState
from attrieve.gallery.database.reading import fragments
from attrieve.gallery.database.text import unescape_text
from attrieve.gallery.quarantine import read_quarantine

if TYPE_CHECKING:
    from lancedb.table import Table

MEASURES = ("width", "height", "blur", "brightness", "contrast")


@dataclass(frozen=True)
class ModelFacts:
    """One model of a gallery.

    Args:
        model: as the manifest has it.
        active: whether the gallery is searched by it.
        rows: it has described.
        fragments: pieces its table is stored in; many small ones are slow, compacting merges them.
        versions: of its table that are kept on disk.
        bytes_on_disk: of its table, all versions.
        calibrated: whether its hits have probabilities of a match.
    """

    model: GalleryModel
    active: bool
    rows: int
    fragments: int
    versions: int
    bytes_on_disk: int
    calibrated: bool = False


@dataclass(frozen=True)
class Spread:
    """A measure over the rows that have it.

    Args:
        least: smallest value.
        median: middle value.
        most: largest value.
        unknown: rows without a value.
    """

    least: float
    median: float
    most: float
    unknown: int


@dataclass(frozen=True)
class GalleryFacts:
    """What a gallery holds, as far as the model it is searched by has described it.

    Args:
        folder: where it lies.
        rows: number of rows.
        models: all of them.
        columns: name and type of each column; ``own`` are the user's.
        own: names of the user's own columns.
        thumbnails: whether rows may hold little pictures.
        bytes_on_disk: of the whole folder.
        query_side_bytes: of that, what embeds descriptions.
        search_bytes: of that, what searching keeps to start fast; it may be deleted.
        cameras: rows of each, most first.
        without_camera: rows that name none.
        first_time: of all rows, or None.
        last_time: of all rows, or None.
        without_time: rows that name none.
        quality: spread of each measure that any row has: pixels, grey levels, variance.
        quarantined: images that could not be indexed.
    """

    folder: Path
    rows: int
    models: tuple[ModelFacts, ...]
    columns: dict[str, str]
    own: tuple[str, ...]
    thumbnails: bool
    bytes_on_disk: int
    query_side_bytes: int
    search_bytes: int
    cameras: dict[str, int]
    without_camera: int
    first_time: datetime | None
    last_time: datetime | None
    without_time: int
    quality: dict[str, Spread]
    quarantined: int

    def to_json(self) -> dict[str, object]:
        """Return plain JSON values."""
        return {
            "gallery": str(self.folder),
            "rows": self.rows,
            "models": [
                {
                    "name": facts.model.name,
                    "fingerprint": facts.model.fingerprint,
                    "active": facts.active,
                    "state": facts.model.state.value,
                    "vocabulary": facts.model.schema.name,
                    "embedding_dim": facts.model.embedding_dim,
                    "attributes": facts.model.attributes,
                    "rows": facts.rows,
                    "fragments": facts.fragments,
                    "versions": facts.versions,
                    "bytes": facts.bytes_on_disk,
                    "calibrated": facts.calibrated,
                }
                for facts in self.models
            ],
            "columns": [
                {"name": name, "type": kind, "own": name in self.own} for name, kind in self.columns.items()
            ],
            "thumbnails": self.thumbnails,
            "bytes": {
                "all": self.bytes_on_disk,
                "query_side": self.query_side_bytes,
                "search": self.search_bytes,
            },
            "cameras": self.cameras,
            "without_camera": self.without_camera,
            "time": {
                "first": None if self.first_time is None else self.first_time.isoformat(),
                "last": None if self.last_time is None else self.last_time.isoformat(),
                "unknown": self.without_time,
            },
            "quality": {name: vars(spread) for name, spread in self.quality.items()},
            "quarantined": self.quarantined,
        }


def describe_gallery(folder: Path | str) -> GalleryFacts:
    """Look through a gallery; vectors are not read, so this takes a second or two for a million rows.

    Raises:
        InputError: if the folder is no gallery.
        StorageError: if it cannot be read; :func:`~attrieve.gallery.database.verify.verify_database` says
            what is damaged.
    """
    folder = Path(folder)
    manifest = DatabaseManifest.read(folder)
    table = open_table(folder, manifest.model.table)
    models = tuple(_model_facts(folder, model, manifest) for model in manifest.models)
    tally = _tally(table)
    return GalleryFacts(
        folder=folder,
        rows=tally.rows,
        models=models,
        columns={field.name: str(field.type) for field in table.schema},
        own=tuple(field.name for field in user_fields(table.schema)),
        thumbnails=THUMBNAIL in table.schema.names,
        bytes_on_disk=folder_bytes(folder),
        query_side_bytes=folder_bytes(folder / QUERY_SIDE_NAME),
        search_bytes=folder_bytes(folder / "search"),
        cameras=dict(sorted(tally.cameras.items(), key=lambda item: (-item[1], item[0]))),
        without_camera=tally.without_camera,
        first_time=tally.first,
        last_time=tally.last,
        without_time=tally.without_time,
        quality=tally.spreads(),
        quarantined=len(read_quarantine(folder)),
    )


def _model_facts(folder: Path, model: GalleryModel, manifest: DatabaseManifest) -> ModelFacts:
    path = table_path(folder, model.table)
    if model.state is ModelState.FILLING and not path.is_dir():
        return ModelFacts(model, False, 0, 0, 0, 0)  # a re-embedding was stopped as it began
    table = open_table(folder, model.table)
    ids = row_ids(table)
    with told(f"cannot read the versions of {table.name}"):
        versions = len(table.list_versions())
    return ModelFacts(
        model,
        model.fingerprint == manifest.active,
        len(ids),
        len(fragments(ids)),
        versions,
        folder_bytes(path),
        # the name is checkpoint.CALIBRATION_FILE, which would load PyTorch
        (model.query_side_path(folder) / "calibration.json").is_file(),
    )


def folder_bytes(folder: Path) -> int:
    """Return the sizes of all files in a folder, added; files that vanish meanwhile count nothing."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return total


class _Tally:
    """Counts that grow batch by batch."""

    def __init__(self) -> None:
        self.rows = self.without_camera = self.without_time = 0
        self.cameras: Counter[str] = Counter()
        self.first: datetime | None = None
        self.last: datetime | None = None
        self._measured: dict[str, list[np.ndarray]] = {name: [] for name in MEASURES}

    def take(self, batch: pa.RecordBatch) -> None:
        """Count the rows of a batch."""
        self.rows += len(batch)
        for pair in batch.column("camera").value_counts().to_pylist():
            if pair["values"] is None:
                self.without_camera += pair["counts"]
            else:
                self.cameras[unescape_text(pair["values"])] += pair["counts"]
        time = batch.column("time")
        self.without_time += time.null_count
        ends = compute.min_max(time).as_py()
        if ends["min"] is not None:
            self.first = ends["min"] if self.first is None else min(self.first, ends["min"])
            self.last = ends["max"] if self.last is None else max(self.last, ends["max"])
        for name in MEASURES:
            known = batch.column(name).drop_null()
            self._measured[name].append(known.to_numpy(zero_copy_only=False).astype(np.float32))

    def spreads(self) -> dict[str, Spread]:
        """Return the spread of every measure that any row has."""
        found = {}
        for name, parts in self._measured.items():
            values = np.concatenate([np.zeros(0, np.float32), *parts])
            if len(values):
                least, median, most = (float(value) for value in np.quantile(values, [0, 0.5, 1]))
                found[name] = Spread(least, median, most, self.rows - len(values))
        return found


def _tally(table: "Table") -> _Tally:
    tally = _Tally()
    for batch in batches(table, ["camera", "time", *MEASURES], rows=65_536):
        tally.take(batch)
    return tally
