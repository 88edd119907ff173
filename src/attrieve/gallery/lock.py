"""One writer at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrieve.errors import StorageError

LOCK_NAME = "writer.lock"


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold the folder's writer lock; the system lets it go when the process ends, however it ends.

    Raises:
        StorageError: if another process writes to the folder, or the lock file cannot be made.
    """
    path = folder / LOCK_NAME
    try:
        file = path.open("ab")
    except OSError as error:
        raise StorageError(f"cannot open {path}: {error.strerror}; is the folder writable?") from error
    with file:
        try:
            _lock(file.fileno())
        except OSError as error:
            raise StorageError(f"another process is writing to {folder}; wait for it to end") from error
        yield


def _lock(descriptor: int) -> None:
    try:
        import fcntl
    except ImportError:  # Windows: one writer at a time is left to the caller
        return
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
