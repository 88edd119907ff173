"""How a person stands: viewpoint, proportions, joints. All joints in canvas pixels, x right, y down."""

import math
from dataclasses import dataclass
from enum import StrEnum

from attrieve.data.synthetic.canvas import Number, Point
from attrieve.data.synthetic.chance import Chance
from attrieve.data.synthetic.traits import Traits


class View(StrEnum):
    """Which side of the person the camera sees."""

    FRONT = "front"
    BACK = "back"
    LEFT = "left"
    RIGHT = "right"


_HEAD = (0.185, 0.148, 0.15, 0.152, 0.155)
"""Height of the head by age, as a share of body height; larger than in life, so that it can be seen."""

_STATURE = (0.8, 1.0, 1.0, 0.99, 0.95)
_BELLY = (0.0, -0.008, 0.01, 0.03, 0.018)
"""Added to the half width of the waist by age."""

_BUILD = (0.86, 0.94, 1.04, 1.09, 1.0)
"""Width of the trunk by age."""

_SHOULDER_Y = 0.95
"""Heights on the body are shares of the height of the chin."""

_PUSHED = ("carryingBabyBuggy", "carryingShoppingTro")

Level = tuple[float, float, float]
"""Height above ground (share of stature), left and right edge of the trunk (share, from the middle)."""


@dataclass(frozen=True)
class Skeleton:
    """Joints of one person. Pairs are image left, right; seen from the side they are far, near.

    Args:
        view: which side is seen.
        ahead: direction the person faces on the picture: -1 left, 1 right, 0 towards or away.
        turn: small turn of a frontal view, -1 to 1, moves face and buttons sideways.
        unit: stature in pixels.
        middle: x of the body's middle.
        ground: y of the ground.
        head: centre of the head.
        head_radii: half width and half height of the head.
        neck: base of the neck.
        levels: the trunk from hip to neck.
        shoulders: upper arm joints.
        elbows: elbow joints.
        wrists: wrist joints.
        hips: upper leg joints.
        knees: knee joints.
        ankles: ankle joints.
        limb: thickness of limbs, 1 for an average adult.
        light: side the light comes from, -1 to 1.
    """

    view: View
    ahead: int
    turn: float
    unit: float
    middle: float
    ground: float
    head: Point
    head_radii: Point
    neck: Point
    levels: tuple[Level, ...]
    shoulders: tuple[Point, Point]
    elbows: tuple[Point, Point]
    wrists: tuple[Point, Point]
    hips: tuple[Point, Point]
    knees: tuple[Point, Point]
    ankles: tuple[Point, Point]
    limb: float
    light: float

    @property
    def is_side(self) -> bool:
        """Whether the person is seen from the side."""
        return self.ahead != 0

    @property
    def is_front(self) -> bool:
        """Whether face and chest point at the camera."""
        return self.view is View.FRONT

    def at(self, across: Number, height: Number) -> Point:
        """Return the pixel ``across`` from the middle (share of stature) and ``height`` above ground."""
        return self.middle + across * self.unit, self.ground - height * self.unit

    def trunk_edges(self, height: Number) -> tuple[float, float]:
        """Return the left and right edge of the trunk at a height, in shares of the stature."""
        if height <= self.levels[0][0]:
            return self.levels[0][1:]
        for (low, left, right), (high, upper_left, upper_right) in zip(
            self.levels, self.levels[1:], strict=False
        ):
            if height <= high:
                share = (height - low) / (high - low)
                return left + (upper_left - left) * share, right + (upper_right - right) * share
        return self.levels[-1][1:]

    def on_trunk(self, across: Number, height: Number) -> Point:
        """Return a pixel on the trunk: ``across`` -1 is its left edge, 1 its right."""
        left, right = self.trunk_edges(height)
        return self.at(left + (right - left) * (across + 1) / 2, height)

    def on_chest(self, across: Number, height: Number) -> Point:
        """Like :meth:`on_trunk`, moved with the turn of the body; for buttons, prints, collars."""
        if self.is_side:
            return self.on_trunk(self.ahead * (0.62 + 0.5 * across * self.ahead), height)
        return self.on_trunk(across * 0.9 + 0.35 * self.turn, height)


@dataclass(frozen=True)
class _Frame:
    """Shares of the stature that joints are built from."""

    chin: float
    shoulder: float
    waist: float
    hip: float
    stoop: float


