"""Hats, scarves, sunglasses, headphones, hair bands and kerchiefs."""

from attrieve.data.synthetic.canvas import Canvas, Number, Point
from attrieve.data.synthetic.chance import Chance, Part
from attrieve.data.synthetic.palette import CLOTH, Colour, contrast_to, mixed, scaled, shade_of
from attrieve.data.synthetic.parts import DrawnPart
from attrieve.data.synthetic.person import DrawnPerson

BRIGHT = ("Red", "Yellow", "Purple", "Green", "Orange", "Pink", "Blue", "White", "Grey")


def draw_muffler(canvas: Canvas, person: DrawnPerson) -> None:
    """Draw a scarf round the neck with a hanging end, over trunk and chin."""
    if not person.traits.has("accessoryMuffler"):
        return
    chance, skeleton = person.look[Part.ACCESSORY], person.skeleton
    colour = shade_of(CLOTH[chance.choice(BRIGHT)], chance)
    unit = skeleton.unit
    x, y = skeleton.neck
    dark = scaled(colour, 0.72)
    centre = (x, y - 0.012 * unit)
    wide = 0.064 if not skeleton.is_side else 0.06
    side = skeleton.ahead or (1 if chance.flag(0.5) else -1)
    start = (x + side * 0.022 * unit, y)
    length = chance.between(0.13, 0.2) * unit
    if not skeleton.is_side and not skeleton.is_front:
        length *= 0.55
    half = 0.021 * unit
    end = (start[0] + side * 0.01 * unit, start[1] + length)
    canvas.polygon(
        [
            (start[0] - half, start[1]),
            (start[0] + half, start[1]),
            (end[0] + half, end[1]),
            (end[0] - half, end[1]),
        ],
        dark,
    )
    for step in (0.3, 0.55, 0.8):
        canvas.line(
            [(end[0] - half, start[1] + length * step), (end[0] + half, start[1] + length * step)],
            contrast_to(colour),
            unit * 0.007,
            150,
        )
    canvas.ellipse(centre, (wide * unit, 0.034 * unit), colour)
    canvas.line([(x - 0.05 * unit, y - 0.02 * unit), (x + 0.045 * unit, y)], dark, unit * 0.009)
    canvas.line([(x - 0.045 * unit, y), (x + 0.03 * unit, y + 0.013 * unit)], dark, unit * 0.007)


def draw_headwear(canvas: Canvas, person: DrawnPerson) -> None:
    """Draw everything worn on the head, over the hair."""
    traits, chance = person.traits, person.look[Part.ACCESSORY]
    if traits.has("accessorySunglasses"):
        with canvas.drawing(DrawnPart.SUNGLASSES):
            _draw_sunglasses(canvas, person)
    if traits.has("accessoryHairBand"):
        with canvas.drawing(DrawnPart.HAIR_BAND):
            _draw_hair_band(canvas, person, shade_of(CLOTH[chance.choice(BRIGHT)], chance))
    if traits.has("accessoryKerchief"):
        with canvas.drawing(DrawnPart.KERCHIEF):
            _draw_kerchief(canvas, person, shade_of(CLOTH[chance.choice(BRIGHT)], chance))
    if traits.has("accessoryHat"):
        with canvas.drawing(DrawnPart.HAT):
            _draw_hat(canvas, person, chance)
    if traits.has("accessoryHeadphone"):
        with canvas.drawing(DrawnPart.HEADPHONE):
            _draw_headphone(canvas, person)


def _draw_sunglasses(canvas: Canvas, person: DrawnPerson) -> None:
    skeleton = person.skeleton
    (x, y), (wide, high) = skeleton.head, skeleton.head_radii
    black: Colour = (12, 12, 14)
    fine = max(1.0, high * 0.08)
    if skeleton.is_side:
        ahead = skeleton.ahead
        canvas.ellipse((x + ahead * wide * 0.68, y + high * 0.02), (wide * 0.36, high * 0.24), black)
        canvas.line(
            [(x + ahead * wide * 0.7, y - high * 0.06), (x - ahead * wide * 0.1, y - high * 0.02)],
            black,
            fine,
        )
        return
    if not skeleton.is_front:
        for side in (-1, 1):
            canvas.line([(x + side * wide * 1.12, y), (x + side * wide * 0.96, y + high * 0.04)], black, fine)
        return
    x += skeleton.turn * wide * 0.28
    for side in (-1, 1):
        centre = (x + side * wide * 0.4, y + high * 0.03)
        canvas.ellipse(centre, (wide * 0.42, high * 0.25), black)
        canvas.line(
            [
                (centre[0] - wide * 0.14, centre[1] - high * 0.08),
                (centre[0] + wide * 0.06, centre[1] - high * 0.1),
            ],
            (190, 200, 214),
            fine * 0.7,
        )
        canvas.line([centre, (x + side * wide * 0.95, y - high * 0.04)], black, fine)
    canvas.line([(x - wide * 0.4, y - high * 0.06), (x + wide * 0.4, y - high * 0.06)], black, fine)


def _draw_hair_band(canvas: Canvas, person: DrawnPerson, colour: Colour) -> None:
    skeleton = person.skeleton
    (x, y), (wide, high) = skeleton.head, skeleton.head_radii
    if skeleton.is_side:
        ahead = skeleton.ahead
        line = [
            (x + ahead * wide * 0.36, y - high * 1.05),
            (x + ahead * wide * 0.1, y - high * 0.5),
            (x - ahead * wide * 0.06, y - high * 0.02),
        ]
        canvas.line(line, colour, high * 0.17)
        return
    up = 0.66 if skeleton.is_front else 0.42
    points = [
        (x + wide * 1.02 * share, y - high * (up + 0.22 * (1 - share * share)))
        for share in (-1, -0.5, 0, 0.5, 1)
    ]
    canvas.line(points, colour, high * 0.17)


