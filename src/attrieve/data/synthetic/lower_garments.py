"""Trousers, jeans, shorts and skirts."""

from dataclasses import dataclass

from attrieve.data.synthetic.body import far_shade, thickness
from attrieve.data.synthetic.canvas import LIGHT, SHADOW, Canvas, Point, along, limb_across
from attrieve.data.synthetic.chance import Chance, Part
from attrieve.data.synthetic.palette import CLOTH, Colour, brightness, detail_of, mixed, scaled, shade_of
from attrieve.data.synthetic.person import DrawnPerson
from attrieve.data.synthetic.skeleton import Skeleton
from attrieve.data.synthetic.textures import Cloth


@dataclass(frozen=True)
class TrouserCut:
    """Half widths of a trouser leg in shares of the stature, and how far down it goes.

    Args:
        thigh: at the hip.
        knee: at the knee.
        hem: at the lower end.
        ends_at: 0 hip, 1 knee, 2 ankle.
    """

    thigh: float
    knee: float
    hem: float
    ends_at: float


CUTS: dict[str, TrouserCut] = {
    "Trousers": TrouserCut(0.057, 0.048, 0.044, 2.02),
    "Jeans": TrouserCut(0.053, 0.041, 0.033, 1.97),
    "Suits": TrouserCut(0.057, 0.046, 0.039, 2.06),
    "Leggings": TrouserCut(0.050, 0.037, 0.023, 1.95),
    "Capri": TrouserCut(0.054, 0.045, 0.042, 1.52),
    "Shorts": TrouserCut(0.061, 0.06, 0.06, 0.92),
    "HotPants": TrouserCut(0.056, 0.056, 0.056, 0.42),
}

STITCH: Colour = (206, 160, 92)


def draw_lower_garment(canvas: Canvas, person: DrawnPerson) -> None:
    """Draw what covers hips and legs, over skin and shoes."""
    chance = person.look[Part.LOWER]
    kind = person.traits.lower
    cloth, second = _cloth(person, kind, chance)
    if kind in ("ShortSkirt", "LongSkirt"):
        _draw_skirt(canvas, person, cloth, second, is_short=kind == "ShortSkirt", chance=chance)
        return
    is_formal = person.traits.has("lowerBodyFormal") or kind == "Suits"
    for index in (0, 1):
        _draw_leg(canvas, person, index, kind, cloth, second)
        if is_formal:
            _draw_crease(canvas, person.skeleton, index, cloth)
    _draw_seat(canvas, person.skeleton, cloth)
    _draw_details(canvas, person, kind, cloth)


def _cloth(person: DrawnPerson, kind: str, chance: Chance) -> tuple[Cloth, Colour | None]:
    names = person.traits.colours("lowerBody")
    shades = [shade_of(CLOTH[name], chance) for name in names[:2]]
    if len(shades) > 1 and chance.flag(0.5):
        shades.reverse()
    second = shades[1] if len(shades) > 1 else None
    texture = "denim" if kind == "Jeans" else "plain"
    if person.traits.has("lowerBodyPlaid"):
        texture = "plaid"
    elif person.traits.has("lowerBodyThinStripes"):
        texture = "thin_stripes"
    colour = shades[0]
    if kind == "Jeans" and names[0] == "Blue":
        colour = chance.choice(((56, 82, 132), (78, 108, 156), (40, 58, 100), (108, 138, 178)))
    return Cloth(colour, texture, second, person.skeleton.unit * 0.036), second


def _ends(skeleton: Skeleton, index: int, ends_at: float) -> tuple[Point, Point | None]:
    """Return the lower end of the thigh piece and of the shin piece, if the garment goes so far."""
    hip, knee, ankle = skeleton.hips[index], skeleton.knees[index], skeleton.ankles[index]
    if ends_at <= 1:
        return along(hip, knee, ends_at), None
    return knee, along(knee, ankle, ends_at - 1)


def _draw_leg(
    canvas: Canvas, person: DrawnPerson, index: int, kind: str, cloth: Cloth, second: Colour | None
) -> None:
    skeleton, cut = person.skeleton, CUTS[kind]
    shade = cloth.shaded(far_shade(skeleton, index) * (0.97 if index == 0 else 1.0))
    thigh, knee, hem = (thickness(skeleton, share) for share in (cut.thigh, cut.knee, cut.hem))
    hip = skeleton.hips[index]
    middle, end = _ends(skeleton, index, cut.ends_at)
    if end is None:
        canvas.cloth(_leg_outline(hip, middle, thigh, knee), shade)
        canvas.limb_shade(hip, middle, (thigh, knee), skeleton.light)
        _hem_line(canvas, hip, middle, knee, shade.colour)
        return
    canvas.limb(hip, middle, (thigh, knee), shade, skeleton.light)
    canvas.cloth(_leg_outline(middle, end, knee, hem), shade)
    canvas.limb_shade(middle, end, (knee, hem), skeleton.light)
    _hem_line(canvas, middle, end, hem, shade.colour)
    _draw_folds(canvas, middle, end, knee, shade.colour)
    if second is not None and cloth.texture in ("plain", "denim"):
        for start, stop, width in ((hip, middle, thigh), (middle, end, knee)):
            _side_stripe(canvas, start, stop, width * 0.55, second, -1 if index == 0 else 1)
    if kind == "Jeans":
        _draw_jeans_leg(canvas, skeleton, index, middle, end, (thigh, knee, hem), shade.colour)


