"""The only place where image files become pixels, and where pixels change size.

Training, indexing and queries all pass through :func:`decode_image` and :func:`resize_image`, so a
crop looks the same to the model wherever it comes from. Arrays are uint8 RGB, 0 to 255, with the
axes (height, width, channel), the origin at the top left.
"""

from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

from attrieve.data.archives import BYTE_LIMIT, ArchiveHandles
from attrieve.errors import ImageError
from attrieve.schema.person import ImageSource

PIXEL_LIMIT = 50_000_000
"""Most pixels (width times height) an image may claim in its header before it is decoded."""

IMAGE_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")  # JPEG opens MPO, too
"""Formats tried, by Pillow's names. Others, among them those that start programs, are refused."""

IMAGE_EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"}
)
"""File name endings, in lower case, taken for images when folders are read."""


def decode_image(
    source: ImageSource | bytes | Path, *, pixel_limit: int = PIXEL_LIMIT
) -> UInt8[np.ndarray, "height width 3"]:
    """Decode one image to RGB.

    The EXIF orientation is applied, palettes, grey, 16-bit grey and CMYK are converted, transparent
    parts lie over white, and of an animation the first frame is taken.

    Args:
        source: a file, a member of a zip archive, or the encoded bytes.
        pixel_limit: most pixels the header may claim; checked before anything is decoded. Pillow's
            own limit (about 179 million) stays in force above it.

    Returns:
        uint8 RGB, 0 to 255, shape (height, width, 3).

    Raises:
        ImageError: if the source is missing, empty, truncated, no image, of zero size or too large;
            names the source.

    >>> buffer = BytesIO()
    >>> Image.new("RGBA", (3, 2), (255, 0, 0, 0)).save(buffer, "PNG")
    >>> decode_image(buffer.getvalue()).shape, decode_image(buffer.getvalue())[0, 0].tolist()
    ((2, 3, 3), [255, 255, 255])
    """
    with ArchiveHandles() as archives:
        return np.array(open_rgb(source, pixel_limit, archives))


def resize_image(
    image: UInt8[np.ndarray, "height width 3"], height_px: int, width_px: int
) -> UInt8[np.ndarray, "new_height new_width 3"]:
    """Resize by bilinear interpolation with antialiasing; the aspect ratio may change.

    Each pixel is the mean of the source pixels under a triangle, as wide as two target pixels when
    shrinking and two source pixels when growing.

    Raises:
        ImageError: if either the image or the wanted size is empty.

    >>> resize_image(np.full((4, 4, 3), 7, dtype=np.uint8), 2, 1).tolist()
    [[[7, 7, 7]], [[7, 7, 7]]]
    """
    require_size(height_px, width_px)
    if image.size == 0:
        raise ImageError(f"cannot resize an image of shape {image.shape}; it has no pixels")
    return np.array(resize_rgb(Image.fromarray(np.ascontiguousarray(image)), height_px, width_px))


def open_rgb(source: ImageSource | bytes | Path, pixel_limit: int, archives: ArchiveHandles) -> Image.Image:
    """As :func:`decode_image`, but a Pillow image, read through archives that stay open."""
    name = f"{len(source)} bytes in memory" if isinstance(source, bytes) else str(source)
    content = read_bytes(source, archives)
    if not content:
        raise ImageError(f"{name}: the file is empty; copy it anew or leave it out")
    try:
        with Image.open(BytesIO(content), formats=IMAGE_FORMATS) as opened:
            _check_header(opened.size, pixel_limit, name)
            opened.load()
            return _to_rgb(_upright(opened), name)
    except ImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(f"{name}: {error}; at most {pixel_limit:,} pixels are decoded") from error
    except UnidentifiedImageError:
        raise ImageError(f"{name}: not an image in one of the formats {', '.join(IMAGE_FORMATS)}") from None
    except Exception as error:  # decoders raise nearly anything on damaged input
        raise ImageError(f"{name}: damaged or truncated image ({error}); copy it anew") from error


def read_bytes(source: ImageSource | bytes | Path, archives: ArchiveHandles) -> bytes:
    """Return an image's encoded bytes, from a file or an archive.

    Raises:
        ImageError: naming the source, if it is missing, too large or cannot be read.
    """
    if isinstance(source, bytes):
        return source
    if isinstance(source, ImageSource) and source.member:
        return archives.read(source.path, source.member)
    path = source.path if isinstance(source, ImageSource) else source
    try:
        if not path.is_file():
            raise ImageError(f"{path}: no such image file; check the path")
        size = path.stat().st_size
        if size > BYTE_LIMIT:
            raise ImageError(f"{path}: holds {size:,} bytes; at most {BYTE_LIMIT:,} are read")
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise ImageError(f"{path}: cannot be read ({reason}); check the name and the rights") from error


def _check_header(size: tuple[int, int], pixel_limit: int, name: str) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise ImageError(f"{name}: the image is {width} x {height} pixels; it must have at least one")
    if width * height > pixel_limit:
        raise ImageError(
            f"{name}: claims {width} x {height} = {width * height:,} pixels; at most {pixel_limit:,} are "
            "decoded; shrink it first"
        )


def _upright(image: Image.Image) -> Image.Image:
    """Apply the EXIF orientation; damaged EXIF data leave the picture as it lies."""
    with suppress(Exception):
        return ImageOps.exif_transpose(image)
    return image


def _to_rgb(image: Image.Image, name: str) -> Image.Image:
    if image.mode == "RGB" and not image.has_transparency_data:
        return image
    if image.mode.startswith("I"):
        deep = np.clip(np.array(image).astype(np.int64), 0, 65535) >> 8
        return Image.fromarray(deep.astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise ImageError(f"{name}: holds floating-point pixels, whose range is unknown; save it with 8 bits")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("RGB")


def resize_rgb(image: Image.Image, height_px: int, width_px: int) -> Image.Image:
    """As :func:`resize_image`, between Pillow images."""
    return image.resize((width_px, height_px), Image.Resampling.BILINEAR)


def require_size(height_px: int, width_px: int) -> None:
    """Refuse a wanted size without pixels."""
    if height_px < 1 or width_px < 1:
        raise ImageError(f"image size must be at least 1 x 1 pixels, got {height_px} x {width_px}")
