"""What covers trunk and arms: tops, shirts, jackets, suits, sweaters, coats."""

from dataclasses import dataclass

from attrieve.data.synthetic.body import ELBOW, UPPER_ARM, WRIST, draw_bare_arm, far_shade, thickness
from attrieve.data.synthetic.canvas import LIGHT, SHADOW, Canvas, Point, along
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
from attrieve.data.synthetic.parts import DrawnPart
from attrieve.data.synthetic.person import DrawnPerson
from attrieve.data.synthetic.skeleton import Skeleton
from attrieve.data.synthetic.textures import Cloth
from attrieve.data.synthetic.traits import Traits

SHIRT: Colour = (240, 240, 238)


@dataclass(frozen=True)
class UpperGarment:
    """How the upper garment is cut.

    Args:
        cloth: of the trunk.
        sleeve_cloth: of the sleeves.
        inner: colour of what shows in an open front.
        second: the second label colour, or None.
        loose: added on each side, share of the stature.
        hem: height of the lower edge above ground, share of the stature.
    """

    cloth: Cloth
    sleeve_cloth: Cloth
    inner: Colour
    second: Colour | None
    loose: float
    hem: float


def cut_upper_garment(person: DrawnPerson) -> UpperGarment:
    """Return the garment the labels ask for."""
    traits, skeleton, chance = person.traits, person.skeleton, person.look[Part.UPPER]
    shades = [shade_of(CLOTH[name], chance) for name in traits.colours("upperBody")[:2]]
    if len(shades) > 1 and chance.flag(0.5):
        shades.reverse()
    second = shades[1] if len(shades) > 1 else None
    texture = _texture(traits)
    cloth = Cloth(shades[0], texture, second, skeleton.unit * chance.between(0.03, 0.042))
    has_front = traits.has("upperBodyJacket") or traits.has("upperBodySuit") or traits.has("upperBodyFormal")
    two_tone = second is not None and texture in ("plain", "knit") and not has_front
    sleeves = Cloth(second, texture, shades[0], cloth.pitch_px) if two_tone and second is not None else cloth
    inner = second or (SHIRT if brightness(shades[0]) < 170 else (96, 100, 110))
    loose, hem = _fit(traits, skeleton, chance)
    return UpperGarment(cloth, sleeves, inner, second, loose, hem)


def _texture(traits: Traits) -> str:
    for label, texture in (
        ("upperBodyPlaid", "plaid"),
        ("upperBodyThinStripes", "thin_stripes"),
        ("upperBodyThickStripes", "thick_stripes"),
        ("upperBodySweater", "knit"),
    ):
        if traits.has(label):
            return texture
    return "plain"


def _fit(traits: Traits, skeleton: Skeleton, chance: Chance) -> tuple[float, float]:
    """Return looseness and hem height."""
    hip = skeleton.levels[0][0]
    vary = chance.between(-0.008, 0.008)
    if traits.has("upperBodySuit"):
        return 0.012, hip * 0.92 + vary
    if traits.has("upperBodyJacket"):
        return 0.02, hip * 1.05 + vary
    if traits.has("upperBodyFormal"):
        return 0.006, hip * 0.98 + vary
    if traits.has("upperBodyOther"):
        return 0.013, hip * 0.82 + vary
    if traits.has("upperBodySweater"):
        return 0.014, hip * 1.06 + vary
    if traits.has("upperBodyTshirt"):
        return 0.014, hip * 1.02 + vary
    return 0.004, hip * 1.08 + vary


def draw_upper_garment(canvas: Canvas, person: DrawnPerson, garment: UpperGarment) -> None:
    """Draw the trunk with its neckline, front and texture; arms come later."""
    skeleton = person.skeleton
    canvas.cloth(trunk_outline(skeleton, garment.loose, garment.hem), garment.cloth)
    _shade_trunk(canvas, skeleton, garment)
    _draw_creases(canvas, person, garment)
    if person.traits.has("upperBodyVNeck"):
        for rise in (0.012, 0.036):
            with canvas.drawing(DrawnPart.NECKLINE):
                _draw_band_above_hem(canvas, skeleton, garment, rise)
    if skeleton.is_side:
        _draw_side_details(canvas, person, garment)
    elif skeleton.is_front:
        _draw_front_details(canvas, person, garment)
    else:
        _draw_back_details(canvas, person, garment)
    if person.traits.has("upperBodyLogo"):
        with canvas.drawing(DrawnPart.LOGO):
            _draw_logo(canvas, person, garment)


