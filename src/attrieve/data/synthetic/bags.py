"""Bags and other things people carry."""

from attrieve.data.synthetic.body import hand_centre
from attrieve.data.synthetic.canvas import Canvas, Point, along
from attrieve.data.synthetic.chance import Chance, Part
from attrieve.data.synthetic.palette import (
    CLOTH,
    Colour,
    brightness,
    contrast_to,
    detail_of,
    mixed,
    scaled,
    shade_of,
)
from attrieve.data.synthetic.parts import IN_HAND_PARTS, DrawnPart
from attrieve.data.synthetic.person import DrawnPerson
from attrieve.data.synthetic.textures import Cloth

BAG_COLOURS = ("Black", "Black", "Brown", "Blue", "Red", "Grey", "Green", "Purple", "Orange", "Pink")

WALKING_STICK_RATE = 0.55
"""Share of people over 60 with a free hand who lean on a stick."""

IN_HAND = (
    "carryingPlasticBags",
    "carryingOther",
    "carryingSuitcase",
    "carryingLuggageCase",
)
"""Things that hang from or are pulled by a hand, in the order they take a hand."""


def _bag_colour(person: DrawnPerson, chance: Chance) -> Colour:
    """Return a colour that stands out against the upper garment."""
    colour = shade_of(CLOTH[chance.choice(BAG_COLOURS)], chance)
    garment = CLOTH[person.traits.colours("upperBody")[0]][0]
    close = sum(abs(a - b) for a, b in zip(colour, garment, strict=True)) < 75
    return mixed(colour, contrast_to(garment), 0.45) if close else colour


# --- backpack


def draw_backpack_behind(canvas: Canvas, person: DrawnPerson, colour: Colour) -> None:
    """Draw what of a backpack shows beside and above the trunk from the front, or its bulge from the side."""
    skeleton = person.skeleton
    if not person.traits.has("carryingBackpack") or skeleton.view == "back":
        return
    top, waist = skeleton.levels[-2][0] - 0.01, skeleton.levels[2][0] - 0.03
    if skeleton.is_front:
        left, right = skeleton.on_trunk(-1.16, waist), skeleton.on_trunk(1.16, waist)
        rise = skeleton.at(0, top + 0.03)[1]
        canvas.rounded_box((left[0], rise), right, skeleton.unit * 0.04, scaled(colour, 0.85))
        return
    ahead, unit = skeleton.ahead, skeleton.unit
    back = skeleton.on_trunk(-ahead, skeleton.levels[3][0])[0]
    high, low = skeleton.at(0, top)[1], skeleton.at(0, waist)[1]
    canvas.rounded_box(
        (back + ahead * 0.03 * unit, high), (back - ahead * 0.1 * unit, low), unit * 0.04, colour
    )
    middle = (high + low) / 2
    canvas.rounded_box(
        (back - ahead * 0.05 * unit, middle),
        (back - ahead * 0.125 * unit, low),
        unit * 0.02,
        detail_of(colour, 0.35),
    )


def draw_backpack(canvas: Canvas, person: DrawnPerson, colour: Colour) -> None:
    """Draw the pack on the back, or its straps over the shoulders."""
    skeleton, unit = person.skeleton, person.skeleton.unit
    if not person.traits.has("carryingBackpack"):
        return
    top, waist = skeleton.levels[-2][0], skeleton.levels[2][0]
    seam = detail_of(colour, 0.45)
    if skeleton.view == "back":
        high, low = top - 0.005, waist - 0.045
        canvas.rounded_box(
            skeleton.on_trunk(-0.7, high),
            skeleton.at(skeleton.trunk_edges(high)[1] * 0.7, low),
            unit * 0.045,
            colour,
        )
        x0, x1 = skeleton.on_trunk(-0.5, high)[0], skeleton.on_trunk(0.5, high)[0]
        pocket = skeleton.at(0, low + 0.095)[1]
        canvas.rounded_box((x0, pocket), (x1, skeleton.at(0, low + 0.015)[1]), unit * 0.02, seam)
        canvas.line(
            [(x0, skeleton.at(0, high - 0.06)[1]), (x1, skeleton.at(0, high - 0.06)[1])], seam, unit * 0.009
        )
        x, y = skeleton.at(0, high)
        canvas.line([(x - 0.02 * unit, y), (x, y - 0.02 * unit), (x + 0.02 * unit, y)], seam, unit * 0.01)
    elif skeleton.is_front:
        for side in (-1, 1):
            strap = [
                skeleton.on_trunk(side * 0.56, top + 0.006),
                skeleton.on_trunk(side * 0.62, top - 0.08),
                skeleton.on_trunk(side * 0.86, waist + 0.02),
            ]
            canvas.line(strap, colour, unit * 0.03)
            canvas.line(strap, seam, unit * 0.007)
    else:
        ahead = skeleton.ahead
        strap = [
            skeleton.on_trunk(-ahead * 0.3, top),
            skeleton.on_trunk(ahead * 0.55, top - 0.05),
            skeleton.on_trunk(ahead * 0.3, waist + 0.06),
            skeleton.on_trunk(-ahead * 0.9, waist),
        ]
        canvas.line(strap, colour, unit * 0.026)


