"""Bare skin: legs, arms and hands, drawn before the clothes that cover them."""

from attrieve.data.synthetic.canvas import Canvas, Point
from attrieve.data.synthetic.palette import Colour
from attrieve.data.synthetic.person import DrawnPerson
from attrieve.data.synthetic.skeleton import Skeleton
from attrieve.data.synthetic.textures import Cloth

THIGH, KNEE, CALF, ANKLE = 0.05, 0.037, 0.034, 0.021
"""Half widths of a leg in shares of the stature."""

UPPER_ARM, ELBOW, WRIST, HAND = 0.031, 0.025, 0.019, 0.021
"""Half widths of an arm."""

STOCKING: Colour = (66, 54, 54)


def thickness(skeleton: Skeleton, share: float) -> float:
    """Return a limb's half width in pixels for a share of the stature."""
    return share * skeleton.unit * skeleton.limb


def draw_bare_legs(canvas: Canvas, person: DrawnPerson) -> None:
    """Draw both legs in skin, or in stockings."""
    for index in (0, 1):
        draw_bare_leg(canvas, person, index)


def draw_bare_leg(canvas: Canvas, person: DrawnPerson, index: int) -> None:
    """Draw one leg from hip to ankle; the far one (0) lies in shade when seen from the side."""
    skeleton = person.skeleton
    colour = STOCKING if person.traits.has("footwearStocking") else person.skin
    cloth = Cloth(colour).shaded(far_shade(skeleton, index))
    widths = [thickness(skeleton, share) for share in (THIGH, KNEE, CALF, ANKLE)]
    hip, knee, ankle = skeleton.hips[index], skeleton.knees[index], skeleton.ankles[index]
    canvas.limb(hip, knee, (widths[0], widths[1]), cloth, skeleton.light)
    calf = (knee[0] + (ankle[0] - knee[0]) * 0.35, knee[1] + (ankle[1] - knee[1]) * 0.35)
    canvas.limb(knee, calf, (widths[1], widths[2]), cloth, skeleton.light)
    canvas.limb(calf, ankle, (widths[2], widths[3]), cloth, skeleton.light)


def draw_bare_arm(canvas: Canvas, person: DrawnPerson, index: int) -> None:
    """Draw one arm and its hand in skin."""
    skeleton = person.skeleton
    skin = Cloth(person.skin).shaded(far_shade(skeleton, index))
    widths = [thickness(skeleton, share) for share in (UPPER_ARM, ELBOW, WRIST, HAND)]
    shoulder, elbow, wrist = skeleton.shoulders[index], skeleton.elbows[index], skeleton.wrists[index]
    canvas.limb(shoulder, elbow, (widths[0], widths[1]), skin, skeleton.light)
    canvas.limb(elbow, wrist, (widths[1], widths[2]), skin, skeleton.light)
    hand = hand_centre(skeleton, index)
    canvas.ellipse(hand, (widths[3] * 0.9, widths[3] * 1.25), skin.colour)


def hand_centre(skeleton: Skeleton, index: int) -> Point:
    """Return the middle of a hand, a little beyond the wrist."""
    elbow, wrist = skeleton.elbows[index], skeleton.wrists[index]
    return wrist[0] + (wrist[0] - elbow[0]) * 0.14, wrist[1] + (wrist[1] - elbow[1]) * 0.14


def far_shade(skeleton: Skeleton, index: int) -> float:
    """Return how bright a limb is: the far one of a side view is darker."""
    return 0.78 if skeleton.is_side and index == 0 else 1.0
