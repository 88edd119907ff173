"""One image on its way into a gallery, before anything is decoded, and where it comes from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable

from attrieve.data.archives import ArchiveHandles
from attrieve.data.decoding import read_bytes
from attrieve.errors import ImageError
from attrieve.schema import ImageSource

Scalar = str | int | float | bool | datetime | None
"""What a user column holds of one image."""

Box = tuple[float, float, float, float]
"""x and y of the upper left corner, width and height, in pixels of the frame a crop was cut from."""


@dataclass(frozen=True)
class Metadata:
    """What is known of an image beside its pixels.

    Args:
        camera: name of the camera, or None.
        time: when the picture was taken, with or without a time zone, or None.
        track: name of the track a crop belongs to, or None.
        box: where in its frame the crop was, or None; nothing is cut out by it.
        columns: the user's own columns, by name.
    """

    camera: str | None = None
    time: datetime | None = None
    track: str | None = None
    box: Box | None = None
    columns: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True)
class SourceItem:
    """One image of a source; of ``content`` and ``problem`` at most one is there.

    Args:
        source: where it lies; what a source could not read at all is named here as well.
        metadata: what the source knows of it.
        content: encoded bytes, where the source streams; None means they are read from ``source``.
        problem: why there is nothing to decode, for the quarantine.
        key: the image is said to have, where its bytes may be those of a copy; see
            :func:`~attrieve.gallery.rows.stands_for`. None means that of its bytes.
    """

    source: ImageSource
    metadata: Metadata = field(default_factory=Metadata)
    content: bytes | None = field(default=None, repr=False)
    problem: str | None = None
    key: str | None = None

    def load(self, archives: ArchiveHandles) -> bytes:
        """Return the encoded bytes; may be called in any thread.

        Raises:
            ImageError: if they cannot be had; says why.
        """
        if self.problem is not None:
            raise ImageError(self.problem)
        if self.content is not None:
            return self.content
        return read_bytes(self.source, archives)


@runtime_checkable
class Source(Protocol):
    """Images in an order that is the same every time, as long as the files are.

    What cannot be read is an item with a ``problem``, so that it is reported and the rest goes on.
    """

    @property
    def name(self) -> str:
        """What it is, for messages."""

    def __iter__(self) -> Iterator[SourceItem]:
        """Yield the images, from the first on each time."""

    def count(self) -> int | None:
        """Return how many there are, or None where only reading everything would tell."""
