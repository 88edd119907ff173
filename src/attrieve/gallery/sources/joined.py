"""Several sources as one."""

from collections.abc import Iterator, Sequence

from attrieve.gallery.sources.item import Source, SourceItem


class JoinedSource:
    """Sources one after the other.

    Args:
        sources: in order; none is fine.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = tuple(sources)

    @property
    def name(self) -> str:
        """All their names."""
        return ", ".join(source.name for source in self._sources)

    def __iter__(self) -> Iterator[SourceItem]:
        """Yield the images of each source in turn."""
        for source in self._sources:
            yield from source

    def count(self) -> int | None:
        """Return the sum, or None if one does not know."""
        total = 0
        for source in self._sources:
            count = source.count()
            if count is None:
                return None
            total += count
        return total
