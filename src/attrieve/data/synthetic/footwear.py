"""Shoes: leather, plain, sneakers, sandals and boots."""

from attrieve.data.synthetic.body import far_shade, thickness
from attrieve.data.synthetic.canvas import Canvas, Number, Point, along
from attrieve.data.synthetic.chance import Part
from attrieve.data.synthetic.palette import CLOTH, Colour, brightness, contrast_to, mixed, scaled, shade_of
from attrieve.data.synthetic.person import DrawnPerson
from attrieve.data.synthetic.textures import Cloth

FOOT_LENGTH = 0.128
FOOT_HALF_WIDTH = 0.033
"""In shares of the stature; a little larger than in life."""


def draw_shoes(canvas: Canvas, person: DrawnPerson) -> None:
    """Draw both feet, the far one first; boots are drawn by :func:`draw_boots`, over the trousers."""
    colours = _colours(person)
    for index in (0, 1):
        shade = far_shade(person.skeleton, index)
        main, second = (scaled(colour, shade) for colour in colours)
        draw = _draw_side_shoe if person.skeleton.is_side else _draw_front_shoe
        draw(canvas, person, index, main, second)


def draw_boots(canvas: Canvas, person: DrawnPerson) -> None:
    """Draw boot shafts over trousers or bare legs."""
    if person.traits.footwear != "Boots":
        return
    skeleton = person.skeleton
    main, second = _colours(person)
    height = person.look[Part.FOOTWEAR].between(0.45, 0.85)
    for index in (0, 1):
        colour = scaled(main, far_shade(skeleton, index))
        ankle = skeleton.ankles[index]
        top = along(ankle, skeleton.knees[index], height)
        foot = (ankle[0], ankle[1] + 0.012 * skeleton.unit)
        wide = thickness(skeleton, 0.043)
        canvas.limb(top, foot, (wide, thickness(skeleton, 0.031)), Cloth(colour), skeleton.light)
        canvas.line([(top[0] - wide, top[1]), (top[0] + wide, top[1])], second, skeleton.unit * 0.012)


def _colours(person: DrawnPerson) -> tuple[Colour, Colour]:
    """Return the main colour and that of details."""
    chance = person.look[Part.FOOTWEAR]
    names = person.traits.colours("footwear")
    main = shade_of(CLOTH[names[0]], chance)
    other = shade_of(CLOTH[names[1]], chance) if len(names) > 1 else None
    if other is not None and chance.flag(0.5):
        main, other = other, main
    if other is None:
        other = scaled(main, 0.6) if brightness(main) > 110 else mixed(main, (200, 200, 204), 0.45)
    return main, other


