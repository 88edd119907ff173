"""Tick and cross, drawn: told apart by shape, not by colour alone, and present in every font."""

from PIL import Image, ImageDraw

GREEN = "#15803d"
RED = "#b91c1c"
_FINE = 8  # drawn this much larger, then reduced, for smooth edges


def mark(yes: bool, size_px: int) -> Image.Image:
    """Return a tick in a green disc, or a cross in a red square, on a transparent ground."""
    side = size_px * _FINE
    icon = Image.new("RGBA", (side, side), (255, 255, 255, 0))
    draw = ImageDraw.Draw(icon)
    width = side // 8
    if yes:
        draw.ellipse((0, 0, side - 1, side - 1), GREEN)
        _stroke(draw, [(0.26, 0.53), (0.43, 0.70), (0.75, 0.33)], side, width)
    else:
        draw.rounded_rectangle((0, 0, side - 1, side - 1), side // 5, RED)
        _stroke(draw, [(0.29, 0.29), (0.71, 0.71)], side, width)
        _stroke(draw, [(0.71, 0.29), (0.29, 0.71)], side, width)
    return icon.resize((size_px, size_px), Image.Resampling.LANCZOS)


def _stroke(draw: ImageDraw.ImageDraw, points: list[tuple[float, float]], side: int, width: int) -> None:
    """A white line through points given as parts of the side, with round ends."""
    path = [(x * side, y * side) for x, y in points]
    draw.line(path, "white", width, joint="curve")
    for x, y in path:
        draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), "white")
