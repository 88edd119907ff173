"""What a row of a gallery is known by, and how its source is written down."""

import hashlib
from pathlib import Path

from attrieve.schema import ImageSource


def content_key(image_bytes: bytes) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of an image file's bytes.

    The same image is the same row wherever it lies and however often it is indexed.

    >>> content_key(b"")
    'e3b0c44298fc1c14'
    """
    return hashlib.sha256(image_bytes).hexdigest()[:16]


def source_to_json(source: ImageSource) -> dict[str, str]:
    """Return a source as plain JSON values; :func:`source_from_json` reads it back."""
    document = {"path": str(source.path)}
    if source.member:
        document["member"] = source.member
    return document


def source_from_json(document: dict[str, str]) -> ImageSource:
    """Read a source written by :func:`source_to_json`."""
    return ImageSource(Path(document["path"]), document.get("member", ""))
