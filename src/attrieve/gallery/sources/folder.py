"""Every image below a folder."""

import os
from collections.abc import Iterator
from pathlib import Path

from attrieve.errors import DatasetError
from attrieve.gallery.sources.item import SourceItem
from attrieve.gallery.sources.naming import is_hidden, is_visible_image
from attrieve.schema import ImageSource


class FolderSource:
    """The images below a folder, whatever the depth, in the order of their paths.

    Links are followed, each folder visited once, so that loops end; hidden entries are left out, archives
    not entered. Folders are listed when their turn comes: what is added to one before that is found, what
    is added later is left to the next run, and what is gone by then goes to quarantine.

    Args:
        folder: where to look; made absolute.

    Raises:
        DatasetError: if it is no folder.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder).absolute()
        if not self.folder.is_dir():
            raise DatasetError(f"expected a folder at {self.folder}; nothing is there, or something else is")

    @property
    def name(self) -> str:
        """The folder."""
        return str(self.folder)

    def __iter__(self) -> Iterator[SourceItem]:
        """Yield images folder by folder; a folder that cannot be listed is an item with a problem."""
        for path, problem in _walk(str(self.folder)):
            yield SourceItem(ImageSource(Path(path)), problem=problem)

    def count(self) -> int:
        """Return how many items there are now; costs one walk, nothing is opened."""
        return sum(1 for _ in _walk(str(self.folder)))


def _walk(root: str) -> Iterator[tuple[str, str | None]]:
    """Yield paths of images, and of folders with the reason they cannot be listed."""
    visited: set[tuple[int, int]] = set()
    waiting = [(root, True)]
    while waiting:
        path, is_folder = waiting.pop()
        if not is_folder:
            yield path, None
            continue
        try:
            waiting.extend(reversed(_entries(path, visited)))
        except OSError as error:
            yield path, f"{path}: the folder cannot be listed ({error.strerror}); check the rights"


def _entries(folder: str, visited: set[tuple[int, int]]) -> list[tuple[str, bool]]:
    """Return subfolders (True) and images of a folder by name; nothing if it was visited before."""
    state = Path(folder).stat()
    if (state.st_dev, state.st_ino) in visited:
        return []
    visited.add((state.st_dev, state.st_ino))
    with os.scandir(folder) as scanned:
        named = sorted((entry.name, _is_folder(entry)) for entry in scanned if not is_hidden(entry.name))
    return [
        (f"{folder.rstrip('/')}/{name}", is_folder)
        for name, is_folder in named
        if is_folder or is_visible_image(name)
    ]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that points at itself
        return False
