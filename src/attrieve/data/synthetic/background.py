"""Streets, walls and floors behind a person, with posts, cars and other people."""

from PIL import Image

from attrieve.data.synthetic.canvas import SHADOW, Canvas, Point
from attrieve.data.synthetic.chance import Chance, Part, chances
from attrieve.data.synthetic.palette import CLOTH, HAIR, SKIN, Colour, mixed, scaled, shade_of
from attrieve.data.synthetic.skeleton import Skeleton
from attrieve.data.synthetic.textures import Cloth

WALLS: tuple[Colour, ...] = (
    (172, 168, 160),
    (140, 142, 146),
    (196, 186, 166),
    (110, 116, 124),
    (158, 132, 112),
    (120, 134, 118),
    (206, 206, 202),
    (84, 90, 98),
)
FLOORS: tuple[Colour, ...] = (
    (128, 126, 122),
    (104, 104, 106),
    (164, 156, 144),
    (88, 90, 94),
    (148, 138, 126),
    (120, 128, 108),
)
SHARE_OF_SIZE = 2
"""The background is drawn this many times smaller and then enlarged: out of focus, and quick."""


def draw_background(size_px: tuple[int, int], scene_seed: int, difficulty: float | int) -> Image.Image:
    """Return a background of ``(width, height)`` pixels; clutter grows with difficulty."""
    supply = chances(scene_seed)
    chance, passers_by = supply[Part.BACKGROUND], supply[Part.PASSERS_BY]
    small = (max(8, size_px[0] // SHARE_OF_SIZE), max(8, size_px[1] // SHARE_OF_SIZE))
    wall = scaled(chance.choice(WALLS), chance.between(0.75, 1.12))
    canvas = Canvas(Image.new("RGB", small, wall))
    horizon = chance.between(0.5, 0.8)
    _draw_wall(canvas, wall, horizon, chance)
    _draw_floor(canvas, horizon, chance)
    _draw_furniture(canvas, horizon, chance, difficulty)
    for _ in range(2):
        if passers_by.flag(0.12 + 0.4 * difficulty):
            _draw_passer_by(canvas, horizon, passers_by)
    return canvas.image.resize(size_px, Image.Resampling.BILINEAR)


def _draw_wall(canvas: Canvas, wall: Colour, horizon: float, chance: Chance) -> None:
    width, height = canvas.width, canvas.height
    low = horizon * height
    kind = chance.choice(("bricks", "panels", "windows", "hedge", "shop", "plain", "street"))
    for step in range(4):
        canvas.box((0, low * step / 4), (width, low), SHADOW, 10)
    if kind == "bricks":
        row = height * 0.035
        for index in range(int(low / row) + 1):
            canvas.line([(0, index * row), (width, index * row)], scaled(wall, 0.8), 1)
            shift = row if index % 2 else 0.0
            for column in range(int(width / (2 * row)) + 2):
                x = column * 2 * row + shift
                canvas.line([(x, index * row), (x, (index + 1) * row)], scaled(wall, 0.82), 1)
    elif kind in ("panels", "plain"):
        pitch = chance.between(0.25, 0.6) * width
        for index in range(int(width / pitch) + 2):
            canvas.line([(index * pitch, 0), (index * pitch, low)], scaled(wall, 0.72), width * 0.015)
        if kind == "panels":
            canvas.box((0, low * 0.55), (width, low), scaled(wall, 0.8))
    elif kind in ("windows", "shop"):
        pane = mixed((62, 74, 88), (190, 205, 216), chance.number())
        for index in range(3):
            x = width * (index * 0.42 - chance.between(0.0, 0.2))
            canvas.box((x, low * 0.12), (x + width * 0.32, low * (0.62 if kind == "windows" else 0.95)), pane)
            canvas.line([(x, low * 0.12), (x + width * 0.2, low * 0.55)], (235, 240, 244), width * 0.03, 60)
        if kind == "shop":
            canvas.box((0, 0), (width, low * 0.12), shade_of(CLOTH[chance.choice(tuple(CLOTH))], chance))
    elif kind == "hedge":
        for _ in range(16):
            centre = (width * chance.number(), low * chance.between(0.1, 1.0))
            green = scaled((58, 88, 48), chance.between(0.6, 1.5))
            canvas.ellipse(
                centre, (width * chance.between(0.12, 0.3), height * chance.between(0.04, 0.1)), green
            )
    else:
        canvas.box((0, 0), (width, low * 0.5), (186, 196, 206))
        canvas.box((0, low * 0.3), (width * chance.between(0.2, 0.7), low), scaled(wall, 0.7))


def _draw_floor(canvas: Canvas, horizon: float, chance: Chance) -> None:
    width, height = canvas.width, canvas.height
    top = horizon * height
    floor = scaled(chance.choice(FLOORS), chance.between(0.8, 1.15))
    canvas.box((0, top), (width, height), floor)
    canvas.box((0, top), (width, top + height * 0.02), scaled(floor, 0.75))
    kind = chance.choice(("tiles", "asphalt", "platform", "zebra"))
    line = scaled(floor, 0.82)
    if kind == "tiles":
        vanish = width * chance.between(0.2, 0.8)
        for index in range(-3, 8):
            canvas.line([(vanish, top - height * 0.2), (index * width * 0.25, height)], line, 1)
        for share in (0.1, 0.28, 0.52, 0.8):
            y = top + (height - top) * share
            canvas.line([(0, y), (width, y)], line, 1)
    elif kind == "platform":
        y = top + (height - top) * chance.between(0.2, 0.8)
        canvas.line(
            [(0, y), (width, y + height * chance.between(-0.06, 0.06))], (214, 186, 70), height * 0.025
        )
    elif kind == "zebra":
        for index in range(5):
            y = top + (height - top) * (0.1 + 0.2 * index)
            canvas.line([(0, y), (width, y - height * 0.05)], (206, 206, 202), height * 0.014)
    else:
        for _ in range(6):
            x, y = width * chance.number(), top + (height - top) * chance.number()
            canvas.ellipse(
                (x, y), (width * 0.12, height * 0.012), scaled(floor, chance.between(0.8, 1.15)), 160
            )


def _draw_furniture(canvas: Canvas, horizon: float, chance: Chance, difficulty: float | int) -> None:
    width, height = canvas.width, canvas.height
    foot = horizon * height
    if chance.flag(0.25 + 0.4 * difficulty):
        x, half = width * chance.number(), width * chance.between(0.02, 0.06)
        metal = scaled((120, 122, 126), chance.between(0.4, 1.4))
        canvas.box((x - half, 0), (x + half, foot + height * 0.06), metal)
        canvas.box((x - half, 0), (x - half * 0.3, foot + height * 0.06), scaled(metal, 1.25))
    if chance.flag(0.12 + 0.25 * difficulty):
        paint = shade_of(CLOTH[chance.choice(tuple(CLOTH))], chance)
        x = width * chance.between(-0.3, 0.6)
        canvas.rounded_box(
            (x, foot - height * 0.12), (x + width * 0.8, foot + height * 0.03), width * 0.05, paint
        )
        canvas.rounded_box(
            (x + width * 0.15, foot - height * 0.19),
            (x + width * 0.6, foot - height * 0.1),
            width * 0.05,
            (70, 84, 96),
        )
        for share in (0.15, 0.6):
            canvas.ellipse(
                (x + width * share, foot + height * 0.03), (width * 0.08, width * 0.08), (24, 24, 26)
            )
    if chance.flag(0.2 + 0.2 * difficulty):
        x = width * chance.choice((-0.08, 0.82))
        canvas.box(
            (x, height * 0.1),
            (x + width * 0.26, foot + height * 0.02),
            scaled((96, 74, 58), chance.between(0.6, 1.5)),
        )
    if chance.flag(0.15 + 0.2 * difficulty):
        for index in range(6):
            x = width * (index * 0.2)
            canvas.line([(x, foot - height * 0.1), (x, foot + height * 0.04)], (70, 72, 78), 1)
        canvas.line([(0, foot - height * 0.1), (width, foot - height * 0.1)], (70, 72, 78), height * 0.012)


def _draw_passer_by(canvas: Canvas, horizon: float, chance: Chance) -> None:
    """Draw a simple figure further away, often cut by the edge of the picture."""
    width, height = canvas.width, canvas.height
    stature = height * chance.between(0.35, 0.75)
    x = width * chance.choice((chance.between(-0.05, 0.16), chance.between(0.84, 1.05)))
    ground = min(height * 0.98, horizon * height + stature * 0.28)
    draw_simple_figure(canvas, (x, ground), stature, chance)


def draw_simple_figure(canvas: Canvas, foot: Point, stature: float, chance: Chance) -> None:
    """Draw a person without details, standing at ``foot``."""
    x, ground = foot
    upper = shade_of(CLOTH[chance.choice(tuple(CLOTH))], chance)
    lower = shade_of(CLOTH[chance.choice(("Black", "Blue", "Grey", "Brown"))], chance)
    skin, hair = chance.choice(SKIN), shade_of(HAIR[chance.choice(("Black", "Brown", "Grey"))], chance)
    for side in (-0.045, 0.045):
        start, end = (x + side * stature, ground - 0.5 * stature), (x + side * 1.4 * stature, ground)
        canvas.limb(start, end, (0.05 * stature, 0.03 * stature), Cloth(lower))
    trunk = [(-0.1, 0.82), (0.1, 0.82), (0.09, 0.48), (-0.09, 0.48)]
    canvas.polygon([(x + a * stature, ground - b * stature) for a, b in trunk], upper)
    for side in (-1, 1):
        start = (x + side * 0.1 * stature, ground - 0.79 * stature)
        canvas.limb(
            start,
            (x + side * 0.13 * stature, ground - 0.48 * stature),
            (0.03 * stature, 0.024 * stature),
            Cloth(scaled(upper, 0.9)),
        )
    canvas.ellipse((x, ground - 0.91 * stature), (0.05 * stature, 0.07 * stature), skin)
    canvas.half_disc((x, ground - 0.92 * stature), (0.056 * stature, 0.075 * stature), (170, 370), hair)


def draw_ground_shadow(canvas: Canvas, skeleton: Skeleton) -> None:
    """Darken the floor around the feet."""
    x = skeleton.middle - skeleton.light * 0.06 * skeleton.unit
    y = skeleton.ground
    for scale, alpha in ((1.0, 40), (0.7, 55)):
        canvas.ellipse((x, y), (0.17 * skeleton.unit * scale, 0.022 * skeleton.unit * scale), SHADOW, alpha)
