"""From a source to a key and pixels, one image at a time, in a thread."""

from collections.abc import Container
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import UInt8

from attrieve.data.archives import ArchiveHandles
from attrieve.data.decoding import read_bytes
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
        content = read_bytes(source, archives)
        row = Row(content_key(content), source)
        if isinstance(item, Person):
            row = replace(row, camera=item.camera, time=item.time)
        if row.key in known_keys:
            return Prepared(source, row)
        pixels = resize_image(decode_image(content), *input_size)
    except ImageError as error:
        return Prepared(source, problem=str(error))
    return Prepared(source, row, pixels)