# --- messenger bag


def draw_messenger_strap(canvas: Canvas, person: DrawnPerson, colour: Colour) -> None:
    """Draw the strap across the trunk, from one shoulder to the other hip."""
    if not person.traits.has("carryingMessengerBag"):
        return
    skeleton = person.skeleton
    side = _messenger_side(person)
    top, hip = skeleton.levels[-2][0], skeleton.levels[1][0]
    width = skeleton.unit * 0.02
    if skeleton.is_side:
        near = side > 0
        start = skeleton.on_trunk(0.0 if near else skeleton.ahead * 0.3, top + 0.01)
        ends = (
            (skeleton.on_trunk(-0.75, hip), skeleton.on_trunk(0.75, hip))
            if near
            else (skeleton.on_trunk(-0.95, hip),)
        )
        for end in ends:
            canvas.line([start, end], colour, width)
        return
    canvas.line(
        [skeleton.on_trunk(-side * 0.5, top + 0.012), skeleton.on_trunk(side * 1.02, hip)], colour, width
    )


def draw_messenger_bag(canvas: Canvas, person: DrawnPerson, colour: Colour) -> None:
    """Draw the bag at the hip; on the far side of the body a part of it shows."""
    if not person.traits.has("carryingMessengerBag"):
        return
    skeleton, unit = person.skeleton, person.skeleton.unit
    side = _messenger_side(person)
    hip = skeleton.levels[1][0]
    flap = detail_of(colour, 0.4)
    if skeleton.is_side:
        x, y = skeleton.at(0, hip + 0.015)
        wide = 0.078 * unit
        if side < 0:
            x -= skeleton.ahead * 0.075 * unit
            wide = 0.045 * unit
    else:
        x, y = skeleton.on_trunk(side * 1.05, hip + 0.01)
        wide = 0.058 * unit
    high = 0.098 * unit
    canvas.rounded_box((x - wide, y), (x + wide, y + high), 0.014 * unit, colour)
    canvas.polygon(
        [(x - wide, y), (x + wide, y), (x + wide * 0.9, y + high * 0.55), (x - wide * 0.9, y + high * 0.55)],
        flap,
    )
    canvas.box((x - wide * 0.16, y + high * 0.45), (x + wide * 0.16, y + high * 0.68), (204, 188, 140))


def _messenger_side(person: DrawnPerson) -> int:
    """Return the side of the bag: image left or right, or 1 near and -1 far when seen from the side."""
    if person.skeleton.is_side:
        return 1 if person.scene[Part.CARRYING].number() < 0.75 else -1
    return 1 if person.look[Part.POSE].number() < 0.5 else -1


# --- in the hands


def draw_behind_person(canvas: Canvas, person: DrawnPerson) -> None:
    """Draw what is further away: a trolley pulled behind, an umbrella above, a buggy pushed away."""
    traits, chance = person.traits, person.look[Part.CARRYING]
    if traits.has("carryingBabyBuggy") and person.skeleton.view == "back":
        with canvas.drawing(DrawnPart.BUGGY):
            _draw_buggy(canvas, person)
    if traits.has("carryingUmbrella"):
        with canvas.drawing(DrawnPart.UMBRELLA):
            _draw_umbrella(canvas, person, chance)
    if traits.has("carryingShoppingTro"):
        with canvas.drawing(DrawnPart.TROLLEY):
            _draw_trolley(canvas, person, chance)


def _draw_umbrella(canvas: Canvas, person: DrawnPerson, chance: Chance) -> None:
    skeleton, unit = person.skeleton, person.skeleton.unit
    colour = shade_of(CLOTH[chance.choice(BAG_COLOURS)], chance)
    hand = hand_centre(skeleton, 1)
    top = (hand[0] - (hand[0] - skeleton.head[0]) * 0.6, skeleton.head[1] - skeleton.head_radii[1] * 1.15)
    canvas.line([hand, top], (60, 60, 64), unit * 0.012)
    canvas.half_disc((top[0], top[1] + 0.07 * unit), (0.22 * unit, 0.11 * unit), (180, 360), colour)
    for share in (-0.6, 0.0, 0.6):
        canvas.line(
            [(top[0], top[1] - 0.03 * unit), (top[0] + share * 0.21 * unit, top[1] + 0.07 * unit)],
            scaled(colour, 0.7),
            unit * 0.006,
        )


