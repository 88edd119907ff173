"""What becomes of each file of an upload."""

from dataclasses import dataclass
from enum import StrEnum

NAME_MOST = 255
"""Most characters of a file's name that are kept."""


class Verdict(StrEnum):
    """What a file turned out to be; all but the first are refused."""

    ACCEPTED = "accepted"
    EMPTY = "empty"
    TOO_LARGE = "too-large"
    TOO_MANY = "too-many"
    TOO_MANY_PIXELS = "too-many-pixels"
    NOT_AN_IMAGE = "not-an-image"
    ANIMATED = "animated"
    DAMAGED = "damaged"
    ENCRYPTED = "encrypted"
    BROKE_THE_DECODER = "broke-the-decoder"
    BAD_METADATA = "bad-metadata"


@dataclass(frozen=True)
class FileVerdict:
    """What became of one file.

    Args:
        name: as the client named it, made fit to be shown; never a path to anything.
        verdict: what it is.
        reason: for a person; also says what was left out of an accepted file.
        key: of the row an accepted image becomes, or None.
        width_px: of an accepted image, upright, or None.
        height_px: of an accepted image, upright, or None.
    """

    name: str
    verdict: Verdict
    reason: str
    key: str | None = None
    width_px: int | None = None
    height_px: int | None = None


def shown_name(name: str) -> str:
    """Return a file's name fit to be stored and shown: a label, with nothing in it that is no text.

    >>> shown_name("a\\x00b\\ud800.png"), shown_name("../../etc/passwd"), len(shown_name("x" * 9999))
    ('a\\ufffdb\\ufffd.png', '../../etc/passwd', 255)
    """
    clean = "".join(character if _is_text(character) else "\ufffd" for character in name[: 4 * NAME_MOST])
    clean = clean.strip()
    return clean if len(clean) <= NAME_MOST else clean[: NAME_MOST - 1] + "…"


def _is_text(character: str) -> bool:
    code = ord(character)
    if code < 32 or 127 <= code < 160 or 0xD800 <= code < 0xE000:
        return False
    # marks that turn the direction of writing round make a name look like another
    return code not in (0x061C, 0x200E, 0x200F) and not (0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069)
