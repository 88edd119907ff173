"""Images that are at hand as Python objects."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from attrieve.gallery.sources.item import Metadata, SourceItem
from attrieve.schema import ImageSource, Person


class GivenSource:
    """A list of images or persons, in its own order; persons bring their camera and time along.

    Args:
        items: what to index; paths are made absolute.
        name: for messages.
    """

    def __init__(self, items: Sequence[ImageSource | Person], name: str = "the given images") -> None:
        self._items = items
        self._name = name

    @property
    def name(self) -> str:
        """For messages."""
        return self._name

    def __iter__(self) -> Iterator[SourceItem]:
        """Yield the images."""
        for item in self._items:
            source = item.image if isinstance(item, Person) else item
            source = replace(source, path=source.path.absolute())
            known = Metadata(item.camera, item.time) if isinstance(item, Person) else Metadata()
            yield SourceItem(source, known)

    def count(self) -> int:
        """Return the length of the list."""
        return len(self._items)
