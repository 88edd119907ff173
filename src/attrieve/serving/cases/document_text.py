"""Letters of an exported document: a font that is always there; what it lacks is told by number."""

from functools import cache
from pathlib import Path

FAMILY = "DejaVu"
STYLES = {"": "DejaVuSans.ttf", "B": "DejaVuSans-Bold.ttf"}
MONO = "DejaVuMono"
MONO_FILE = "DejaVuSansMono.ttf"


def font_folder() -> Path:
    """Return where matplotlib keeps the DejaVu fonts it brings along."""
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf"


@cache
def written_characters() -> frozenset[int]:
    """Return the code points that all of them can write."""
    from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

    found: list[set[int]] = []
    for name in (*STYLES.values(), MONO_FILE):
        with TTFont(font_folder() / name, lazy=True) as font:
            found.append(set(font.getBestCmap()))
    return frozenset(set.intersection(*found))


def writable(text: str) -> str:
    """Return text the font can write; other characters become their code, so that nothing is lost.

    >>> writable("Łódź 東\\x07")
    'Łódź [U+6771][U+0007]'
    """
    known = written_characters()
    return "".join(
        character
        if character == "\n" or (ord(character) >= 32 and ord(character) in known)
        else (" " if character == "\t" else f"[U+{ord(character):04X}]")
        for character in text
    )
