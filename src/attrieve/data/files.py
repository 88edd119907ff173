"""Writing files so that nothing is lost: a new version replaces the old one whole, or not at all."""

import os
import tempfile
from pathlib import Path

from attrieve.errors import StorageError


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file through a temporary neighbour, so that a crash or a full disk leaves the old one.

    Raises:
        StorageError: naming the file, the reason and the space left.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        temporary = Path(name)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise StorageError(
            f"cannot write {path} ({len(content):,} bytes): {error.strerror or error}; "
            "what stood there before is unharmed. Free some space or choose another folder"
        ) from error


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
