"""What stands between camera and person."""

from attrieve.data.synthetic.background import draw_simple_figure
from attrieve.data.synthetic.canvas import Canvas
from attrieve.data.synthetic.chance import Chance
from attrieve.data.synthetic.palette import CLOTH, Colour, scaled, shade_of

OCCLUSION_RATE = 0.5
"""Share of pictures with an occluder at difficulty 1; none at difficulty 0."""


def draw_occlusion(canvas: Canvas, chance: Chance, difficulty: float | int) -> None:
    """Perhaps hide a part of the person behind a post, a bench, a plant, a rail or another person."""
    if not chance.flag(OCCLUSION_RATE * difficulty):
        return
    kinds = (_draw_post, _draw_bench, _draw_leaves, _draw_rail, _draw_other_person)
    chance.choice(kinds)(canvas, chance, difficulty)


def _draw_post(canvas: Canvas, chance: Chance, difficulty: float | int) -> None:
    x = canvas.width * chance.between(0.08, 0.92)
    half = canvas.width * chance.between(0.025, 0.04 + 0.05 * difficulty)
    metal: Colour = scaled((112, 114, 118), chance.between(0.4, 1.5))
    canvas.box((x - half, 0), (x + half, canvas.height), metal)
    canvas.box((x - half, 0), (x - half * 0.4, canvas.height), scaled(metal, 1.3))
    canvas.box((x + half * 0.4, 0), (x + half, canvas.height), scaled(metal, 0.7))


def _draw_bench(canvas: Canvas, chance: Chance, difficulty: float | int) -> None:
    """Cover the feet, seldom the shins, from below."""
    top = canvas.height * chance.between(0.97 - 0.24 * difficulty, 0.97)
    wood: Colour = scaled((112, 84, 58), chance.between(0.5, 1.4))
    canvas.box((0, top), (canvas.width, canvas.height), wood)
    canvas.box((0, top), (canvas.width, top + canvas.height * 0.012), scaled(wood, 1.35))


def _draw_leaves(canvas: Canvas, chance: Chance, difficulty: float | int) -> None:
    side = chance.choice((0.0, 1.0))
    for _ in range(6 + int(8 * difficulty)):
        x = canvas.width * (side + (0.5 - side) * 2 * chance.between(-0.1, 0.24))
        y = canvas.height * chance.between(0.3, 1.0)
        green = scaled((54, 92, 46), chance.between(0.5, 1.6))
        canvas.ellipse(
            (x, y),
            (canvas.width * chance.between(0.05, 0.11), canvas.height * chance.between(0.015, 0.035)),
            green,
        )


def _draw_rail(canvas: Canvas, chance: Chance, difficulty: float | int) -> None:
    y = canvas.height * chance.between(0.55, 0.8)
    thick = canvas.height * (0.008 + 0.01 * difficulty)
    metal: Colour = scaled((150, 152, 156), chance.between(0.4, 1.4))
    for row in range(2):
        canvas.line(
            [(0, y + row * canvas.height * 0.12), (canvas.width, y + row * canvas.height * 0.12)],
            metal,
            thick,
        )
    for column in range(4):
        x = canvas.width * (column * 0.33 + 0.05)
        canvas.line([(x, y), (x, canvas.height)], metal, thick)


def _draw_other_person(canvas: Canvas, chance: Chance, difficulty: float | int) -> None:
    """Cover one edge with somebody nearer to the camera."""
    inside = 0.02 + 0.1 * difficulty
    x = canvas.width * chance.choice((chance.between(-0.12, inside), chance.between(1 - inside, 1.12)))
    stature = canvas.height * chance.between(0.85, 1.05)
    draw_simple_figure(canvas, (x, canvas.height * chance.between(1.0, 1.1)), stature, chance)
    if chance.flag(0.3):
        colour = shade_of(CLOTH[chance.choice(("Black", "Brown", "Blue"))], chance)
        canvas.rounded_box(
            (x - stature * 0.08, canvas.height * 0.35),
            (x + stature * 0.08, canvas.height * 0.6),
            stature * 0.03,
            colour,
        )