def _draw_kerchief(canvas: Canvas, person: DrawnPerson, colour: Colour) -> None:
    """Draw a cloth over the head, tied under the chin or at the nape."""
    skeleton = person.skeleton
    (x, y), (wide, high) = skeleton.head, skeleton.head_radii
    dot = contrast_to(colour)
    ahead = skeleton.ahead
    if ahead:
        points = [
            (0.72, -0.56),
            (0.4, -1.08),
            (-0.4, -1.12),
            (-1.16, -0.5),
            (-1.2, 0.5),
            (-0.7, 1.15),
            (0.3, 1.05),
            (0.24, 0.4),
            (0.36, -0.3),
        ]
        canvas.polygon([(x + ahead * a * wide, y + b * high) for a, b in points], colour)
    elif skeleton.is_front:
        canvas.half_disc((x, y - high * 0.05), (wide * 1.2, high * 1.1), (190, 350), colour)
        for side in (-1, 1):
            canvas.polygon(
                [
                    (x + side * wide * 0.78, y - high * 0.5),
                    (x + side * wide * 1.2, y - high * 0.2),
                    (x + side * wide * 1.1, y + high * 0.8),
                    (x, y + high * 1.2),
                    (x + side * wide * 0.72, y + high * 0.55),
                ],
                colour,
            )
    else:
        canvas.ellipse((x, y), (wide * 1.18, high * 1.1), colour)
        canvas.polygon(
            [(x - wide * 1.1, y + high * 0.2), (x + wide * 1.1, y + high * 0.2), (x, y + high * 1.75)], colour
        )
    for across, down in ((-0.5, -0.7), (0.1, -0.86), (0.55, -0.7), (-0.85, -0.2)):
        canvas.ellipse(
            (x + (across if not ahead else -ahead * 0.3 + across * 0.5) * wide, y + down * high),
            (wide * 0.08, high * 0.06),
            dot,
        )


def _draw_hat(canvas: Canvas, person: DrawnPerson, chance: Chance) -> None:
    kind = chance.choice(("cap", "cap", "beanie", "brim"))
    colour = shade_of(CLOTH[chance.choice(tuple(CLOTH))], chance)
    skeleton = person.skeleton
    (x, y), (wide, high) = skeleton.head, skeleton.head_radii
    dark = mixed(colour, contrast_to(colour), 0.35)
    rim = y - high * 0.3

    def at(across: Number, down: Number) -> Point:
        return x + across * wide, y + down * high

    dome = 1.08 if kind != "beanie" else 1.14
    canvas.half_disc((x, rim), (wide * 1.2, high * dome * 0.95), (180, 360), colour)
    canvas.polygon([at(-1.2, -0.3), at(1.2, -0.3), at(1.17, -0.42), at(-1.17, -0.42)], dark)
    if kind == "beanie":
        canvas.polygon([at(-1.22, -0.24), at(1.22, -0.24), at(1.18, -0.56), at(-1.18, -0.56)], dark)
        canvas.ellipse(at(0, -1.36), (wide * 0.22, high * 0.15), dark)
    elif kind == "brim":
        canvas.ellipse(at(0, -0.3), (wide * 1.85, high * 0.17), dark)
        canvas.polygon(
            [at(-1.19, -0.34), at(1.19, -0.34), at(1.14, -0.56), at(-1.14, -0.56)], scaled(dark, 0.6)
        )
    elif skeleton.is_side:
        ahead = skeleton.ahead
        canvas.polygon(
            [at(ahead * 0.7, -0.46), at(ahead * 2.0, -0.26), at(ahead * 1.95, -0.16), at(ahead * 0.7, -0.24)],
            dark,
        )
    elif skeleton.is_front:
        canvas.half_disc(at(skeleton.turn * 0.3, -0.34), (wide * 1.15, high * 0.3), (0, 180), dark)
    else:
        canvas.half_disc(at(0, -0.3), (wide * 0.36, high * 0.3), (180, 360), scaled(person.skin, 0.8))


def _draw_headphone(canvas: Canvas, person: DrawnPerson) -> None:
    skeleton = person.skeleton
    (x, y), (wide, high) = skeleton.head, skeleton.head_radii
    colour: Colour = person.look[Part.ACCESSORY].choice(((24, 24, 26), (228, 228, 230), (196, 40, 44)))
    if skeleton.is_side:
        canvas.line([(x - 0.1 * wide, y - 1.1 * high), (x - 0.12 * wide, y)], colour, high * 0.15)
        canvas.ellipse((x - skeleton.ahead * 0.12 * wide, y + high * 0.1), (wide * 0.36, high * 0.32), colour)
        return
    arc = [
        (x + wide * 1.16 * share, y - high * 1.14 * (1 - share * share) ** 0.5)
        for share in (-1, -0.85, -0.5, 0, 0.5, 0.85, 1)
    ]
    canvas.line(arc, colour, high * 0.14)
    for side in (-1, 1):
        canvas.ellipse((x + side * wide * 1.14, y + high * 0.1), (wide * 0.26, high * 0.34), colour)