def trunk_outline(skeleton: Skeleton, loose: float, hem: float) -> list[Point]:
    """Return the outline of a garment on the trunk, from the left hem round to the right hem."""
    left: list[Point] = []
    right: list[Point] = []
    low_left, low_right = skeleton.trunk_edges(max(hem, skeleton.levels[0][0]))
    flare = max(0.0, skeleton.levels[0][0] - hem) * 0.22
    left.append(skeleton.at(low_left - loose - flare, hem))
    right.append(skeleton.at(low_right + loose + flare, hem))
    for up, edge_left, edge_right in skeleton.levels:
        if up > hem:
            extra = loose if up < skeleton.levels[-2][0] else loose * 0.5
            left.append(skeleton.at(edge_left - extra, up))
            right.append(skeleton.at(edge_right + extra, up))
    return [*left, *reversed(right)]


def _shade_trunk(canvas: Canvas, skeleton: Skeleton, garment: UpperGarment) -> None:
    """Darken the side away from the light."""
    dark = -1 if skeleton.light >= 0 else 1
    heights = [level[0] for level in skeleton.levels[:-1] if level[0] > garment.hem] or [garment.hem]
    heights = [garment.hem, *heights]
    for side, inner, colour, alpha in ((dark, 0.45, SHADOW, 58), (-dark, 0.55, LIGHT, 24)):
        outer_edge = [_loose_edge(skeleton, garment, side, up) for up in heights]
        inner_edge = [skeleton.on_trunk(side * inner, up) for up in reversed(heights)]
        canvas.polygon([*outer_edge, *inner_edge], colour, alpha)


def _loose_edge(skeleton: Skeleton, garment: UpperGarment, side: int, height: float) -> Point:
    x, y = skeleton.on_trunk(side, height)
    return x + side * garment.loose * skeleton.unit * 0.9, y


def _draw_creases(canvas: Canvas, person: DrawnPerson, garment: UpperGarment) -> None:
    skeleton, chance = person.skeleton, person.scene[Part.UPPER]
    is_dark = brightness(garment.cloth.colour) < 60
    tone, alpha = (LIGHT, 30) if is_dark else (SHADOW, 46)
    top = skeleton.levels[-2][0]
    for _ in range(6):
        side = chance.choice((-1, 1))
        up = chance.between(garment.hem + 0.02, top - 0.03)
        reach = chance.between(0.1, 0.55)
        start = skeleton.on_trunk(side, up)
        end = skeleton.on_trunk(side * (1 - reach), up + chance.between(-0.03, 0.03))
        canvas.line([start, end], tone, skeleton.unit * 0.008, alpha)


# --- seen from the front


def _draw_front_details(canvas: Canvas, person: DrawnPerson, garment: UpperGarment) -> None:
    traits, skeleton = person.traits, person.skeleton
    _draw_neckline(canvas, person, garment)
    if traits.has("upperBodyOther"):
        _draw_coat_front(canvas, skeleton, garment)
    if traits.has("upperBodySweater"):
        _draw_ribs(canvas, skeleton, garment)
    if traits.has("upperBodySuit"):
        _draw_lapels(canvas, person, garment, depth=0.17)
    elif traits.has("upperBodyFormal"):
        _draw_lapels(canvas, person, garment, depth=0.115 if traits.sleeve == "long" else 0.07)
    elif traits.has("upperBodyJacket"):
        _draw_open_jacket(canvas, person, garment)


def _draw_neckline(canvas: Canvas, person: DrawnPerson, garment: UpperGarment) -> None:
    traits, skeleton = person.traits, person.skeleton
    top = skeleton.levels[-1][0]
    unit = skeleton.unit
    neck = skeleton.on_chest(0, top)
    rim = detail_of(garment.cloth.colour, 0.4)
    if traits.has("upperBodyVNeck"):
        tip = skeleton.on_chest(0, top - 0.14)
        points = [(neck[0] - 0.058 * unit, neck[1]), (neck[0] + 0.058 * unit, neck[1]), tip]
        with canvas.drawing(DrawnPart.NECKLINE):
            canvas.polygon(points, person.skin)
            canvas.line([points[0], tip, points[1]], _band_colour(garment), unit * 0.018)
        return
    is_tshirt = traits.has("upperBodyTshirt")
    deep = 0.034 if is_tshirt else 0.02
    wide = 0.047 if is_tshirt or traits.sleeve == "none" else 0.036
    centre = (neck[0], neck[1] + 0.002 * unit)
    if is_tshirt:
        rim = garment.second or contrast_to(garment.cloth.colour)
        canvas.half_disc(centre, ((wide + 0.011) * unit, (deep + 0.012) * unit), (0, 180), rim)
    canvas.half_disc(centre, (wide * unit, deep * unit), (0, 180), person.skin)


