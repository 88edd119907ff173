"""Head, face and hair."""

from attrieve.data.synthetic.canvas import Canvas, Number, Point
from attrieve.data.synthetic.chance import Part
from attrieve.data.synthetic.palette import HAIR, Colour, mixed, scaled, shade_of
from attrieve.data.synthetic.parts import DrawnPart
from attrieve.data.synthetic.person import DrawnPerson

EYE: Colour = (30, 24, 24)


def hair_colour(person: DrawnPerson) -> Colour:
    """Return the colour of the hair; two labels give a mixture."""
    chance = person.look[Part.HEAD]
    shades = [shade_of(HAIR[name], chance) for name in person.traits.colours("hair")[:2]]
    return shades[0] if len(shades) == 1 else mixed(shades[0], shades[1], 0.5)


def draw_hair_behind(canvas: Canvas, person: DrawnPerson, hair: Colour) -> None:
    """Draw long hair that falls behind the shoulders, before trunk and face."""
    skeleton = person.skeleton
    if person.traits.hair != "long" or not skeleton.is_front:
        return
    (x, y), (wide, high) = skeleton.head, skeleton.head_radii
    end = y + high * person.look[Part.HEAD].between(2.1, 2.7)
    points = [(x - wide * 1.12, y - high * 0.3), (x + wide * 1.12, y - high * 0.3)]
    points += [
        (x + wide * 1.55, end),
        (x + wide * 0.9, end + high * 0.12),
        (x - wide * 0.9, end + high * 0.12),
    ]
    canvas.polygon([*points, (x - wide * 1.55, end)], scaled(hair, 0.82))


def draw_neck(canvas: Canvas, person: DrawnPerson) -> None:
    """Draw the neck, before the garment's collar."""
    skeleton, unit = person.skeleton, person.skeleton.unit
    half = (0.033 if person.traits.is_male else 0.027) * unit
    (x, y), chin = skeleton.neck, skeleton.head[1] + skeleton.head_radii[1] * 0.6
    centre = skeleton.head[0] - skeleton.ahead * 0.12 * skeleton.head_radii[0]
    low = y + 0.012 * unit
    canvas.polygon(
        [(centre - half, chin), (centre + half, chin), (x + half, low), (x - half, low)],
        scaled(person.skin, 0.84),
    )


def _draw_grey_temples(canvas: Canvas, person: DrawnPerson, hair: Colour) -> None:
    """Draw the first grey hair of people between 45 and 60."""
    if person.traits.age != 3 or person.traits.hair == "bald":
        return
    skeleton = person.skeleton
    (x, y), (wide, high) = skeleton.head, skeleton.head_radii
    grey = mixed(hair, (186, 184, 180), 0.65)
    if skeleton.is_side:
        canvas.ellipse((x - skeleton.ahead * wide * 0.1, y - high * 0.3), (wide * 0.22, high * 0.16), grey)
        return
    for side in (-1, 1):
        canvas.ellipse((x + side * wide * 0.86, y - high * 0.2), (wide * 0.11, high * 0.2), grey)


def draw_head(canvas: Canvas, person: DrawnPerson, hair: Colour) -> None:
    """Draw head, face as far as it is seen, and hair."""
    with canvas.drawing(DrawnPart.HEAD):
        if person.skeleton.is_side:
            _draw_side_head(canvas, person, hair)
        elif person.skeleton.is_front:
            _draw_front_head(canvas, person, hair)
        else:
            _draw_back_head(canvas, person, hair)
    with canvas.drawing(DrawnPart.HAIR):
        _draw_grey_temples(canvas, person, hair)


def _draw_front_head(canvas: Canvas, person: DrawnPerson, hair: Colour) -> None:
    skeleton, skin = person.skeleton, person.skin
    (x, y), (wide, high) = skeleton.head, skeleton.head_radii
    for side in (-1, 1):
        canvas.ellipse(
            (x + side * wide * 0.98, y + high * 0.08), (wide * 0.14, high * 0.17), scaled(skin, 0.9)
        )
    canvas.ellipse((x, y - high * 0.08), (wide, high * 0.92), skin)
    jaw = 0.78 if person.traits.is_male else 0.6
    chin = [(x - wide * 0.98, y), (x + wide * 0.98, y), (x + wide * jaw, y + high * 0.66)]
    chin += [
        (x + wide * 0.3, y + high * 0.99),
        (x - wide * 0.3, y + high * 0.99),
        (x - wide * jaw, y + high * 0.66),
    ]
    canvas.polygon(chin, skin)
    _draw_face(canvas, person, (x + skeleton.turn * wide * 0.3, y))
    with canvas.drawing(DrawnPart.HAIR):
        _draw_front_hair(canvas, person, hair)