def _draw_side_shoe(canvas: Canvas, person: DrawnPerson, index: int, main: Colour, second: Colour) -> None:
    skeleton, kind = person.skeleton, person.traits.footwear
    ankle_x, ankle_y = skeleton.ankles[index]
    unit, ahead = skeleton.unit, skeleton.ahead
    sole = min(skeleton.ground, ankle_y + 0.05 * unit)

    def at(forward: Number, up: Number) -> Point:
        return ankle_x + ahead * forward * unit, sole - up * unit

    heel, toe = -0.036, FOOT_LENGTH - 0.036
    skin = person.skin
    if kind == "Sandals":
        canvas.polygon(
            [at(heel, 0.05), at(0.03, 0.05), at(toe, 0.022), at(toe, 0.008), at(heel, 0.008)], skin
        )
        canvas.polygon([at(heel, 0.01), at(toe + 0.004, 0.01), at(toe + 0.004, 0), at(heel, 0)], main)
        for forward in (0.0, 0.03, 0.062):
            canvas.line([at(forward, 0.046 - forward * 0.35), at(forward + 0.012, 0.008)], main, unit * 0.012)
        return
    tall = 0.056 if kind in ("Sneaker", "Boots") else 0.044
    blunt = 0.02 if kind == "LeatherShoes" else 0.03
    canvas.polygon(
        [
            at(heel, tall),
            at(0.024, tall),
            at(0.055, 0.038),
            at(toe - 0.008, blunt),
            at(toe, 0.008),
            at(toe, 0),
            at(heel, 0),
        ],
        main,
    )
    if kind == "Sneaker":
        sole_colour = (244, 244, 240) if brightness(main) < 215 else (150, 152, 158)
        canvas.polygon(
            [at(heel - 0.006, 0.017), at(toe + 0.006, 0.017), at(toe + 0.006, 0), at(heel, 0)], sole_colour
        )
        for forward in (0.008, 0.026):
            canvas.line([at(forward, 0.042), at(forward + 0.018, 0.018)], second, unit * 0.009)
        canvas.line([at(0.034, 0.047), at(0.058, 0.036)], contrast_to(main), unit * 0.009)
    elif kind == "LeatherShoes":
        canvas.line(
            [at(0.045, 0.034), at(toe - 0.02, 0.022)], mixed(main, (255, 255, 255), 0.6), unit * 0.011
        )
        canvas.polygon(
            [at(heel, 0.016), at(heel + 0.034, 0.016), at(heel + 0.034, 0), at(heel, 0)], scaled(main, 0.5)
        )
        canvas.line([at(heel, 0.012), at(toe, 0.004)], scaled(main, 0.5), unit * 0.006)
    elif kind == "Shoes":
        instep = skin if person.traits.lower not in ("Trousers", "Suits") else mixed(skin, main, 0.25)
        canvas.polygon(
            [at(-0.022, tall + 0.002), at(0.026, tall + 0.002), at(0.056, 0.026), at(-0.012, 0.03)], instep
        )
        canvas.line([at(heel, 0.003), at(toe, 0.003)], second, unit * 0.006)


def _draw_front_shoe(canvas: Canvas, person: DrawnPerson, index: int, main: Colour, second: Colour) -> None:
    skeleton, kind = person.skeleton, person.traits.footwear
    unit = skeleton.unit
    ankle_x, ankle_y = skeleton.ankles[index]
    outward = (-1 if index == 0 else 1) * 0.012
    bottom = min(skeleton.ground, ankle_y + (0.052 if skeleton.is_front else 0.044) * unit)
    half = FOOT_HALF_WIDTH * (1.0 if skeleton.is_front else 0.85)

    def at(across: Number, up: Number) -> Point:
        return ankle_x + (across + outward) * unit, bottom - up * unit

    if kind == "Sandals":
        canvas.polygon(
            [at(-0.02, 0.056), at(0.02, 0.056), at(half, 0.014), at(half, 0), at(-half, 0), at(-half, 0.014)],
            person.skin,
        )
        canvas.line([at(-half, 0.002), at(half, 0.002)], main, unit * 0.012)
        canvas.line([at(-half, 0.022), at(half, 0.022)], main, unit * 0.012)
        canvas.line([at(-0.02, 0.046), at(0.02, 0.046)], main, unit * 0.011)
        return
    narrow = half * (0.62 if kind == "LeatherShoes" else 0.9)
    shape = [at(-0.022, 0.06), at(0.022, 0.06), at(half, 0.026), at(half, 0.01), at(narrow, 0)]
    canvas.polygon([*shape, at(-narrow, 0), at(-half, 0.01), at(-half, 0.026)], main)
    if kind == "Sneaker":
        sole = (244, 244, 240) if brightness(main) < 215 else (150, 152, 158)
        canvas.box(at(-half - 0.004, 0.016), at(half + 0.004, 0), sole)
        for up in (0.028, 0.042) if skeleton.is_front else (0.036,):
            canvas.line([at(-0.014, up), at(0.014, up)], contrast_to(main), unit * 0.008)
    elif kind == "LeatherShoes":
        shine = mixed(main, (255, 255, 255), 0.6)
        canvas.ellipse(at(-0.006, 0.02), (0.009 * unit, 0.007 * unit), shine)
        canvas.box(at(-narrow, 0.007), at(narrow, 0), scaled(main, 0.5))
    elif kind == "Shoes":
        canvas.ellipse(at(0, 0.05), (0.021 * unit, 0.02 * unit), person.skin)
        canvas.line([at(-half, 0.003), at(half, 0.003)], second, unit * 0.006)