def _draw_coat_front(canvas: Canvas, skeleton: Skeleton, garment: UpperGarment) -> None:
    """Draw placket, buttons, stand-up collar and belt of a longer garment."""
    seam = detail_of(garment.cloth.colour, 0.5)
    unit = skeleton.unit
    top = skeleton.levels[-1][0]
    canvas.line([skeleton.on_chest(0, top), skeleton.on_chest(0, garment.hem)], seam, unit * 0.007)
    for step in range(5):
        up = top - 0.05 - step * (top - 0.08 - garment.hem) / 5
        canvas.ellipse(skeleton.on_chest(0.14, up), (unit * 0.0085, unit * 0.0085), seam)
    waist = skeleton.levels[2][0]
    belt = [skeleton.on_trunk(-1, waist + 0.01), skeleton.on_trunk(1, waist + 0.01)]
    canvas.line(belt, seam, unit * 0.018)
    x, y = skeleton.on_chest(0, top + 0.006)
    for side in (-1, 1):
        collar = [
            (x, y + 0.03 * unit),
            (x + side * 0.062 * unit, y + 0.006 * unit),
            (x + side * 0.04 * unit, y - 0.03 * unit),
        ]
        canvas.polygon(collar, mixed(garment.cloth.colour, seam, 0.5))


def _draw_ribs(canvas: Canvas, skeleton: Skeleton, garment: UpperGarment) -> None:
    """Draw the turtleneck and ribbed hem of a sweater."""
    tone = mixed(garment.cloth.colour, contrast_to(garment.cloth.colour), 0.25)
    unit = skeleton.unit
    outline = trunk_outline(skeleton, garment.loose, garment.hem)
    left, right = outline[0], outline[-1]
    canvas.polygon(
        [left, right, (right[0], right[1] - 0.026 * unit), (left[0], left[1] - 0.026 * unit)], tone
    )
    x, y = skeleton.neck
    canvas.rounded_box(
        (x - 0.044 * unit, y - 0.04 * unit), (x + 0.044 * unit, y + 0.012 * unit), 0.01 * unit, tone
    )


def _draw_lapels(canvas: Canvas, person: DrawnPerson, garment: UpperGarment, depth: float) -> None:
    """Draw shirt, collar, tie and the lapels of a formal jacket."""
    traits, skeleton, unit = person.traits, person.skeleton, person.skeleton.unit
    top = skeleton.levels[-1][0]
    neck, tip = skeleton.on_chest(0, top), skeleton.on_chest(0, top - depth)
    colour = garment.cloth.colour
    shirt = SHIRT if brightness(colour) < 205 else (150, 170, 205)
    half = 0.05 * unit
    canvas.polygon([(neck[0] - half, neck[1]), (neck[0] + half, neck[1]), tip], shirt)
    if garment.second is not None:
        shirt = garment.second
        canvas.polygon([(neck[0] - half, neck[1]), (neck[0] + half, neck[1]), tip], shirt)
    if traits.is_male:
        tie = person.look[Part.UPPER].choice(((140, 24, 34), (28, 44, 98), (30, 30, 34), (92, 44, 100)))
        end = along(neck, tip, 1.25 if traits.sleeve == "long" else 2.2)
        wide = 0.011 * unit
        canvas.polygon(
            [
                (neck[0] - wide, neck[1] + wide),
                (neck[0] + wide, neck[1] + wide),
                (end[0] + wide * 1.3, end[1] - wide),
                end,
                (end[0] - wide * 1.3, end[1] - wide),
            ],
            tie,
        )
    lapel = mixed(colour, detail_of(colour, 0.6), 0.55)
    if traits.sleeve == "long":
        for side in (-1, 1):
            outer = (tip[0] + side * 0.052 * unit, neck[1] + (tip[1] - neck[1]) * 0.45)
            canvas.polygon([(neck[0] + side * half, neck[1] - 0.004 * unit), outer, tip], lapel)
        canvas.line([tip, skeleton.on_chest(0, garment.hem)], lapel, unit * 0.008)
        for step in (0.02, 0.07):
            canvas.ellipse(skeleton.on_chest(0.1, top - depth - step), (unit * 0.008, unit * 0.008), lapel)
    for side in (-1, 1):
        canvas.polygon(
            [
                (neck[0], neck[1] + 0.02 * unit),
                (neck[0] + side * 0.045 * unit, neck[1] + 0.026 * unit),
                (neck[0] + side * 0.03 * unit, neck[1] - 0.016 * unit),
            ],
            shirt,
        )