def _leg_outline(start: Point, end: Point, upper: float, lower: float) -> list[Point]:
    across = limb_across(start, end)
    return [
        (start[0] - across[0] * upper, start[1] - across[1] * upper),
        (start[0] + across[0] * upper, start[1] + across[1] * upper),
        (end[0] + across[0] * lower, end[1] + across[1] * lower),
        (end[0] - across[0] * lower, end[1] - across[1] * lower),
    ]


def _hem_line(canvas: Canvas, start: Point, end: Point, half: float, colour: Colour) -> None:
    across = limb_across(start, end)
    canvas.line(
        [
            (end[0] - across[0] * half, end[1] - across[1] * half),
            (end[0] + across[0] * half, end[1] + across[1] * half),
        ],
        detail_of(colour, 0.3),
        half * 0.14,
    )


def _draw_folds(canvas: Canvas, knee: Point, end: Point, half: float, colour: Colour) -> None:
    """Draw creases behind the knee and above the shoe."""
    alpha = 70 if brightness(colour) > 60 else 46
    tone = SHADOW if brightness(colour) > 60 else LIGHT
    for share, slant in ((0.02, 0.4), (0.12, -0.3), (0.82, 0.35), (0.92, -0.3)):
        x, y = along(knee, end, share)
        canvas.line(
            [(x - half * 0.6, y), (x + half * 0.35, y + slant * half)], tone, half * 0.12, alpha // 2 + 12
        )


def _side_stripe(canvas: Canvas, start: Point, end: Point, width: float, colour: Colour, side: int) -> None:
    across = limb_across(start, end)
    shift = width * side
    canvas.line(
        [
            (start[0] + across[0] * shift, start[1] + across[1] * shift),
            (end[0] + across[0] * shift, end[1] + across[1] * shift),
        ],
        colour,
        width * 0.9,
    )


def _draw_jeans_leg(
    canvas: Canvas,
    skeleton: Skeleton,
    index: int,
    knee: Point,
    end: Point,
    widths: tuple[float, float, float],
    colour: Colour,
) -> None:
    """Draw what makes jeans: faded thighs, stitched side seams, a turned-up hem."""
    hip = skeleton.hips[index]
    faded = mixed(colour, (214, 222, 232), 0.5)
    thigh, half, hem = widths
    centre = along(hip, knee, 0.5)
    canvas.ellipse(centre, (thigh * 0.42, abs(knee[1] - hip[1]) * 0.36), faded, 95)
    canvas.ellipse(along(knee, end, 0.08), (half * 0.5, half * 0.8), faded, 80)
    seam = max(1.0, skeleton.unit * 0.005)
    side = -1 if index == 0 else 1
    if skeleton.is_side:
        side = 0
    _stitch(canvas, hip, knee, side * thigh * 0.78, side * half * 0.78, seam)
    _stitch(canvas, knee, end, side * half * 0.78, side * hem * 0.78, seam)
    top = along(knee, end, 0.93)
    canvas.polygon(_leg_outline(top, end, hem * 1.08, hem * 1.1), mixed(colour, (226, 230, 236), 0.55))


def _stitch(canvas: Canvas, start: Point, end: Point, upper: float, lower: float, width: float) -> None:
    across = limb_across(start, end)
    canvas.line(
        [
            (start[0] + across[0] * upper, start[1] + across[1] * upper),
            (end[0] + across[0] * lower, end[1] + across[1] * lower),
        ],
        STITCH,
        width,
        200,
    )


def _draw_crease(canvas: Canvas, skeleton: Skeleton, index: int, cloth: Cloth) -> None:
    """Draw the ironed line down a formal trouser leg."""
    hip, knee = skeleton.hips[index], skeleton.knees[index]
    ankle = along(knee, skeleton.ankles[index], 1.0)
    width = skeleton.unit * 0.008
    light = mixed(cloth.colour, (255, 255, 255), 0.34)
    canvas.line([along(hip, knee, 0.15), knee, ankle], light, width)
    shift = width * 1.1
    dark = [(x + shift, y) for x, y in (along(hip, knee, 0.15), knee, ankle)]
    canvas.line(dark, scaled(cloth.colour, 0.55), width)