def pose_person(
    traits: Traits, canvas_px: tuple[int, int], body: Chance, pose: Chance, difficulty: float | int
) -> Skeleton:
    """Return how a person stands on a canvas of ``(height, width)`` pixels.

    Age sets proportions and stoop, sex the outline, what is carried the arms; view and gait are chance.
    """
    height, width = canvas_px
    view = pose.choice((View.FRONT, View.FRONT, View.BACK, View.BACK, View.LEFT, View.RIGHT))
    ahead = {View.LEFT: -1, View.RIGHT: 1}.get(view, 0)
    age = traits.age
    stature = _STATURE[age] * pose.between(0.9, 0.95 - 0.02 * difficulty)
    unit = min(height * stature, 1.9 * width * stature)
    middle = width * (0.5 + pose.between(-0.05, 0.05) * (0.4 + difficulty))
    ground = (height + unit) / 2 + height * pose.between(-0.012, 0.018)
    stoop = (0.0, 0.0, 0.004, 0.014, 0.05)[age] * body.between(0.75, 1.25)
    head = _HEAD[age] * body.between(0.97, 1.03)
    chin = 1.0 - head - stoop * 0.5
    frame = _Frame(chin, chin * _SHOULDER_Y, chin * 0.72, chin * 0.565, stoop)
    levels = _trunk(traits, frame, ahead, body)
    walking = pose.flag(0.7)
    legs = _legs(frame, traits, ahead, pose, walking)
    arms = _arms(frame, traits, ahead, levels, pose, walking)
    lean = stoop * ahead

    def at(across: Number, up: Number) -> Point:
        return middle + across * unit, ground - up * unit

    def pair(points: tuple[Point, Point]) -> tuple[Point, Point]:
        return at(*points[0]), at(*points[1])

    half = head * 0.5
    breadth = half * (0.84 if ahead else 0.76)
    return Skeleton(
        view=view,
        ahead=ahead,
        turn=0.0 if ahead else pose.between(-0.7, 0.7),
        unit=unit,
        middle=middle,
        ground=ground,
        head=at(lean * 1.25 + 0.008 * ahead, chin + half * 0.97),
        head_radii=(breadth * unit, half * unit),
        neck=at(lean * 0.8, frame.shoulder + 0.012),
        levels=levels,
        shoulders=pair(arms[0]),
        elbows=pair(arms[1]),
        wrists=pair(arms[2]),
        hips=pair(legs[0]),
        knees=pair(legs[1]),
        ankles=pair(legs[2]),
        limb=(0.92, 0.94, 1.05, 1.1, 0.98)[age] * (1.0 if traits.is_male else 0.88),
        light=pose.between(-1, 1),
    )


def _trunk(traits: Traits, frame: _Frame, ahead: int, body: Chance) -> tuple[Level, ...]:
    """Return the outline of the trunk, bottom up."""
    build = body.between(0.95, 1.05) * _BUILD[traits.age]
    belly = _BELLY[traits.age] + body.between(-0.004, 0.006)
    if ahead:
        return _trunk_from_side(traits, frame, ahead, build, belly)
    if traits.is_male:
        shoulder, chest, waist, hip = 0.128, 0.104, 0.09, 0.089
    else:
        shoulder, chest, waist, hip = 0.106, 0.088, 0.07, 0.097
    shoulder, chest, hip = shoulder * build, chest * build, hip * build + belly * 0.4
    waist = waist * build + belly
    heights = _trunk_heights(frame)
    halves = (hip * 0.94, hip, waist, chest, shoulder, 0.034)
    return tuple((up, -half, half) for up, half in zip(heights, halves, strict=True))


def _trunk_heights(frame: _Frame) -> tuple[float, ...]:
    chest = frame.waist + (frame.shoulder - frame.waist) * 0.55
    return frame.hip * 0.93, frame.hip * 1.06, frame.waist, chest, frame.shoulder, frame.shoulder + 0.022


def _trunk_from_side(
    traits: Traits, frame: _Frame, ahead: int, build: float, belly: float
) -> tuple[Level, ...]:
    bust = 0.0 if traits.is_male or traits.age == 0 else 0.022
    seat = 0.0 if traits.is_male else 0.012
    fore = (0.05, 0.055, 0.056 + 1.6 * belly, 0.066 + bust, 0.045, 0.026)
    rear = (0.056 + seat, 0.064 + seat, 0.05, 0.062, 0.05, 0.03)
    lean = (0.0, 0.0, 0.25, 0.6, 0.85, 1.0)
    levels = []
    for up, front, back, share in zip(_trunk_heights(frame), fore, rear, lean, strict=True):
        shift = frame.stoop * share * ahead
        edges = sorted((front * build * ahead + shift, -back * build * ahead + shift))
        levels.append((up, edges[0], edges[1]))
    return tuple(levels)