def _draw_face(canvas: Canvas, person: DrawnPerson, centre: Point) -> None:
    traits, skin, age = person.traits, person.skin, person.traits.age
    (x, y), (wide, high) = centre, person.skeleton.head_radii
    fine = max(1.0, high * 0.06)
    dark = scaled(skin, 0.55)
    eye = wide * (0.15 if age == 0 else 0.115)
    for side in (-1, 1):
        at = (x + side * wide * 0.4, y + high * 0.02)
        canvas.ellipse(at, (eye * 1.5, eye), (244, 240, 236))
        canvas.ellipse(at, (eye * 0.8, eye), EYE)
        brow = y - high * 0.14
        canvas.line([(at[0] - wide * 0.2, brow), (at[0] + wide * 0.2, brow)], dark, fine)
    canvas.line([(x, y + high * 0.06), (x + wide * 0.06, y + high * 0.34)], scaled(skin, 0.78), fine * 1.3)
    lips = scaled(skin, 0.68) if traits.is_male else mixed(skin, (190, 40, 60), 0.65)
    canvas.ellipse((x, y + high * 0.58), (wide * 0.28, high * (0.05 if traits.is_male else 0.075)), lips)
    _draw_age(canvas, person, centre)


def _draw_age(canvas: Canvas, person: DrawnPerson, centre: Point) -> None:
    """Draw beard, wrinkles and spectacles."""
    age, skin, chance = person.traits.age, person.skin, person.look[Part.BODY]
    (x, y), (wide, high) = centre, person.skeleton.head_radii
    fine = max(1.0, high * 0.05)
    has_beard = person.traits.is_male and chance.number() < (0, 0.06, 0.5, 0.35, 0.3)[age]
    if has_beard:
        stubble = (196, 194, 190) if age == 4 else mixed(skin, (44, 36, 32), 0.72)
        canvas.half_disc((x, y + high * 0.5), (wide * 0.72, high * 0.5), (0, 180), stubble, 225)
        canvas.ellipse((x, y + high * 0.6), (wide * 0.24, high * 0.05), mixed(skin, (120, 50, 50), 0.5))
    wrinkle = scaled(skin, 0.66)
    if age == 3 and not person.traits.has("accessorySunglasses"):
        for side in (-1, 1):
            rim = (x + side * wide * 0.4, y + high * 0.03)
            corners = [(-0.3, -0.13), (0.3, -0.13), (0.3, 0.15), (-0.3, 0.15), (-0.3, -0.13)]
            canvas.line([(rim[0] + a * wide, rim[1] + b * high) for a, b in corners], (46, 42, 44), fine)
    if age >= 3:
        for side in (-1, 1):
            canvas.line(
                [(x + side * wide * 0.2, y + high * 0.36), (x + side * wide * 0.46, y + high * 0.62)],
                wrinkle,
                fine,
            )
    if age == 4:
        for up in (0.28, 0.4):
            canvas.line([(x - wide * 0.5, y - high * up), (x + wide * 0.5, y - high * up)], wrinkle, fine)
        for side in (-1, 1):
            canvas.line(
                [(x + side * wide * 0.25, y + high * 0.17), (x + side * wide * 0.6, y + high * 0.2)],
                wrinkle,
                fine,
            )


