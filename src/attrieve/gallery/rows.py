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


def copy_name(key: str, copy_bytes: bytes) -> str:
    """Return the name, without ending, of a picture that was made of another image file and stands for it.

    It bears the key of the image, and the SHA-256 of its own bytes, by which a change is noticed.

    >>> copy_name("0123456789abcdef", b"")[:24]
    '0123456789abcdef-e3b0c44'
    """
    return f"{key}-{hashlib.sha256(copy_bytes).hexdigest()}"


def stands_for(source: ImageSource, content: bytes, key: str) -> bool:
    """Return whether a file is the image of a row: the image itself, or a copy named by :func:`copy_name`.

    Only for a key that is known from elsewhere: a name alone proves nothing.

    Args:
        source: where the file lies.
        content: its bytes.
        key: of the row.
    """
    if content_key(content) == key:
        return True
    return not source.member and source.path.stem == copy_name(key, content)


def source_to_json(source: ImageSource) -> dict[str, str]:
    """Return a source as plain JSON values; :func:`source_from_json` reads it back."""
    document = {"path": str(source.path)}
    if source.member:
        document["member"] = source.member
    return document


def source_from_json(document: dict[str, str]) -> ImageSource:
    """Read a source written by :func:`source_to_json`."""
    return ImageSource(Path(document["path"]), document.get("member", ""))