def _draw_open_jacket(canvas: Canvas, person: DrawnPerson, garment: UpperGarment) -> None:
    """Draw an open zip with the shirt beneath, a turned-down collar, pockets and a ribbed hem."""
    skeleton, unit = person.skeleton, person.skeleton.unit
    top, hem = skeleton.levels[-1][0], garment.hem
    colour = garment.cloth.colour
    wide = person.look[Part.UPPER].between(0.2, 0.36)
    left = [skeleton.on_chest(-0.3, top), skeleton.on_chest(-wide, top - 0.09), skeleton.on_chest(-wide, hem)]
    right = [skeleton.on_chest(0.3, top), skeleton.on_chest(wide, top - 0.09), skeleton.on_chest(wide, hem)]
    canvas.polygon([*left, *reversed(right)], garment.inner)
    neck = skeleton.on_chest(0, top)
    canvas.half_disc(neck, (0.034 * unit, 0.022 * unit), (0, 180), person.skin)
    zip_colour = mixed(contrast_to(colour), (170, 170, 176), 0.5)
    dark = detail_of(colour, 0.5)
    for side, edge in ((-1, left), (1, right)):
        canvas.line(edge, zip_colour, unit * 0.009)
        collar = [
            (neck[0] + side * 0.026 * unit, neck[1] - 0.026 * unit),
            (neck[0] + side * 0.07 * unit, neck[1]),
            (edge[1][0], edge[1][1] - 0.03 * unit),
        ]
        canvas.polygon(collar, dark)
        low = skeleton.levels[2][0]
        canvas.line(
            [skeleton.on_chest(side * 0.62, low), skeleton.on_chest(side * 0.78, low - 0.05)],
            dark,
            unit * 0.01,
        )
    _draw_hem_band(canvas, skeleton, garment, dark)


def _draw_hem_band(canvas: Canvas, skeleton: Skeleton, garment: UpperGarment, colour: Colour) -> None:
    outline = trunk_outline(skeleton, garment.loose, garment.hem)
    left, right, rise = outline[0], outline[-1], 0.02 * skeleton.unit
    canvas.line([(left[0], left[1] - rise), (right[0], right[1] - rise)], colour, rise * 0.5)


def _band_colour(garment: UpperGarment) -> Colour:
    """Return the colour of the knitted bands at neck and hem of a V-neck."""
    return garment.second or contrast_to(garment.cloth.colour)


def _draw_band_above_hem(canvas: Canvas, skeleton: Skeleton, garment: UpperGarment, rise: float) -> None:
    outline = trunk_outline(skeleton, garment.loose, garment.hem)
    (left, low), (right, _) = outline[0], outline[-1]
    y = low - rise * skeleton.unit
    canvas.line([(left, y), (right, y)], _band_colour(garment), skeleton.unit * 0.011)


# --- seen from behind


