"""What the colour names of PETA look like, and shades of them."""

from attrieve.data.synthetic.chance import Chance

Colour = tuple[int, int, int]
"""Red, green, blue, each 0..255."""

CLOTH: dict[str, tuple[Colour, ...]] = {
    "Black": ((26, 26, 30), (38, 37, 40), (20, 22, 28)),
    "Blue": ((40, 74, 158), (32, 52, 112), (78, 120, 190)),
    "Brown": ((104, 68, 40), (128, 90, 58), (84, 56, 38)),
    "Green": ((44, 116, 62), (72, 104, 48), (98, 150, 84)),
    "Grey": ((122, 124, 128), (146, 147, 148), (98, 101, 106)),
    "Orange": ((232, 122, 32), (222, 104, 44), (240, 146, 62)),
    "Pink": ((236, 138, 176), (222, 110, 158), (242, 176, 196)),
    "Purple": ((112, 56, 148), (90, 50, 120), (142, 98, 176)),
    "Red": ((186, 32, 38), (158, 28, 44), (210, 50, 46)),
    "White": ((236, 236, 234), (226, 228, 232), (240, 236, 226)),
    "Yellow": ((232, 200, 44), (240, 216, 88), (216, 186, 56)),
}
"""Cloth and leather by colour name."""

HAIR: dict[str, tuple[Colour, ...]] = {
    **CLOTH,
    "Black": ((24, 20, 20), (34, 29, 28)),
    "Brown": ((96, 62, 38), (76, 50, 34), (122, 82, 50)),
    "Grey": ((140, 140, 142), (160, 158, 156)),
    "Red": ((150, 62, 32), (170, 76, 40)),
    "White": ((228, 226, 222), (216, 216, 216)),
    "Yellow": ((214, 182, 112), (228, 200, 136), (196, 160, 92)),
}
"""Hair by colour name; yellow is blond."""

SKIN: tuple[Colour, ...] = (
    (241, 204, 178),
    (228, 184, 152),
    (206, 158, 122),
    (172, 122, 88),
    (128, 86, 60),
    (94, 62, 46),
)
"""Skin tones from light to dark."""


def scaled(colour: Colour, factor: float | int) -> Colour:
    """Return a colour lighter (above 1) or darker (below 1).

    >>> scaled((100, 200, 10), 1.5)
    (150, 255, 15)
    """
    red, green, blue = colour
    return min(255, int(red * factor)), min(255, int(green * factor)), min(255, int(blue * factor))


def mixed(one: Colour, other: Colour, share: float | int) -> Colour:
    """Return ``one`` with a share of ``other`` in [0, 1].

    >>> mixed((0, 0, 0), (200, 100, 50), 0.5)
    (100, 50, 25)
    """
    red, green, blue = (int(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def brightness(colour: Colour) -> float:
    """Return how light a colour is, 0 black to 255 white."""
    return 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]


def shade_of(shades: tuple[Colour, ...], chance: Chance) -> Colour:
    """Return one of the shades of a colour, a little lighter or darker."""
    return scaled(chance.choice(shades), chance.between(0.93, 1.07))


def contrast_to(colour: Colour) -> Colour:
    """Return off-white against a dark colour, charcoal against a light one."""
    return (232, 230, 224) if brightness(colour) < 128 else (44, 44, 52)


def detail_of(colour: Colour, strength: float | int = 0.45) -> Colour:
    """Return a colour for seams and edges: darker than a light cloth, lighter than a black one."""
    if brightness(colour) < 70:
        return mixed(colour, (190, 190, 196), strength * 0.75)
    return scaled(colour, 1 - strength)