def _draw_trolley(canvas: Canvas, person: DrawnPerson, chance: Chance) -> None:
    skeleton, unit = person.skeleton, person.skeleton.unit
    x = skeleton.middle - (skeleton.ahead or 1) * 0.2 * unit
    base = skeleton.at(0, 0.03)[1]
    canvas.line([hand_centre(skeleton, 0), (x, base - 0.3 * unit)], (70, 70, 74), unit * 0.012)
    points = [
        (x - 0.07 * unit, base - 0.3 * unit),
        (x + 0.07 * unit, base - 0.3 * unit),
        (x + 0.075 * unit, base),
        (x - 0.075 * unit, base),
    ]
    canvas.cloth(points, Cloth(shade_of(CLOTH["Red"], chance), "plaid", (30, 40, 90), unit * 0.04))
    for side in (-0.05, 0.05):
        canvas.ellipse((x + side * unit, base + 0.012 * unit), (0.024 * unit, 0.024 * unit), (30, 30, 32))


def draw_in_hands(canvas: Canvas, person: DrawnPerson) -> None:
    """Draw what the hands hold or push, over arms and trunk."""
    traits, skeleton, chance = person.traits, person.skeleton, person.look[Part.CARRYING]
    free = [1, 0] if skeleton.is_side or person.look[Part.BODY].flag(0.5) else [0, 1]
    draws = {
        "carryingPlasticBags": _draw_plastic_bag,
        "carryingOther": _draw_other_bag,
        "carryingSuitcase": _draw_suitcase,
        "carryingLuggageCase": _draw_luggage,
    }
    for name in IN_HAND:
        if traits.has(name):
            index = free.pop(0) if free else 1
            with canvas.drawing(IN_HAND_PARTS[name]):
                draws[name](canvas, person, hand_centre(skeleton, index), chance)
    if traits.age == 4 and free and chance.flag(WALKING_STICK_RATE):
        with canvas.drawing(DrawnPart.STICK):
            _draw_walking_stick(canvas, person, hand_centre(skeleton, free.pop(0)))
    if traits.has("carryingFolder"):
        with canvas.drawing(DrawnPart.FOLDER):
            _draw_folder(canvas, person, chance)
    if traits.has("carryingBabyBuggy") and skeleton.view != "back":
        with canvas.drawing(DrawnPart.BUGGY):
            _draw_buggy(canvas, person)


def _draw_walking_stick(canvas: Canvas, person: DrawnPerson, hand: Point) -> None:
    """Draw the stick many people over 60 walk with."""
    skeleton, unit = person.skeleton, person.skeleton.unit
    wood: Colour = (92, 58, 34)
    forward = skeleton.ahead * 0.03 * unit
    canvas.line([hand, (hand[0] + forward, skeleton.ground)], wood, unit * 0.014)
    canvas.line([(hand[0] - 0.02 * unit, hand[1]), (hand[0] + 0.024 * unit, hand[1])], wood, unit * 0.018)


def _draw_plastic_bag(canvas: Canvas, person: DrawnPerson, hand: Point, chance: Chance) -> None:
    """Draw a thin whitish bag, see-through, with two handles and wrinkles."""
    unit, (x, y) = person.skeleton.unit, hand
    tint = chance.choice(((240, 242, 240), (226, 236, 244), (246, 238, 222), (238, 210, 214)))
    wide, high = 0.06 * unit, chance.between(0.12, 0.16) * unit
    top = y + 0.022 * unit
    for side in (-1, 1):
        canvas.line([(x, y), (x + side * wide * 0.55, top + 0.015 * unit)], tint, unit * 0.013)
    points = [
        (x - wide * 0.6, top),
        (x + wide * 0.6, top),
        (x + wide * 1.05, top + high * 0.6),
        (x + wide * 0.8, top + high),
    ]
    canvas.polygon([*points, (x - wide * 0.8, top + high), (x - wide * 1.05, top + high * 0.6)], tint, 222)
    crease = scaled(tint, 0.72)
    for share in (-0.5, 0.0, 0.45):
        canvas.line(
            [(x + share * wide * 0.7, top + high * 0.12), (x + share * wide * 1.2, top + high * 0.8)],
            crease,
            unit * 0.006,
            200,
        )
    canvas.ellipse(
        (x, top + high * 0.58),
        (wide * 0.42, high * 0.16),
        chance.choice(((200, 40, 40), (40, 100, 180), (50, 140, 70))),
        190,
    )