def _draw_front_hair(canvas: Canvas, person: DrawnPerson, hair: Colour) -> None:
    traits, skeleton = person.traits, person.skeleton
    (x, y), (wide, high) = skeleton.head, skeleton.head_radii
    top = y - high * 0.08
    if traits.hair == "bald":
        if traits.has("hairShort"):
            for side in (-1, 1):
                canvas.ellipse((x + side * wide * 0.98, y - high * 0.05), (wide * 0.16, high * 0.24), hair)
        canvas.ellipse((x - wide * 0.25, y - high * 0.66), (wide * 0.24, high * 0.1), (255, 255, 255), 120)
        return
    recede = 0.16 if traits.age >= 3 and traits.is_male else 0.0
    canvas.half_disc((x, top), (wide * 1.08, high * 1.0), (196 + 60 * recede, 344 - 60 * recede), hair)
    part = person.look[Part.HEAD].between(-0.5, 0.5)
    line = y - high * (0.5 + recede)
    canvas.polygon(
        [
            (x - wide * 1.0, y - high * 0.22),
            (x - wide * 0.9, line - high * 0.2),
            (x + part * wide, line - high * 0.05),
            (x + wide * 0.9, line - high * 0.2),
            (x + wide * 1.0, y - high * 0.22),
            (x + wide * 0.5, y - high * 0.82),
            (x - wide * 0.5, y - high * 0.82),
        ],
        hair,
    )
    sides = 0.2 if traits.is_male else 0.5
    for side in (-1, 1):
        canvas.ellipse(
            (x + side * wide * 0.98, y - high * 0.12), (wide * 0.14, high * (0.22 + sides * 0.4)), hair
        )
    canvas.line(
        [(x - wide * 0.35, y - high * 0.8), (x + wide * 0.25, y - high * 0.9)],
        mixed(hair, (255, 255, 255), 0.22),
        high * 0.07,
    )
    if traits.hair == "long":
        end = y + high * person.look[Part.HEAD].between(1.5, 2.1)
        for side in (-1, 1):
            canvas.polygon(
                [
                    (x + side * wide * 0.8, y - high * 0.5),
                    (x + side * wide * 1.14, y - high * 0.2),
                    (x + side * wide * 1.32, end),
                    (x + side * wide * 0.86, end),
                    (x + side * wide * 0.92, y + high * 0.3),
                ],
                hair,
            )


def _draw_back_head(canvas: Canvas, person: DrawnPerson, hair: Colour) -> None:
    skeleton, skin = person.skeleton, person.skin
    (x, y), (wide, high) = skeleton.head, skeleton.head_radii
    for side in (-1, 1):
        canvas.ellipse(
            (x + side * wide * 0.98, y + high * 0.08), (wide * 0.13, high * 0.17), scaled(skin, 0.88)
        )
    canvas.ellipse((x, y), (wide, high * 0.98), scaled(skin, 0.94))
    with canvas.drawing(DrawnPart.HAIR):
        _draw_back_hair(canvas, person, hair)


def _draw_back_hair(canvas: Canvas, person: DrawnPerson, hair: Colour) -> None:
    traits, skeleton = person.traits, person.skeleton
    (x, y), (wide, high) = skeleton.head, skeleton.head_radii
    if traits.hair == "bald":
        if traits.has("hairShort"):
            canvas.half_disc((x, y + high * 0.1), (wide * 1.02, high * 0.62), (0, 180), hair)
        canvas.ellipse((x + wide * 0.2, y - high * 0.5), (wide * 0.3, high * 0.16), (255, 255, 255), 90)
        return
    gleam = mixed(hair, (255, 255, 255), 0.2)
    if traits.hair == "short":
        canvas.ellipse((x, y - high * 0.12), (wide * 1.06, high * 0.94), hair)
        nape = 0.72 if traits.is_male else 0.98
        canvas.polygon(
            [
                (x - wide * 0.95, y),
                (x + wide * 0.95, y),
                (x + wide * 0.5, y + high * nape),
                (x - wide * 0.5, y + high * nape),
            ],
            hair,
        )
        canvas.line([(x - wide * 0.4, y - high * 0.6), (x + wide * 0.3, y - high * 0.72)], gleam, high * 0.08)
        return
    end = y + high * person.look[Part.HEAD].between(2.3, 3.3)
    canvas.ellipse((x, y - high * 0.05), (wide * 1.12, high * 1.03), hair)
    canvas.polygon(
        [
            (x - wide * 1.1, y),
            (x + wide * 1.1, y),
            (x + wide * 1.3, end - high * 0.3),
            (x + wide * 0.6, end),
            (x - wide * 0.6, end),
            (x - wide * 1.3, end - high * 0.3),
        ],
        hair,
    )
    for share in (-0.6, -0.1, 0.45):
        canvas.line(
            [(x + share * wide, y - high * 0.4), (x + share * wide * 1.3, end - high * 0.15)],
            gleam,
            high * 0.05,
        )