def _draw_seat(canvas: Canvas, skeleton: Skeleton, cloth: Cloth) -> None:
    low, waist = skeleton.levels[0][0], skeleton.levels[2][0]
    crotch = low * 0.94
    points = [skeleton.on_trunk(-1, waist), skeleton.on_trunk(1, waist)]
    points += [skeleton.on_trunk(1, low), skeleton.at(skeleton.levels[0][2] * 0.4, crotch)]
    points += [skeleton.at(skeleton.levels[0][1] * 0.4, crotch), skeleton.on_trunk(-1, low)]
    canvas.cloth(points, cloth)


def _draw_details(canvas: Canvas, person: DrawnPerson, kind: str, cloth: Cloth) -> None:
    """Draw belt, fly and pockets around the hips."""
    skeleton = person.skeleton
    low, waist = skeleton.levels[0][0], skeleton.levels[2][0]
    fine = max(1.0, skeleton.unit * 0.006)
    seam = STITCH if kind == "Jeans" else detail_of(cloth.colour, 0.35)
    if not skeleton.is_side:
        canvas.line([skeleton.at(0, waist), skeleton.at(0, low * 0.94)], seam, fine, 170)
    is_back = not skeleton.is_side and not skeleton.is_front
    if is_back and kind in ("Jeans", "Trousers", "Shorts"):
        size = 0.03 * skeleton.unit
        for side in (-0.5, 0.5):
            x, y = skeleton.on_trunk(side, low * 1.05)
            outline = [(x - size, y - size), (x + size, y - size), (x + size, y + size * 0.7)]
            outline += [(x, y + size), (x - size, y + size * 0.7), (x - size, y - size)]
            canvas.line(outline, seam, fine, 190)
    elif kind in ("Jeans", "Trousers", "Shorts", "Suits"):
        for side in (-1, 1):
            canvas.line(
                [skeleton.on_trunk(side * 0.8, low * 1.16), skeleton.on_trunk(side * 0.98, low * 1.02)],
                seam,
                fine,
                190,
            )
    belt = (52, 34, 24) if brightness(cloth.colour) > 70 else (150, 118, 84)
    canvas.polygon(_band(skeleton, waist - 0.016, waist), belt)


def _band(skeleton: Skeleton, low: float, high: float) -> list[Point]:
    return [
        skeleton.on_trunk(-1, high),
        skeleton.on_trunk(1, high),
        skeleton.on_trunk(1, low),
        skeleton.on_trunk(-1, low),
    ]


def _draw_skirt(
    canvas: Canvas,
    person: DrawnPerson,
    cloth: Cloth,
    second: Colour | None,
    *,
    is_short: bool,
    chance: Chance,
) -> None:
    skeleton = person.skeleton
    low, waist = skeleton.levels[0][0], skeleton.levels[2][0]
    knee = skeleton.levels[0][0] * 0.58
    hem = knee * chance.between(1.12, 1.3) if is_short else chance.between(0.1, 0.14)
    flare = chance.between(1.12, 1.4) if is_short else chance.between(1.1, 1.45)
    left, right = skeleton.levels[1][1], skeleton.levels[1][2]
    reach = max(abs(x - skeleton.middle) for x in (*(p[0] for p in skeleton.knees),)) / skeleton.unit
    left, right = min(left * flare, -reach - 0.03), max(right * flare, reach + 0.03)
    points = [skeleton.on_trunk(-1, waist), skeleton.on_trunk(1, waist), skeleton.on_trunk(1, low * 1.1)]
    sag = 0.012
    points += [skeleton.at(right, hem + sag), skeleton.at(right * 0.5, hem), skeleton.at(left * 0.5, hem)]
    points += [skeleton.at(left, hem + sag), skeleton.on_trunk(-1, low * 1.1)]
    canvas.cloth(points, cloth)
    pleat = detail_of(cloth.colour, 0.32)
    for share in (-0.66, -0.33, 0.05, 0.36, 0.68):
        edge = left if share < 0 else right
        top = skeleton.on_trunk(share * 0.9, low * 1.15)
        canvas.line([top, skeleton.at(edge * abs(share), hem + 0.004)], pleat, skeleton.unit * 0.006, 150)
    bottom = [skeleton.at(left, hem + sag), skeleton.at(left * 0.5, hem), skeleton.at(right * 0.5, hem)]
    canvas.line([*bottom, skeleton.at(right, hem + sag)], second or pleat, skeleton.unit * 0.014)
    canvas.polygon(_band(skeleton, waist - 0.018, waist), second or detail_of(cloth.colour, 0.3))
