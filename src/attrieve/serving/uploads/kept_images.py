"""Where uploaded images lie once they are pixels again: one PNG file each, named by what it was made of."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path

from PIL import Image

from attrieve.data.files import write_atomically
from attrieve.errors import StorageError
from attrieve.gallery.rows import copy_name

FOLDER = "images"


class KeptImages:
    """A folder of PNG files, one for each image.

    The key of an image is that of the bytes that were sent, of which nothing is kept, so that the same file
    is the same row whether it is uploaded or indexed. Its picture is named by that key and by the SHA-256 of
    what was written; see :func:`~attrieve.gallery.rows.copy_name`.

    Args:
        state: folder of the service's state.
    """

    def __init__(self, state: Path) -> None:
        self.folder = (state / FOLDER).absolute()

    def keep(self, picture: Image.Image, key: str) -> Path:
        """Write a picture, if it is not there yet; return its file, which is on the disk then.

        Args:
            picture: RGB. Nothing but its pixels is written.
            key: of the image it was decoded from.

        Raises:
            StorageError: if the disk refuses.
        """
        buffer = BytesIO()
        # of a picture made of pixels alone, whatever it carried along before
        Image.frombytes("RGB", picture.size, picture.tobytes()).save(buffer, "PNG")
        content = buffer.getvalue()
        path = self.folder / key[:2] / f"{copy_name(key, content)}.png"
        if not self._holds(path, content):
            write_atomically(path, content)
        return path

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
