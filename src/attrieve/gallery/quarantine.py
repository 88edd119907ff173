"""Images that could not be indexed, each with the reason; they never stop a run."""

import json
from collections.abc import Mapping
from pathlib import Path

from attrieve.data.files import write_atomically
from attrieve.errors import StorageError
from attrieve.gallery.rows import source_from_json, source_to_json
from attrieve.schema import ImageSource

QUARANTINE_NAME = "quarantine.jsonl"


def read_quarantine(folder: Path) -> dict[ImageSource, str]:
    """Return the reason for every image in quarantine; empty if there is no such file.

    Raises:
        StorageError: if the file cannot be read.
    """
    path = folder / QUARANTINE_NAME
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from error
    try:
        documents = [json.loads(line) for line in lines if line]
        return {source_from_json(document): str(document["reason"]) for document in documents}
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError(f"{path} is damaged ({error}); delete it and index again") from error


def write_quarantine(folder: Path, reasons: Mapping[ImageSource, str]) -> None:
    """Replace the list of images in quarantine, sorted by source.

    Raises:
        StorageError: if the disk refuses; the old list stays.
    """
    lines = [
        json.dumps({**source_to_json(source), "reason": reasons[source]}) + "\n" for source in sorted(reasons)
    ]
    write_atomically(folder / QUARANTINE_NAME, "".join(lines).encode("ascii"))


class Quarantine:
    """The list of a gallery while a run adds to it; entries of earlier runs stay until found sound."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._saved = read_quarantine(folder)
        self._reasons = dict(self._saved)

    def refuse(self, source: ImageSource, reason: str) -> None:
        """Put an image on the list."""
        self._reasons[source] = reason

    def release(self, source: ImageSource) -> None:
        """Take an image off the list, if it is there: it could be indexed after all."""
        self._reasons.pop(source, None)

    def save(self) -> None:
        """Bring the list on disk up to date.

        Raises:
            StorageError: if the disk refuses; the old list stays.
        """
        if self._reasons != self._saved:
            write_quarantine(self.folder, self._reasons)
            self._saved = dict(self._reasons)
