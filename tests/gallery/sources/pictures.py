"""Small picture files for tests of sources."""

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from attrieve.data.archives import ArchiveHandles
from attrieve.errors import ImageError
from attrieve.gallery.sources import Source


def picture(seed: int, encoding: str = "PNG") -> bytes:
    """Encode random pixels; another seed, other bytes."""
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 3, 3), dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, encoding)
    return buffer.getvalue()


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def read_all(source: Source) -> list[bytes | str]:
    """Load every item: its bytes, or the reason why not."""
    read: list[bytes | str] = []
    with ArchiveHandles() as archives:
        for item in source:
            try:
                read.append(item.load(archives))
            except ImageError as error:
                read.append(str(error))
    return read