def _draw_other_bag(canvas: Canvas, person: DrawnPerson, hand: Point, chance: Chance) -> None:
    """Draw a handbag, paper bag or carton in the hand."""
    unit, (x, y) = person.skeleton.unit, hand
    kind = chance.number()
    if kind < 0.5:
        colour = _bag_colour(person, chance)
        wide, high, drop = 0.068 * unit, 0.1 * unit, 0.052 * unit
        canvas.line(
            [
                (x - wide * 0.55, y + drop),
                (x - wide * 0.2, y),
                (x + wide * 0.2, y),
                (x + wide * 0.55, y + drop),
            ],
            detail_of(colour, 0.4),
            unit * 0.012,
        )
        canvas.polygon(
            [
                (x - wide * 0.8, y + drop),
                (x + wide * 0.8, y + drop),
                (x + wide * 1.05, y + drop + high),
                (x - wide * 1.05, y + drop + high),
            ],
            colour,
        )
        canvas.line(
            [(x - wide * 0.85, y + drop + high * 0.3), (x + wide * 0.85, y + drop + high * 0.3)],
            detail_of(colour, 0.45),
            unit * 0.01,
        )
        canvas.box(
            (x - 0.008 * unit, y + drop + high * 0.24),
            (x + 0.008 * unit, y + drop + high * 0.42),
            (214, 190, 110),
        )
        return
    if kind < 0.8:
        colour = chance.choice(((190, 150, 104), (206, 170, 124), (200, 60, 56), (60, 110, 120)))
        wide, high = 0.056 * unit, 0.14 * unit
        canvas.line(
            [(x - wide * 0.4, y + 0.03 * unit), (x, y - 0.006 * unit), (x + wide * 0.4, y + 0.03 * unit)],
            scaled(colour, 0.5),
            unit * 0.01,
        )
        canvas.box((x - wide, y + 0.03 * unit), (x + wide, y + 0.03 * unit + high), colour)
        canvas.box(
            (x + wide * 0.62, y + 0.03 * unit), (x + wide, y + 0.03 * unit + high), scaled(colour, 0.75)
        )
        canvas.box((x - wide * 0.55, y + 0.07 * unit), (x + wide * 0.3, y + 0.1 * unit), contrast_to(colour))
        return
    colour = (178, 134, 88)
    wide, high = 0.075 * unit, 0.085 * unit
    canvas.box((x - wide, y - 0.01 * unit), (x + wide, y - 0.01 * unit + high), colour)
    canvas.box((x - wide * 0.12, y - 0.01 * unit), (x + wide * 0.12, y - 0.01 * unit + high), (214, 190, 150))
    canvas.line(
        [(x - wide, y + 0.006 * unit), (x + wide, y + 0.006 * unit)], scaled(colour, 0.65), unit * 0.008
    )


def _draw_suitcase(canvas: Canvas, person: DrawnPerson, hand: Point, chance: Chance) -> None:
    """Draw a stiff briefcase with metal corners."""
    unit, (x, y) = person.skeleton.unit, hand
    colour = chance.choice(((44, 32, 26), (30, 30, 34), (104, 62, 36), (120, 122, 126)))
    wide, high = (0.105 if person.skeleton.is_side else 0.06) * unit, 0.115 * unit
    canvas.line(
        [
            (x - 0.02 * unit, y + 0.025 * unit),
            (x - 0.016 * unit, y),
            (x + 0.016 * unit, y),
            (x + 0.02 * unit, y + 0.025 * unit),
        ],
        detail_of(colour),
        unit * 0.014,
    )
    canvas.rounded_box(
        (x - wide, y + 0.024 * unit), (x + wide, y + 0.024 * unit + high), 0.012 * unit, colour
    )
    canvas.line(
        [(x - wide, y + 0.06 * unit), (x + wide, y + 0.06 * unit)], detail_of(colour, 0.5), unit * 0.008
    )
    for side in (-0.6, 0.6):
        canvas.box(
            (x + side * wide - 0.008 * unit, y + 0.05 * unit),
            (x + side * wide + 0.008 * unit, y + 0.07 * unit),
            (214, 196, 130),
        )


