"""A gallery as Parquet, CSV or FiftyOne samples."""

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as parquet

from attrieve.errors import StorageError
from attrieve.gallery.database.filters import Filter
from attrieve.gallery.database.layout import EMBEDDING, PROBABILITY, THUMBNAIL, user_fields
from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.gallery.database.rows import GalleryRow, rows_of


class ExportKind(StrEnum):
    """What a gallery can be exported to."""

    PARQUET = "parquet"
    CSV = "csv"
    FIFTYONE = "fiftyone"


def export_gallery(
    snapshot: GallerySnapshot, path: Path | str, kind: ExportKind, wanted: Filter | None = None
) -> int:
    """Write rows to a file, which replaces an old one only when it is complete.

    * Parquet holds every column, vectors and thumbnails included, with their Arrow types.
    * CSV holds every column but vectors and thumbnails, and one column ``probability:NAME`` for each
      attribute. File names that are no UTF-8 stand as the store keeps them
      (:func:`~attrieve.gallery.database.text.escape_text`).
    * FiftyOne is the JSON document that ``fiftyone.Dataset.from_json`` reads; the attributes of a row are
      ``Classifications`` with the probability as confidence.

    Args:
        snapshot: the gallery.
        path: file to write.
        kind: its format.
        wanted: only rows that meet it, or None for all.

    Returns:
        Number of rows written.

    Raises:
        StorageError: if the disk refuses, or a row cannot be read; an old file stays.
    """
    write: dict[ExportKind, Callable[[GallerySnapshot, Path, Filter | None], int]] = {
        ExportKind.PARQUET: _write_parquet,
        ExportKind.CSV: _write_csv,
        ExportKind.FIFTYONE: _write_fiftyone,
    }
    with _replacing(Path(path)) as unfinished:
        return write[kind](snapshot, unfinished, wanted)


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    unfinished = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        os.close(descriptor)
        unfinished = Path(name)
        yield unfinished
        unfinished.replace(path)
    except (OSError, pa.ArrowException) as error:
        raise StorageError(
            f"cannot write {path}: {error}; free some space or choose another folder"
        ) from error
    finally:
        if unfinished is not None:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)


def _write_parquet(snapshot: GallerySnapshot, path: Path, wanted: Filter | None) -> int:
    count = 0
    with parquet.ParquetWriter(path, snapshot.arrow_schema, compression="zstd") as writer:
        for batch in snapshot.stream(wanted, thumbnails=True):
            writer.write_batch(batch.select(snapshot.arrow_schema.names))
            count += len(batch)
    return count


def _write_csv(snapshot: GallerySnapshot, path: Path, wanted: Filter | None) -> int:
    schema = _flat_schema(snapshot)
    count = 0
    with arrow_csv.CSVWriter(path, schema) as writer:
        for batch in snapshot.stream(wanted):
            columns = [batch.column(name) for name in schema.names if name in batch.schema.names]
            if PROBABILITY in batch.schema.names:
                flat = batch.column(PROBABILITY).flatten()
                width = batch.column(PROBABILITY).type.list_size
                columns += [flat.take(pa.array(range(at, len(flat), width))) for at in range(width)]
            writer.write_batch(pa.record_batch(columns, schema=schema))
            count += len(batch)
    return count


def _flat_schema(snapshot: GallerySnapshot) -> pa.Schema:
    fields = [
        field for field in snapshot.arrow_schema if field.name not in {EMBEDDING, PROBABILITY, THUMBNAIL}
    ]
    if snapshot.model.recognises:
        names = snapshot.model.schema.names
        fields += [pa.field(f"probability:{name}", pa.float32()) for name in names]
    return pa.schema(fields)


_FIELD = "fiftyone.core.fields."
_FIFTYONE_TYPES = {
    str: f"{_FIELD}StringField",
    bool: f"{_FIELD}BooleanField",
    int: f"{_FIELD}IntField",
    float: f"{_FIELD}FloatField",
    datetime: f"{_FIELD}DateTimeField",
}


def _write_fiftyone(snapshot: GallerySnapshot, path: Path, wanted: Filter | None) -> int:
    head = {
        "name": snapshot.folder.name,
        "media_type": "image",
        "info": {"model": snapshot.model.name, "fingerprint": snapshot.model.fingerprint},
        "sample_fields": _sample_fields(snapshot),
    }
    count = 0
    with path.open("w", encoding="ascii") as file:
        file.write(json.dumps(head)[:-1] + ', "samples": [')
        for batch in snapshot.stream(wanted):
            for sample in _samples(batch, snapshot):
                file.write((",\n" if count else "\n") + json.dumps(sample))
                count += 1
        file.write("\n]}\n")
    return count


def _sample_fields(snapshot: GallerySnapshot) -> dict[str, str]:
    text, number = f"{_FIELD}StringField", f"{_FIELD}FloatField"
    fields = {
        "filepath": text,
        "tags": f"{_FIELD}ListField({text})",
        "key": text,
        "camera": text,
        "track": text,
        "time": f"{_FIELD}DateTimeField",
        "blur": number,
        "brightness": number,
        "contrast": number,
    }
    if snapshot.model.recognises:
        fields["attributes"] = f"{_FIELD}EmbeddedDocumentField(fiftyone.core.labels.Classifications)"
    if snapshot.model.embedding_dim is not None:
        fields["embedding"] = f"{_FIELD}ListField({number})"
    for field in user_fields(snapshot.arrow_schema):
        fields[field.name] = next(
            name for kind, name in _FIFTYONE_TYPES.items() if isinstance(_example(field.type), kind)
        )
    return fields


def _example(kind: pa.DataType) -> object:
    """Return a value as Python sees one of this type; a truth value is a number there, so it comes first."""
    if pa.types.is_string(kind):
        return ""
    if pa.types.is_boolean(kind):
        return True
    if pa.types.is_timestamp(kind):
        return datetime.min
    return 0 if pa.types.is_integer(kind) else 0.0


def _samples(batch: pa.RecordBatch, snapshot: GallerySnapshot) -> Iterator[dict[str, object]]:
    vectors = {name: batch.column(name) for name in (EMBEDDING, PROBABILITY) if name in batch.schema.names}
    rest = [name for name in batch.schema.names if name not in vectors]
    for place, row in enumerate(rows_of(pa.Table.from_batches([batch.select(rest)]))):
        sample = _sample(row)
        if PROBABILITY in vectors:
            sample["attributes"] = {
                "_cls": "Classifications",
                "classifications": [
                    {"_cls": "Classification", "label": name, "confidence": chance, "tags": []}
                    for name, chance in zip(
                        snapshot.model.schema.names, vectors[PROBABILITY][place].as_py(), strict=True
                    )
                ],
            }
        if EMBEDDING in vectors:
            sample["embedding"] = vectors[EMBEDDING][place].as_py()
        yield sample


def _sample(row: GalleryRow) -> dict[str, object]:
    measures = row.measures
    values: dict[str, object] = {
        "filepath": str(row.source),
        "tags": [],
        "metadata": None
        if measures is None
        else {"_cls": "ImageMetadata", "width": measures.width, "height": measures.height},
        "key": row.key,
        "camera": row.camera,
        "track": row.track,
        "time": row.time,
        "blur": measures and measures.blur,
        "brightness": measures and measures.brightness,
        "contrast": measures and measures.contrast,
        **row.user,
    }
    return {name: _in_json(value) for name, value in values.items()}


def _in_json(value: object) -> object:
    """Return a moment as the milliseconds FiftyOne's JSON has for it."""
    return {"$date": round(value.timestamp() * 1000)} if isinstance(value, datetime) else value
