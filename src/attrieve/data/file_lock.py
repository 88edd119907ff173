"""A lock that the system lets go when its holder ends, however it ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrieve.errors import StorageError


@contextmanager
def try_lock(path: Path) -> Iterator[bool]:
    """Hold the lock file at ``path`` if nobody does, and say whether it is held now.

    The file is made if missing and stays; what counts is the lock on it, which ends with the process,
    kill -9 included. Without locks of files (Windows) every caller gets it.

    Raises:
        StorageError: if the file cannot be opened, or its file system knows no locks.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, try_lock(Path(folder) / "a.lock") as mine:
    ...     with try_lock(Path(folder) / "a.lock") as mine_too:
    ...         print(mine, mine_too)
    True False
    """
    try:
        file = path.open("ab")
    except OSError as error:
        raise StorageError(f"cannot open {path}: {error.strerror}; is the folder writable?") from error
    with file:
        try:
            _lock(file.fileno())
        except BlockingIOError:
            yield False
            return
        except OSError as error:
            raise StorageError(
                f"cannot lock {path}: {error.strerror}; choose a folder on a file system with locks"
            ) from error
        yield True


def _lock(descriptor: int) -> None:
    try:
        import fcntl
    except ImportError:  # Windows: one writer at a time is left to the caller
        return
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
