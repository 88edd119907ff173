"""One row of a gallery: which image it is, and where and when it was taken."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from attrieve.errors import StorageError
from attrieve.schema import ImageSource


@dataclass(frozen=True)
class Row:
    """One person image of a gallery, without its vectors.

    Args:
        key: see :func:`content_key`.
        source: where the image lay when it was indexed.
        camera: name of the camera, or None.
        time: when the picture was taken, or None.
    """

    key: str
    source: ImageSource
    camera: str | None = None
    time: datetime | None = None


def content_key(image_bytes: bytes) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of an image file's bytes.

    The same image is the same row wherever it lies and however often it is indexed.

    >>> content_key(b"")
    'e3b0c44298fc1c14'
    """
    return hashlib.sha256(image_bytes).hexdigest()[:16]


def rows_to_bytes(rows: Sequence[Row]) -> bytes:
    """Write rows as JSON lines in ASCII, so that any file name is kept, line breaks and all."""
    return "".join(json.dumps(_to_json(row)) + "\n" for row in rows).encode("ascii")


def rows_from_bytes(content: bytes, where: str) -> list[Row]:
    """Read rows written by :func:`rows_to_bytes`.

    Raises:
        StorageError: naming ``where`` and the line, if one cannot be read.
    """
    rows = []
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line:
            continue
        try:
            rows.append(_from_json(json.loads(line)))
        except (ValueError, KeyError, TypeError) as error:
            raise StorageError(f"{where} is damaged at line {number} ({error}); index again") from error
    return rows


def _to_json(row: Row) -> dict[str, str]:
    document = {"key": row.key, **source_to_json(row.source)}
    if row.camera is not None:
        document["camera"] = row.camera
    if row.time is not None:
        document["time"] = row.time.isoformat()
    return document


def _from_json(document: dict[str, str]) -> Row:
    time = document.get("time")
    return Row(
        document["key"],
        source_from_json(document),
        document.get("camera"),
        None if time is None else datetime.fromisoformat(time),
    )


def source_to_json(source: ImageSource) -> dict[str, str]:
    """Return a source as plain JSON values; :func:`source_from_json` reads it back."""
    document = {"path": str(source.path)}
    if source.member:
        document["member"] = source.member
    return document


def source_from_json(document: dict[str, str]) -> ImageSource:
    """Read a source written by :func:`source_to_json`."""
    return ImageSource(Path(document["path"]), document.get("member", ""))