def _draw_back_details(canvas: Canvas, person: DrawnPerson, garment: UpperGarment) -> None:
    traits, skeleton, unit = person.traits, person.skeleton, person.skeleton.unit
    seam = detail_of(garment.cloth.colour, 0.45)
    top, hem = skeleton.levels[-1][0], garment.hem
    middle = skeleton.levels[2][0]
    x, y = skeleton.neck
    if traits.has("upperBodySuit") or traits.has("upperBodyFormal"):
        canvas.line([skeleton.on_chest(0, top), skeleton.on_chest(0, hem)], seam, unit * 0.006)
        canvas.polygon(
            [skeleton.on_trunk(-0.03, hem + 0.09), skeleton.on_trunk(0.1, hem), skeleton.on_trunk(-0.1, hem)],
            scaled(seam, 0.7),
        )
        canvas.rounded_box(
            (x - 0.044 * unit, y - 0.018 * unit), (x + 0.044 * unit, y + 0.004 * unit), unit * 0.008, SHIRT
        )
        canvas.rounded_box(
            (x - 0.056 * unit, y - 0.006 * unit), (x + 0.056 * unit, y + 0.022 * unit), unit * 0.01, seam
        )
    elif traits.has("upperBodyJacket"):
        canvas.line(
            [skeleton.on_trunk(-0.9, top - 0.075), skeleton.on_trunk(0.9, top - 0.075)], seam, unit * 0.008
        )
        canvas.rounded_box(
            (x - 0.066 * unit, y - 0.026 * unit), (x + 0.066 * unit, y + 0.02 * unit), unit * 0.012, seam
        )
        _draw_hem_band(canvas, skeleton, garment, seam)
    elif traits.has("upperBodyOther"):
        canvas.line([skeleton.on_trunk(-0.6, middle), skeleton.on_trunk(0.6, middle)], seam, unit * 0.02)
        canvas.line([skeleton.on_trunk(0, middle), skeleton.on_trunk(0, hem)], seam, unit * 0.007)
        canvas.ellipse(
            (x, y + 0.03 * unit), (0.062 * unit, 0.04 * unit), mixed(garment.cloth.colour, seam, 0.55)
        )
    elif traits.has("upperBodySweater"):
        _draw_ribs(canvas, skeleton, garment)
    elif traits.has("upperBodyVNeck"):
        with canvas.drawing(DrawnPart.NECKLINE):
            band = _band_colour(garment)
            canvas.half_disc((x, y - 0.012 * unit), (0.056 * unit, 0.02 * unit), (0, 180), band)
    elif traits.has("upperBodyTshirt"):
        rim = garment.second or contrast_to(garment.cloth.colour)
        canvas.half_disc((x, y - 0.008 * unit), (0.05 * unit, 0.022 * unit), (0, 180), rim)
        canvas.half_disc((x, y - 0.012 * unit), (0.044 * unit, 0.014 * unit), (0, 180), person.skin)


# --- seen from the side


def _draw_side_details(canvas: Canvas, person: DrawnPerson, garment: UpperGarment) -> None:
    traits, skeleton, unit = person.traits, person.skeleton, person.skeleton.unit
    ahead, top, hem = skeleton.ahead, skeleton.levels[-1][0], garment.hem
    colour = garment.cloth.colour
    seam = detail_of(colour, 0.45)
    x, y = skeleton.neck
    heights = (top - 0.03, skeleton.levels[3][0], skeleton.levels[2][0], hem + 0.005)
    edge = [_loose_edge(skeleton, garment, ahead, up) for up in heights]
    if traits.has("upperBodySuit") or traits.has("upperBodyFormal"):
        deep = 0.6 if traits.has("upperBodySuit") else 0.4
        tip = along(edge[1], edge[2], deep)
        canvas.polygon(
            [
                (x + ahead * 0.026 * unit, y),
                edge[0],
                edge[1],
                tip,
                skeleton.on_trunk(ahead * 0.72, top - 0.1),
            ],
            SHIRT,
        )
        canvas.polygon(
            [
                (x, y),
                skeleton.on_trunk(ahead * 0.4, top - 0.09),
                tip,
                skeleton.on_trunk(ahead * 0.75, top - 0.12),
            ],
            seam,
        )
        canvas.box((x - 0.036 * unit, y - 0.014 * unit), (x + 0.036 * unit, y + 0.004 * unit), SHIRT)
    elif traits.has("upperBodyJacket"):
        inner = [skeleton.on_trunk(ahead * 0.66, up) for up in reversed(heights)]
        canvas.polygon([*edge, *inner], garment.inner)
        canvas.line(inner, mixed(contrast_to(colour), (170, 170, 176), 0.5), unit * 0.009)
        canvas.rounded_box(
            (x - 0.046 * unit, y - 0.024 * unit), (x + 0.046 * unit, y + 0.016 * unit), unit * 0.01, seam
        )
        _draw_hem_band(canvas, skeleton, garment, seam)
    elif traits.has("upperBodyOther"):
        waist = skeleton.levels[2][0]
        canvas.line([skeleton.on_trunk(-1, waist), skeleton.on_trunk(1, waist)], seam, unit * 0.018)
        for up in heights[:3]:
            canvas.ellipse(skeleton.on_trunk(ahead * 0.78, up - 0.02), (unit * 0.008, unit * 0.008), seam)
        hood = (x - ahead * 0.045 * unit, y + 0.016 * unit)
        canvas.ellipse(hood, (0.04 * unit, 0.034 * unit), mixed(colour, seam, 0.55))
    elif traits.has("upperBodySweater"):
        _draw_ribs(canvas, skeleton, garment)
    elif traits.has("upperBodyVNeck"):
        tip = along(edge[1], edge[2], 0.25)
        with canvas.drawing(DrawnPart.NECKLINE):
            canvas.polygon([(x - ahead * 0.01 * unit, y), edge[0], edge[1], tip], person.skin)
            canvas.line([(x - ahead * 0.01 * unit, y), tip], _band_colour(garment), unit * 0.018)
    elif traits.has("upperBodyTshirt"):
        rim = garment.second or contrast_to(colour)
        canvas.half_disc((x + ahead * 0.004 * unit, y), (0.042 * unit, 0.02 * unit), (0, 180), rim)
        canvas.half_disc((x + ahead * 0.004 * unit, y), (0.034 * unit, 0.012 * unit), (0, 180), person.skin)


