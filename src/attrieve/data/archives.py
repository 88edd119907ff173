"""Zip archives opened once per thread, so that images can stay inside them."""

import os
import threading
import zipfile
from pathlib import Path
from types import TracebackType

from attrieve.errors import DatasetError, ImageError

BYTE_LIMIT = 512 * 1024 * 1024
"""Largest file or archive member, in bytes, that is read into memory as one image."""


class ArchiveHandles:
    """Open zip archives, one handle per archive and thread, closed together.

    A :class:`zipfile.ZipFile` serialises its readers, and opening one reads the whole directory
    (0.2 s for 19,000 members), so each thread keeps its own for as long as this object lives.
    """

    def __init__(self) -> None:
        self._local = threading.local()
        self._lock = threading.Lock()
        self._opened: list[zipfile.ZipFile] = []

    def __enter__(self) -> "ArchiveHandles":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every handle; threads that still read from one fail."""
        with self._lock:
            opened, self._opened = self._opened, []
            self._local = threading.local()
        for archive in opened:
            archive.close()

    def read(self, path: Path, member: str) -> bytes:
        """Return the content of one member.

        Raises:
            ImageError: if the archive or the member is missing, damaged, encrypted or larger than
                :data:`BYTE_LIMIT` bytes when unpacked.
        """
        named = f"{path}!{member}"
        try:
            archive = self._open(path)
            size = archive.getinfo(member).file_size
            if size > BYTE_LIMIT:
                raise ImageError(f"{named}: unpacks to {size:,} bytes; at most {BYTE_LIMIT:,} are read")
            return archive.read(member)
        except KeyError:
            raise ImageError(
                f"{named}: the archive has no such member; list it and name one it has"
            ) from None
        except ImageError:
            raise
        except Exception as error:  # zipfile and the decompressors raise many kinds on damage
            raise ImageError(f"{named}: cannot be read from the archive ({error}); copy it anew") from error

    def _open(self, path: Path) -> zipfile.ZipFile:
        handles: dict[Path, zipfile.ZipFile] = self._local.__dict__.setdefault("handles", {})
        archive = handles.get(path)
        if archive is None:
            archive = zipfile.ZipFile(path)
            handles[path] = archive
            with self._lock:
                self._opened.append(archive)
        return archive


def list_members(path: Path) -> list[zipfile.ZipInfo]:
    """Return the files of an archive, without folders, in the order of their names (ASCII).

    Raises:
        DatasetError: if ``path`` is not a readable zip archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if not info.is_dir()]
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise DatasetError(f"expected a zip archive at {os.fspath(path)}: {error}; copy it anew") from error
    return sorted(members, key=lambda info: info.filename)


def read_member(path: Path, member: str) -> bytes:
    """Return the content of one member that is not an image, such as an annotation file.

    Raises:
        DatasetError: if the archive or the member is missing or damaged.
    """
    try:
        with ArchiveHandles() as archives:
            return archives.read(path, member)
    except ImageError as error:
        raise DatasetError(str(error)) from error
