"""Writing files so that nothing is lost: a new version replaces the old one whole, or not at all."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from attrieve.errors import StorageError


def write_atomically(path: Path, content: bytes | memoryview) -> None:
    """Write a file through a temporary neighbour, so that a crash or a full disk leaves the old one.

    Raises:
        StorageError: naming the file and the reason.
    """
    write_together({path: content})


def write_together(contents: Mapping[Path, bytes | memoryview]) -> None:
    """Write files that belong together: all are on disk before the first replaces its predecessor.

    They are replaced in the order given, so the last one tells that all are there.

    Raises:
        StorageError: naming the file and the reason; every predecessor is unharmed then.
    """
    temporary: dict[Path, Path] = {}
    try:
        for path, content in contents.items():
            with _told(path, content):
                temporary[path] = _reserve(path)
                _fill(temporary[path], content)
        for path, content in contents.items():
            with _told(path, content):
                temporary[path].replace(path)
    finally:
        for left in temporary.values():
            with suppress(OSError):
                left.unlink(missing_ok=True)


@contextmanager
def _told(path: Path, content: bytes | memoryview) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"cannot write {path} ({len(content):,} bytes): {error.strerror or error}; "
            "what stood there before is unharmed. Free some space or choose another folder"
        ) from error


def _reserve(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    os.close(descriptor)
    return Path(name)


def _fill(path: Path, content: bytes | memoryview) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    path.chmod(0o666 & ~_umask())


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