# --- prints and sleeves


def _draw_logo(canvas: Canvas, person: DrawnPerson, garment: UpperGarment) -> None:
    """Draw a print: on the chest, most also on the back; a sliver of it from the side."""
    skeleton, chance, unit = person.skeleton, person.look[Part.UPPER], person.skeleton.unit
    kind, on_back = chance.number(), chance.flag(0.7)
    colour = garment.second or chance.choice(
        (contrast_to(garment.cloth.colour), (214, 60, 50), (236, 190, 60))
    )
    if abs(brightness(colour) - brightness(garment.cloth.colour)) < 40:
        colour = contrast_to(garment.cloth.colour)
    if not skeleton.is_front and not skeleton.is_side and not on_back:
        return
    x, y = skeleton.on_chest(0, skeleton.levels[3][0] + 0.012)
    size = 0.052 * unit * (0.75 if skeleton.is_side else 1.0)
    if kind < 0.35:
        canvas.ellipse((x, y), (size * 0.85, size * 0.85), colour)
        canvas.ellipse((x, y), (size * 0.5, size * 0.5), garment.cloth.colour)
        canvas.box((x - size * 0.5, y - size * 0.12), (x + size * 0.5, y + size * 0.12), colour)
    elif kind < 0.7:
        for row, length in ((-0.55, 1.0), (0.0, 0.75), (0.5, 0.9)):
            canvas.box(
                (x - size * length, y + (row - 0.16) * size),
                (x + size * length, y + (row + 0.16) * size),
                colour,
            )
    else:
        canvas.polygon(
            [
                (x - size, y - size * 0.6),
                (x + size, y - size * 0.6),
                (x + size * 0.2, y),
                (x + size * 0.6, y + size * 0.8),
                (x - size * 0.6, y + size * 0.8),
            ],
            colour,
        )


def draw_arm(canvas: Canvas, person: DrawnPerson, garment: UpperGarment, index: int) -> None:
    """Draw an arm in its sleeve: skin first, cloth over it."""
    with canvas.drawing(DrawnPart.ARM):
        draw_bare_arm(canvas, person, index)
    if person.traits.sleeve != "none":
        with canvas.drawing(DrawnPart.SLEEVE):
            _draw_sleeve(canvas, person, garment, index)


def _draw_sleeve(canvas: Canvas, person: DrawnPerson, garment: UpperGarment, index: int) -> None:
    skeleton = person.skeleton
    cloth = garment.sleeve_cloth.shaded(far_shade(skeleton, index) * 0.96)
    shoulder, elbow, wrist = skeleton.shoulders[index], skeleton.elbows[index], skeleton.wrists[index]
    room = 1.12 + 12 * garment.loose
    if person.traits.sleeve == "short":
        end = along(shoulder, elbow, 0.68)
        wide = thickness(skeleton, UPPER_ARM) * (room + 0.12)
        canvas.limb(shoulder, end, (wide * 0.98, wide), cloth, skeleton.light)
        return
    widths = [thickness(skeleton, share) * room for share in (UPPER_ARM, ELBOW, WRIST)]
    canvas.limb(shoulder, elbow, (widths[0], widths[1]), cloth, skeleton.light)
    canvas.limb(elbow, wrist, (widths[1], widths[2]), cloth, skeleton.light)
    if person.traits.has("upperBodySuit") or person.traits.has("upperBodyFormal"):
        canvas.line([along(elbow, wrist, 0.97), along(elbow, wrist, 1.05)], SHIRT, widths[2] * 1.5)
    else:
        cuff = detail_of(cloth.colour, 0.3)
        canvas.line([along(elbow, wrist, 0.94), along(elbow, wrist, 1.0)], cuff, widths[2] * 1.7)
    if skeleton.is_side or not person.traits.has("upperBodyPlaid"):
        edge = detail_of(cloth.colour, 0.35)
        canvas.line(
            [along(shoulder, elbow, 0.9), along(elbow, wrist, 0.06)], edge, skeleton.unit * 0.006, 120
        )
