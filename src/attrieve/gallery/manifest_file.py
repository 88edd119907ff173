"""``gallery.json`` as a file: the same for every format of a gallery, and free of heavy imports."""

import json
from collections.abc import Mapping
from pathlib import Path

from attrieve.data.files import write_atomically
from attrieve.errors import GalleryFormatError, StorageError

MANIFEST_NAME = "gallery.json"


def write_document(folder: Path, document: Mapping[str, object]) -> None:
    """Put a manifest in the place of the folder's.

    Raises:
        StorageError: if the disk refuses; the old one stays.
    """
    write_atomically(folder / MANIFEST_NAME, (json.dumps(document, indent=1) + "\n").encode("ascii"))


def read_document(folder: Path, version: int) -> dict[str, object]:
    """Read a gallery's manifest file, of one format version, as plain JSON.

    Raises:
        GalleryFormatError: if the folder is no gallery, or one of another format.
        StorageError: if the manifest cannot be read.
    """
    path = folder / MANIFEST_NAME
    try:
        document = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise GalleryFormatError(
            f"{folder} is not a gallery: it holds no {MANIFEST_NAME}; "
            "make one with `attrieve index RUN GALLERY IMAGES`"
        ) from None
    except (OSError, ValueError) as error:
        raise StorageError(f"{path} cannot be read: {error}") from error
    found = document.get("format_version") if isinstance(document, dict) else None
    if found != version:
        raise GalleryFormatError(
            f"{path} has format version {found!r}, expected {version}; "
            "index again, or use the attrieve that wrote it"
        )
    return dict(document)