def _draw_luggage(canvas: Canvas, person: DrawnPerson, hand: Point, chance: Chance) -> None:
    """Draw a wheeled case on a pulled-out handle."""
    skeleton, unit = person.skeleton, person.skeleton.unit
    colour = shade_of(CLOTH[chance.choice(BAG_COLOURS)], chance)
    away = -skeleton.ahead if skeleton.is_side else (1 if hand[0] > skeleton.middle else -1)
    x = hand[0] + away * 0.055 * unit
    base, high = skeleton.at(0, 0.016)[1], 0.21 * unit
    for side in (-0.02, 0.02):
        canvas.line(
            [(hand[0] + side * unit * 0.6, hand[1]), (x + side * unit, base - high)],
            (150, 152, 156),
            unit * 0.008,
        )
    canvas.rounded_box((x - 0.068 * unit, base - high), (x + 0.068 * unit, base), 0.018 * unit, colour)
    for share in (0.3, 0.5, 0.7):
        canvas.line(
            [(x - 0.05 * unit, base - high * share), (x + 0.05 * unit, base - high * share)],
            detail_of(colour, 0.35),
            unit * 0.008,
        )
    for side in (-0.05, 0.05):
        canvas.ellipse((x + side * unit, base + 0.008 * unit), (0.014 * unit, 0.014 * unit), (20, 20, 22))


def _draw_folder(canvas: Canvas, person: DrawnPerson, chance: Chance) -> None:
    """Draw a folder pressed to the chest by the bent arm."""
    skeleton, unit = person.skeleton, person.skeleton.unit
    colour = chance.choice(((236, 226, 190), (60, 110, 190), (206, 60, 54), (236, 236, 236)))
    x, y = hand_centre(skeleton, 1 if skeleton.is_side else 0)
    if skeleton.view == "back":
        x = skeleton.on_trunk(-1.1, skeleton.levels[2][0])[0]
    half = 0.046 * unit
    canvas.polygon(
        [
            (x - half, y - 0.09 * unit),
            (x + half, y - 0.075 * unit),
            (x + half * 0.9, y + 0.05 * unit),
            (x - half * 1.1, y + 0.035 * unit),
        ],
        colour,
    )
    canvas.line(
        [(x - half * 0.6, y - 0.055 * unit), (x + half * 0.6, y - 0.045 * unit)],
        contrast_to(colour),
        unit * 0.008,
    )
    hand = 0.018 * unit
    if skeleton.view != "back":
        canvas.ellipse((x, y + 0.035 * unit), (hand, hand), person.skin)


def _draw_buggy(canvas: Canvas, person: DrawnPerson) -> None:
    """Draw a pram: hood, body, handle and wheels."""
    skeleton, unit = person.skeleton, person.skeleton.unit
    chance = person.look[Part.PASSERS_BY]
    colour = shade_of(CLOTH[chance.choice(("Blue", "Red", "Black", "Green", "Pink"))], chance)
    ahead = skeleton.ahead
    if skeleton.view == "back":
        ahead = 1
    x = skeleton.middle + ahead * 0.2 * unit if ahead else skeleton.middle
    base = skeleton.at(0, 0.035)[1] + (0.02 * unit if not ahead else 0)
    hand = hand_centre(skeleton, 1)
    wide = 0.11 * unit
    canvas.line(
        [hand, along(hand, (x, base - 0.1 * unit), 0.7), (x, base - 0.1 * unit)], (90, 92, 96), unit * 0.014
    )
    canvas.half_disc((x, base - 0.17 * unit), (wide, 0.12 * unit), (180, 360), detail_of(colour, 0.3))
    canvas.polygon(
        [
            (x - wide, base - 0.17 * unit),
            (x + wide, base - 0.17 * unit),
            (x + wide * 0.75, base - 0.06 * unit),
            (x - wide * 0.75, base - 0.06 * unit),
        ],
        colour,
    )
    if not ahead:
        canvas.ellipse((x, base - 0.19 * unit), (0.032 * unit, 0.034 * unit), person.skin)
    for side in (-0.075, 0.075):
        canvas.ellipse((x + side * unit, base), (0.036 * unit, 0.036 * unit), (28, 28, 30))
        canvas.ellipse((x + side * unit, base), (0.018 * unit, 0.018 * unit), (168, 170, 172))


def bag_colours(person: DrawnPerson) -> tuple[Colour, Colour]:
    """Return the colours of backpack and messenger bag, the same in every picture of a person."""
    chance = person.look[Part.PASSERS_BY]
    backpack, messenger = _bag_colour(person, chance), _bag_colour(person, chance)
    if abs(brightness(backpack) - brightness(messenger)) < 25:
        messenger = mixed(messenger, contrast_to(messenger), 0.3)
    return backpack, messenger
