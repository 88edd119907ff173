"""``gallery.json`` as a file: the same for every format of a gallery, and free of heavy imports."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from attrieve.data.files import write_atomically
from attrieve.errors import GalleryFormatError, InputError, StorageError

MANIFEST_NAME = "gallery.json"

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+")  # one letter would be a drive


def require_folder(gallery: Path | str) -> Path:
    """Return the folder of a gallery, or refuse what is the address of something else.

    As a path, ``s3://bucket/gallery`` would be a folder ``s3:`` under the current one.

    Raises:
        InputError: for the address of object storage, or any other with a scheme.

    >>> require_folder("people").name
    'people'
    """
    scheme = _ADDRESS.match(str(gallery))
    if scheme is not None:
        address = f"{scheme[1]}://{str(gallery)[scheme.end() :]}"
        raise InputError(
            f"expected the folder of a gallery, got the address {address}: galleries on object storage are "
            "not supported. Put it on this machine or on a shared file system with locks (NFS 4, Lustre, "
            "CephFS); a finished gallery can be copied to a bucket, and back to a folder to be used"
        )
    return Path(gallery)


def write_document(folder: Path, document: Mapping[str, object]) -> None:
    """Put a manifest in the place of the folder's.

    Raises:
        StorageError: if the disk refuses; the old one stays.
    """
    write_atomically(folder / MANIFEST_NAME, (json.dumps(document, indent=1) + "\n").encode("ascii"))


def read_document(folder: Path, version: int) -> dict[str, object]:
    """Read a gallery's manifest file, of one format version, as plain JSON.

    Raises:
        InputError: for an address in the place of a folder.
        GalleryFormatError: if the folder is no gallery, or one of another format.
        StorageError: if the manifest cannot be read.
    """
    path = require_folder(folder) / MANIFEST_NAME
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
