"""Images that stay inside a zip archive."""

from collections.abc import Iterator
from pathlib import Path

from attrieve.data.archives import list_members
from attrieve.gallery.sources.item import SourceItem
from attrieve.gallery.sources.naming import is_visible_image
from attrieve.schema import ImageSource


class ZipSource:
    """The images of a zip archive, by name; read in the decoding threads, one handle for each.

    Args:
        path: the archive; made absolute.

    Raises:
        DatasetError: if it is no readable zip archive.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).absolute()
        names = (info.filename for info in list_members(self.path))
        self._members = tuple(name for name in names if is_visible_image(name))

    @property
    def name(self) -> str:
        """The archive."""
        return str(self.path)

    def __iter__(self) -> Iterator[SourceItem]:
        """Yield the members; a damaged one is found out when it is read."""
        for member in self._members:
            yield SourceItem(ImageSource(self.path, member))

    def count(self) -> int:
        """Return how many images its directory lists."""
        return len(self._members)
