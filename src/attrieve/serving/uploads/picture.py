"""From the bytes of a stranger's file to pixels; runs in the confined process and nowhere else."""

from io import BytesIO

from PIL import Image, UnidentifiedImageError

from attrieve.data.archives import ArchiveHandles
from attrieve.data.decoding import open_rgb
from attrieve.errors import ImageError
from attrieve.serving.uploads.verdict import Verdict

FORMATS = ("JPEG", "PNG", "WEBP")
"""Formats that are taken, by Pillow's names; JPEG opens the several pictures of a phone's MPO, too."""


class RefusedPictureError(Exception):
    """A file that is not taken.

    Args:
        verdict: why, in one word.
        reason: why, for a person.
    """

    def __init__(self, verdict: Verdict, reason: str) -> None:
        super().__init__(reason)
        self.verdict = verdict
        self.reason = reason


def decode(content: bytes, pixel_limit: int) -> tuple[Image.Image, str]:
    """Return a file's picture, upright and RGB, and what was left out of the file.

    Raises:
        RefusedPictureError: for whatever is no single, whole picture of at most so many pixels.
        MemoryError: if it needs more than there is.
    """
    if not content:
        raise RefusedPictureError(Verdict.EMPTY, "the file is empty")
    kind = _kind(content, pixel_limit)
    try:
        with ArchiveHandles() as archives:
            picture = open_rgb(content, pixel_limit, archives)
    except ImageError as error:
        told = str(error).replace(f"{len(content)} bytes in memory: ", "", 1)
        raise RefusedPictureError(Verdict.DAMAGED, told) from error
    end = picture_end(content, kind)
    left_out = 0 if end is None else len(content) - end
    return picture, f"{left_out:,} bytes behind the end of the picture were left out" if left_out > 0 else ""


def _kind(content: bytes, pixel_limit: int) -> str:
    """Look at the header alone."""
    try:
        with Image.open(BytesIO(content), formats=FORMATS) as opened:
            width, height = opened.size
            frames = int(getattr(opened, "n_frames", 1))
            kind = str(opened.format)
    except MemoryError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise RefusedPictureError(Verdict.TOO_MANY_PIXELS, f"{error}; at most {pixel_limit:,}") from error
    except UnidentifiedImageError:
        told = f"the file is no {', '.join(FORMATS[:-1])} or {FORMATS[-1]} picture, whatever its name says"
        raise RefusedPictureError(Verdict.NOT_AN_IMAGE, told) from None
    except Exception as error:  # decoders raise nearly anything on damaged input
        raise RefusedPictureError(Verdict.DAMAGED, f"the picture's header is damaged ({error})") from error
    if width < 1 or height < 1:
        raise RefusedPictureError(Verdict.DAMAGED, f"the picture is {width} x {height} pixels")
    if width * height > pixel_limit:
        told = f"the picture is {width} x {height} pixels; at most {pixel_limit:,} in all are taken"
        raise RefusedPictureError(Verdict.TOO_MANY_PIXELS, told)
    if frames > 1 and kind != "MPO":  # of the several views of a phone's picture the first is meant
        raise RefusedPictureError(Verdict.ANIMATED, f"the file holds {frames} pictures in motion; send one")
    return "JPEG" if kind == "MPO" else kind


def picture_end(content: bytes, kind: str) -> int | None:
    """Return where the picture ends in its file, or None if that cannot be told.

    What comes behind is no part of the picture: a second file that was put there, as in a polyglot.
    """
    return {"PNG": _png_end, "JPEG": _jpeg_end, "WEBP": _webp_end}[kind](content)


def _png_end(content: bytes) -> int | None:
    at = 8
    while at + 12 <= len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        kind = content[at + 4 : at + 8]
        at += 12 + length
        if kind == b"IEND":
            return min(at, len(content))
    return None


def _webp_end(content: bytes) -> int | None:
    length = int.from_bytes(content[4:8], "little")
    end = 8 + length + length % 2
    return end if end <= len(content) else None


def _jpeg_end(content: bytes) -> int | None:
    """Walk over the segments; within the coded picture only FF 00 and restart marks may stand."""
    at = 2
    while (at := content.find(b"\xff", at)) >= 0 and at + 1 < len(content):
        mark = content[at + 1]
        if mark == 0xD9:
            return at + 2
        if mark in (0x00, 0xFF) or mark == 0x01 or 0xD0 <= mark <= 0xD7:
            at += 1 if mark == 0xFF else 2
        else:
            at += 2 + max(2, int.from_bytes(content[at + 2 : at + 4], "big"))
    return None