def _draw_side_head(canvas: Canvas, person: DrawnPerson, hair: Colour) -> None:
    traits, skeleton, skin = person.traits, person.skeleton, person.skin
    (x, y), (wide, high) = skeleton.head, skeleton.head_radii
    ahead = skeleton.ahead
    fine = max(1.0, high * 0.06)

    def at(forward: Number, down: Number) -> Point:
        return x + ahead * forward * wide, y + down * high

    if traits.hair == "long":
        end = person.look[Part.HEAD].between(2.1, 3.0)
        with canvas.drawing(DrawnPart.HAIR):
            canvas.polygon(
                [
                    at(-0.1, -0.4),
                    at(-1.1, -0.3),
                    at(-1.35, end - 0.3),
                    at(-0.95, end),
                    at(-0.25, end - 0.2),
                    at(0.05, 0.6),
                ],
                hair,
            )
    canvas.ellipse(at(-0.04, -0.1), (wide * 0.96, high * 0.9), skin)
    canvas.polygon(
        [
            at(0.9, -0.4),
            at(0.95, -0.02),
            at(1.16, 0.3),
            at(0.96, 0.4),
            at(0.94, 0.72),
            at(0.66, 0.98),
            at(0.1, 0.72),
            at(-0.5, 0.5),
            at(-0.4, -0.3),
        ],
        skin,
    )
    canvas.ellipse(at(0.66, 0.0), (wide * 0.1, high * 0.085), EYE)
    canvas.line([at(0.5, -0.15), at(0.86, -0.14)], scaled(skin, 0.5), fine)
    lips = scaled(skin, 0.66) if traits.is_male else mixed(skin, (190, 40, 60), 0.65)
    canvas.line([at(0.68, 0.58), at(0.95, 0.57)], lips, fine * 1.3)
    _draw_side_age(canvas, person)
    with canvas.drawing(DrawnPart.HAIR):
        _draw_side_hair(canvas, person, hair)
    canvas.ellipse(at(-0.12, 0.1), (wide * 0.15, high * 0.17), scaled(skin, 0.86))


def _draw_side_age(canvas: Canvas, person: DrawnPerson) -> None:
    age, skin, skeleton = person.traits.age, person.skin, person.skeleton
    (x, y), (wide, high), ahead = skeleton.head, skeleton.head_radii, skeleton.ahead
    if person.traits.is_male and person.look[Part.BODY].number() < (0, 0.06, 0.5, 0.35, 0.3)[age]:
        stubble = (196, 194, 190) if age == 4 else mixed(skin, (44, 36, 32), 0.72)
        points = [(0.95, 0.66), (0.66, 1.02), (0.0, 0.74), (-0.2, 0.2), (0.05, 0.3), (0.5, 0.6)]
        canvas.polygon([(x + ahead * a * wide, y + b * high) for a, b in points], stubble, 225)
    if age >= 3:
        wrinkle, fine = scaled(skin, 0.66), max(1.0, high * 0.05)
        canvas.line(
            [(x + ahead * 0.8 * wide, y + 0.36 * high), (x + ahead * 0.56 * wide, y + 0.62 * high)],
            wrinkle,
            fine,
        )
        canvas.line([(x + ahead * 0.5 * wide, y), (x + ahead * 0.26 * wide, y - 0.06 * high)], wrinkle, fine)


def _draw_side_hair(canvas: Canvas, person: DrawnPerson, hair: Colour) -> None:
    traits, skeleton = person.traits, person.skeleton
    (x, y), (wide, high), ahead = skeleton.head, skeleton.head_radii, skeleton.ahead

    def at(forward: Number, down: Number) -> Point:
        return x + ahead * forward * wide, y + down * high

    if traits.hair == "bald":
        if traits.has("hairShort"):
            canvas.polygon(
                [at(0.05, -0.15), at(-1.0, -0.2), at(-0.92, 0.5), at(-0.5, 0.62), at(-0.2, 0.2)], hair
            )
        canvas.ellipse(at(0.2, -0.72), (wide * 0.3, high * 0.1), (255, 255, 255), 110)
        return
    recede = 0.3 if traits.age >= 3 and traits.is_male else 0.0
    front = 0.86 - recede
    points = [at(front, -0.42), at(front - 0.1, -0.8), at(0.4, -1.02), at(-0.2, -1.06), at(-0.75, -0.86)]
    points += [at(-1.06, -0.4), at(-1.08, 0.1), at(-0.92, 0.5), at(-0.6, 0.74), at(-0.42, 0.4), at(-0.3, 0.0)]
    canvas.polygon([*points, at(0.02, 0.06), at(0.16, -0.3), at(0.5, -0.5)], hair)
    canvas.line([at(-0.6, -0.7), at(0.2, -0.9)], mixed(hair, (255, 255, 255), 0.22), high * 0.07)
    if traits.hair == "long":
        canvas.polygon(
            [at(0.2, -0.3), at(0.02, 0.1), at(0.02, 0.9), at(-0.6, 1.5), at(-1.1, 0.6), at(-0.8, -0.3)], hair
        )
    elif not traits.is_male:
        canvas.polygon([at(0.12, -0.3), at(0.0, 0.5), at(-0.6, 0.86), at(-1.05, 0.5), at(-0.8, -0.3)], hair)