_Joints = tuple[tuple[Point, Point], tuple[Point, Point], tuple[Point, Point]]


def _legs(frame: _Frame, traits: Traits, ahead: int, pose: Chance, walking: bool) -> _Joints:
    """Return hips, knees and ankles as (across, up) in shares of the stature."""
    knee_up, ankle_up = frame.hip * 0.54, 0.05
    apart = 0.047 if traits.is_male else 0.044
    if not ahead:
        step = pose.between(0.008, 0.026) if walking else 0.0
        lifted = pose.flag(0.5)
        wide = apart + pose.between(-0.008, 0.014)
        raise_left, raise_right = (step, 0.0) if lifted else (0.0, step)
        return (
            ((-apart, frame.hip), (apart, frame.hip)),
            ((-apart - 0.004, knee_up + raise_left * 0.6), (apart + 0.004, knee_up + raise_right * 0.6)),
            (
                (-wide + raise_left * 0.6, ankle_up + raise_left),
                (wide - raise_right * 0.6, ankle_up + raise_right),
            ),
        )
    swing = math.radians(pose.between(13, 27) if walking else pose.between(1, 5))
    swing *= 0.65 if traits.age == 4 else 1.0
    swing *= 1 if pose.flag(0.5) else -1
    joints = [_side_leg(frame, ahead, angle, knee_up, ankle_up) for angle in (-swing, swing)]
    far, near = joints
    return (far[0], near[0]), (far[1], near[1]), (far[2], near[2])


def _side_leg(
    frame: _Frame, ahead: int, angle: float, knee_up: float, ankle_up: float
) -> tuple[Point, Point, Point]:
    thigh, shin = frame.hip - knee_up, knee_up - ankle_up
    bend = 0.55 * abs(angle) if angle < 0 else 0.06
    hip = (0.0, frame.hip)
    knee = (ahead * thigh * math.sin(angle * 0.8), frame.hip - thigh * math.cos(angle * 0.8))
    lower = angle - bend
    ankle = (knee[0] + ahead * shin * math.sin(lower), knee[1] - shin * math.cos(lower))
    lifted = max(ankle_up, ankle[1])
    return hip, knee, (ankle[0], min(lifted, ankle_up + 0.05))


def bent_arms(traits: Traits, *, is_side: bool) -> tuple[bool, bool]:
    """Return which arms hold something before the chest: a folder takes one, a buggy or trolley both."""
    if any(traits.has(name) for name in _PUSHED):
        return True, True
    one = traits.has("carryingFolder")
    return (False, one) if is_side else (one, False)


def _arms(
    frame: _Frame, traits: Traits, ahead: int, levels: tuple[Level, ...], pose: Chance, walking: bool
) -> _Joints:
    """Return shoulders, elbows and wrists as (across, up) in shares of the stature."""
    upper, fore = frame.chin * 0.19, frame.chin * 0.165
    bent = bent_arms(traits, is_side=ahead != 0)
    raised = traits.has("carryingUmbrella")
    top = frame.shoulder - 0.03
    joints: list[tuple[Point, Point, Point]] = []
    swing = pose.between(12, 30) if walking else pose.between(0, 8)
    for index in (0, 1):
        is_bent = bent[index]
        lifts = raised and index == 1
        if ahead:
            shoulder = (frame.stoop * 0.85 * ahead, top)
            angle = math.radians(swing if index == 0 else -swing) if not is_bent else math.radians(18)
            elbow = math.radians(75 if is_bent else pose.between(8, 24))
            if lifts:
                angle, elbow = math.radians(15), math.radians(130)
            joints.append(_arm(shoulder, upper, fore, ahead, angle, angle + elbow))
            continue
        side = -1 if index == 0 else 1
        half = abs(levels[4][1]) - 0.026
        angle = math.radians(pose.between(5, 15))
        inward = math.radians(-pose.between(0, 14))
        if is_bent:
            inward = math.radians(-100)
        if lifts:
            inward = math.radians(150)
        joints.append(_arm((side * half, top), upper, fore, side, angle, angle + inward))
    left, right = joints
    return (left[0], right[0]), (left[1], right[1]), (left[2], right[2])


def _arm(
    shoulder: Point, upper: float, fore: float, side: int, angle: float, lower: float
) -> tuple[Point, Point, Point]:
    elbow = (shoulder[0] + side * upper * math.sin(angle), shoulder[1] - upper * math.cos(angle))
    wrist = (elbow[0] + side * fore * math.sin(lower), elbow[1] - fore * math.cos(lower))
    return shoulder, elbow, wrist
