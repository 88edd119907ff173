"""One writer at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrieve.data.file_lock import try_lock
from attrieve.errors import StorageError

LOCK_NAME = "writer.lock"


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold the folder's writer lock; the system lets it go when the process ends, however it ends.

    Raises:
        StorageError: if another process writes to the folder, or the lock file cannot be made.
    """
    with try_lock(folder / LOCK_NAME) as mine:
        if not mine:
            raise StorageError(f"another process is writing to {folder}; wait for it to end")
        yield
