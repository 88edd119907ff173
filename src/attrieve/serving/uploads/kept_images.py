"""Where uploaded images lie once they are pixels again: one PNG file each, named by what it holds."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path

from PIL import Image

from attrieve.data.files import write_atomically
from attrieve.errors import StorageError
from attrieve.gallery.rows import content_key

FOLDER = "images"


class KeptImages:
    """A folder of PNG files; the same pixels are kept once.

    A file is named by the SHA-256 of its bytes, whose first digits are the key of the gallery row, so that
    the same upload makes the same row each time.

    Args:
        state: folder of the service's state.
    """

    def __init__(self, state: Path) -> None:
        self.folder = (state / FOLDER).absolute()

    def keep(self, picture: Image.Image) -> tuple[str, Path]:
        """Write a picture, if it is not there yet; return the key it has as a row, and its file.

        It is on the disk when this returns.

        Args:
            picture: RGB. Nothing but its pixels is written.

        Raises:
            StorageError: if the disk refuses.
        """
        buffer = BytesIO()
        # of a picture made of pixels alone, whatever it carried along before
        Image.frombytes("RGB", picture.size, picture.tobytes()).save(buffer, "PNG")
        content = buffer.getvalue()
        name = hashlib.sha256(content).hexdigest()
        path = self.folder / name[:2] / f"{name}.png"
        if not self._holds(path, content):
            write_atomically(path, content)
        return content_key(content), path

    def relative(self, path: Path) -> str | None:
        """Return a file's name within the folder, or None if it is not one of ours.

        Compared as text: what a row names as its source is never followed.
        """
        with suppress(ValueError):
            inside = path.relative_to(self.folder)
            if len(inside.parts) == 2 and ".." not in inside.parts:
                return inside.as_posix()
        return None

    def files(self) -> Iterator[Path]:
        """Yield all kept images."""
        yield from self.folder.glob("??/*.png")

    def remove(self, paths: Iterable[Path]) -> int:
        """Delete files that are ours and there; return how many. Others are left alone.

        Raises:
            StorageError: if the disk refuses.
        """
        count = 0
        for path in paths:
            if self.relative(path) is None:
                continue
            try:
                path.unlink()
            except FileNotFoundError:
                continue
            except OSError as error:
                raise StorageError(f"cannot delete {path}: {error.strerror}") from error
            count += 1
        return count

    @staticmethod
    def _holds(path: Path, content: bytes) -> bool:
        """Whether a file is there, whole; a loss of power may have cut one."""
        try:
            return path.stat().st_size == len(content) and path.read_bytes() == content
        except OSError:
            return False
