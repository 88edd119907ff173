"""Pictures of rows: decoded, made smaller and encoded anew, or a placeholder that says why there is none."""

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from attrieve.data.decoding import decode_image
from attrieve.errors import ImageError
from attrieve.gallery.database.rows import GalleryRow

CROP_PX = 1024
"""Longest side of a crop that is sent; larger ones are made smaller."""

THUMBNAIL_PX = (256, 128)
"""Height and width of the box a thumbnail is fitted into."""

JPEG_QUALITY = 88
_GROUND, _FIGURE = "#e4e7eb", "#b6bcc6"


@dataclass(frozen=True)
class Picture:
    """An encoded picture.

    Args:
        content: its bytes.
        media_type: image/jpeg or image/png.
        missing: None, or why this is a placeholder.
    """

    content: bytes
    media_type: str
    missing: str | None = None


def read_pixels(row: GalleryRow, pixels_most: int) -> UInt8[np.ndarray, "height width 3"]:
    """Decode the image a row was made from.

    Raises:
        ImageError: if it is gone, cannot be read, or is a frame of a video, which is not kept.
    """
    if row.frame is not None:
        raise ImageError(f"{row.source}: frame {row.frame} of a video; only the thumbnail of it is kept")
    try:
        return decode_image(row.source, pixel_limit=pixels_most)
    except ValueError as error:  # a name no file can have
        raise ImageError(f"{row.source}: {error}") from error


def crop_of(row: GalleryRow, pixels_most: int) -> Picture:
    """Return the picture of a row, its longest side at most :data:`CROP_PX`."""
    try:
        pixels = read_pixels(row, pixels_most)
    except ImageError as error:
        return _stored_or_placeholder(row, error, pixels_most, (CROP_PX, CROP_PX))
    return _jpeg(Image.fromarray(pixels), (CROP_PX, CROP_PX))


def thumbnail_of(row: GalleryRow, pixels_most: int) -> Picture:
    """Return a little picture of a row: the one the gallery keeps, or one made of the image."""
    if row.thumbnail is not None:
        try:
            return _jpeg(Image.fromarray(decode_image(row.thumbnail, pixel_limit=pixels_most)), THUMBNAIL_PX)
        except ImageError:
            pass  # what is kept is damaged; the image may still be there
    try:
        pixels = read_pixels(row, pixels_most)
    except ImageError as error:
        return placeholder(reason_of(row, error))
    return _jpeg(Image.fromarray(pixels), THUMBNAIL_PX)


def missing_image(row: GalleryRow, pixels_most: int) -> str | None:
    """Return why the image of a row cannot be shown, or None if it can."""
    try:
        read_pixels(row, pixels_most)
    except ImageError as error:
        return reason_of(row, error)
    return None


def placeholder(reason: str) -> Picture:
    """Return a grey figure in the place of a picture."""
    height, width = THUMBNAIL_PX
    image = Image.new("RGB", (width, height), _GROUND)
    draw = ImageDraw.Draw(image)
    middle = width / 2
    draw.ellipse((middle - 18, 44, middle + 18, 84), _FIGURE)
    draw.rounded_rectangle((middle - 30, 92, middle + 30, 170), 22, _FIGURE)
    draw.rounded_rectangle((middle - 22, 160, middle - 3, 236), 9, _FIGURE)
    draw.rounded_rectangle((middle + 3, 160, middle + 22, 236), 9, _FIGURE)
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return Picture(buffer.getvalue(), "image/png", reason)


def _stored_or_placeholder(
    row: GalleryRow, error: ImageError, pixels_most: int, box: tuple[int, int]
) -> Picture:
    if row.thumbnail is not None:
        try:
            kept = decode_image(row.thumbnail, pixel_limit=pixels_most)
        except ImageError:
            return placeholder(reason_of(row, error))
        return _jpeg(Image.fromarray(kept), box)
    return placeholder(reason_of(row, error))


def reason_of(row: GalleryRow, error: ImageError) -> str:
    """Return why there is no picture; where it should lie is told as the row's source, and not in words."""
    said = str(error).removeprefix(f"{row.source}: ")
    return said.replace(str(row.source.path), row.source.path.name)  # what opens archives names them too


def _jpeg(image: Image.Image, box: tuple[int, int]) -> Picture:
    """Encode pixels and nothing else: no metadata of the original goes along."""
    height, width = box
    if image.width > width or image.height > height:
        image.thumbnail((width, height), Image.Resampling.LANCZOS)
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return Picture(buffer.getvalue(), "image/jpeg")
