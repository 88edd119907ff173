"""From an item of a source to a key, pixels and measures, one image at a time, in a thread."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import UInt8

from attrieve.data.archives import ArchiveHandles
from attrieve.data.decoding import PIXEL_LIMIT, open_rgb, resize_rgb
from attrieve.errors import ImageError
from attrieve.gallery.quality import Quality, ThumbnailFormat, measure_quality, thumbnail
from attrieve.gallery.rows import content_key, stands_for
from attrieve.gallery.sources.item import Metadata, SourceItem
from attrieve.schema import ImageSource


@dataclass(frozen=True)
class ReadImage:
    """One image that was read; without ``pixels`` and ``problem`` it is there already.

    Args:
        source: where it lay.
        metadata: what its source knew of it.
        key: of its bytes, or None if they could not be had.
        pixels: resized for the model.
        quality: measured before resizing; there if ``pixels`` are.
        thumbnail: an encoded small picture, if asked for.
        problem: why it goes to quarantine.
    """

    source: ImageSource
    metadata: Metadata
    key: str | None = None
    pixels: UInt8[np.ndarray, "height width 3"] | None = field(default=None, repr=False)
    quality: Quality | None = None
    thumbnail: bytes | None = field(default=None, repr=False)
    problem: str | None = None


@dataclass(frozen=True)
class ReadingSettings:
    """How images are read.

    Args:
        input_size: height and width in pixels the model wants.
        pixel_limit: most pixels an image may claim; see :func:`~attrieve.data.images.decode_image`.
        thumbnail_px: height of thumbnails, or None for none.
        thumbnail_format: how they are encoded.
    """

    input_size: tuple[int, int]
    pixel_limit: int = PIXEL_LIMIT
    thumbnail_px: int | None = None
    thumbnail_format: ThumbnailFormat = "webp"


def read_image(
    item: SourceItem, known: Callable[[str], bool], archives: ArchiveHandles, settings: ReadingSettings
) -> ReadImage:
    """Load, hash, decode, measure and resize one image; those with a known key are not decoded.

    An item that says its key is not even loaded if that is known, and has it only if its file stands for it.

    Whatever is wrong with the image ends in ``problem``; what ``known`` raises goes through.
    """
    read = ReadImage(item.source, item.metadata)
    if item.key is not None and item.problem is None and known(item.key):
        return replace(read, key=item.key)
    try:
        content = item.load(archives)
    except Exception as error:
        return replace(read, problem=_reason(error, item.source))
    said = item.key is not None and stands_for(item.source, content, item.key)
    read = replace(read, key=item.key if said else content_key(content))
    if read.key is not None and known(read.key):
        return read
    try:
        return _decoded(read, content, archives, settings)
    except Exception as error:  # one bad image never stops a run
        reason = _reason(error, item.source)
        # the decoder was given bytes; a person wants to know whose
        reason = reason.replace(f"{len(content)} bytes in memory", str(item.source), 1)
        return replace(read, problem=reason)


def _decoded(
    read: ReadImage, content: bytes, archives: ArchiveHandles, settings: ReadingSettings
) -> ReadImage:
    opened = open_rgb(content, settings.pixel_limit, archives)
    whole = np.asarray(opened)
    small = None
    if settings.thumbnail_px is not None:
        small = thumbnail(whole, settings.thumbnail_px, encoding=settings.thumbnail_format)
    return replace(
        read,
        pixels=np.array(resize_rgb(opened, *settings.input_size)),
        quality=measure_quality(whole[None])[0],
        thumbnail=small,
    )


def _reason(error: Exception, source: ImageSource) -> str:
    if isinstance(error, ImageError):
        return str(error)
    return f"{source}: {type(error).__name__}: {error}"
