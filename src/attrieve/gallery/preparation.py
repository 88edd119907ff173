"""From a source to a key and pixels, one image at a time, in a thread."""

from collections.abc import Container
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from attrieve.data.archives import BYTE_LIMIT, ArchiveHandles
from attrieve.data.images import decode_image, resize_image
from attrieve.errors import ImageError
from attrieve.gallery.rows import Row, content_key
from attrieve.schema import ImageSource, Person


@dataclass(frozen=True)
class Prepared:
    """One source on its way into a gallery; of ``pixels`` and ``problem`` at most one is there.

    Args:
        source: as it was handed in, its path made absolute.
        row: what the gallery keeps of it, or None if it could not be read.
        pixels: resized RGB bytes, or None if the gallery has the image already.
        problem: why it goes to quarantine, or None.
    """

    source: ImageSource
    row: Row | None = None
    pixels: UInt8[np.ndarray, "height width 3"] | None = None
    problem: str | None = None


def prepare(
    item: ImageSource | Person,
    input_size: tuple[int, int],
    known_keys: Container[str],
    archives: ArchiveHandles,
) -> Prepared:
    """Read, hash, decode and resize one image; those with a known key are not decoded."""
    source = item.image if isinstance(item, Person) else item
    source = replace(source, path=source.path.absolute())
    try:
        content = _read(source, archives)
        row = Row(content_key(content), source)
        if isinstance(item, Person):
            row = replace(row, camera=item.camera, time=item.time)
        if row.key in known_keys:
            return Prepared(source, row)
        pixels = resize_image(decode_image(content), *input_size)
    except ImageError as error:
        return Prepared(source, problem=str(error))
    return Prepared(source, row, pixels)


def _read(source: ImageSource, archives: ArchiveHandles) -> bytes:
    if source.member:
        return archives.read(source.path, source.member)
    return _read_file(source.path)


def _read_file(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise ImageError("no such image file; check the path")
        if path.stat().st_size > BYTE_LIMIT:
            raise ImageError(f"larger than {BYTE_LIMIT:,} bytes, which no image of a person is")
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise ImageError(f"cannot be read ({error}); check the name and the rights") from error
