"""Letters of an exported document: fonts that come along, and others of the machine for what they lack."""

import unicodedata
from collections.abc import Set
from pathlib import Path

FAMILY = "DejaVu"
STYLES = {"": "DejaVuSans.ttf", "B": "DejaVuSans-Bold.ttf"}
MONO = "DejaVuMono"
MONO_FILE = "DejaVuSansMono.ttf"

_ENDINGS = (".ttf", ".otf", ".ttc", ".otc")
_JOINERS = "\u200c\u200d"
"""Without them some scripts cannot be written; they show nothing by themselves."""

_RESTRICTED = 0x0002
"""Bit of a font's OS/2 table ``fsType``: it may not be put into documents."""


def font_folder() -> Path:
    """Return where matplotlib keeps the DejaVu fonts it brings along."""
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf"


def writable(text: str, known: Set[int]) -> str:
    """Return text that fonts can write; other characters become their code, so that nothing is lost.

    So do characters that show nothing but change how others are shown, such as those that turn the direction
    of writing round.

    Args:
        text: any text.
        known: code points the fonts can write.

    >>> writable("Łódź 東\\x07", {*map(ord, "Łódź ")})
    'Łódź [U+6771][U+0007]'
    """
    return "".join(
        character
        if is_written(character, known)
        else (" " if character == "\t" else f"[U+{ord(character):04X}]")
        for character in text
    )


def is_written(character: str, known: Set[int]) -> bool:
    """Return whether fonts that know these code points write a character as itself."""
    if character == "\n":
        return True
    shown = unicodedata.category(character)[0] != "C" or character in _JOINERS
    return shown and ord(character) in known


def needs_shaping(text: str) -> bool:
    """Return whether text is read from right to left, or its letters change by those beside them.

    >>> needs_shaping("Łódź 東"), needs_shaping("محطة"), needs_shaping("नमस्ते")
    (False, True, True)
    """
    return any(
        unicodedata.bidirectional(character) in ("R", "AL") or unicodedata.category(character)[0] == "M"
        for character in text
        if ord(character) >= 0x300
    )


def fonts_for(characters: Set[str], folder: Path) -> list[Path]:
    """Return fonts that together write characters as far as those of a folder can, the fewer the better.

    Of fonts that write equally many, an upright one without serifs is taken. Fonts that hold bitmaps alone,
    that may not be put into documents, or that cannot be read, are passed over.

    Args:
        characters: to be written.
        folder: looked through with all folders below; it need not be there.
    """
    lacking = {ord(character) for character in characters if is_written(character, {ord(character)})}
    if not lacking:
        return []
    found = [(path, _known(path) & lacking) for path in _font_files(folder)]
    chosen: list[Path] = []
    while lacking and found:
        path, known = max(found, key=lambda one: len(one[1] & lacking))  # the first of equal ones
        if not known & lacking:
            break
        chosen.append(path)
        lacking -= known
    return chosen


def _font_files(folder: Path) -> list[Path]:
    def plainness(path: Path) -> tuple[bool, bool, str]:
        return "Regular" not in path.stem, "Sans" not in path.stem, str(path)

    try:
        files = [path for path in folder.rglob("*") if path.suffix.lower() in _ENDINGS and path.is_file()]
    except OSError:
        return []
    return sorted(files, key=plainness)


def _known(path: Path) -> frozenset[int]:
    """Return the code points of a font, of a collection's first one; none if it is of no use."""
    from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

    try:
        with path.open("rb") as file, TTFont(file, lazy=True, fontNumber=0) as font:
            outlines = "glyf" in font or "CFF " in font
            if not outlines or ("OS/2" in font and font["OS/2"].fsType & _RESTRICTED):
                return frozenset()
            return frozenset(font.getBestCmap() or ())
    except Exception:  # fontTools raises nearly anything on damaged files
        return frozenset()
