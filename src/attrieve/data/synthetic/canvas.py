"""A picture to draw on: filled shapes, textured cloth, limbs, soft shadows. Pixels, x before y, y down."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from PIL import Image, ImageDraw

from attrieve.data.synthetic.palette import Colour
from attrieve.data.synthetic.parts import DrawnPart
from attrieve.data.synthetic.textures import Cloth, cloth_tile

Number = float | int
"""A length or place; whole numbers are welcome, also under a strict type checker at run time."""

Point = tuple[Number, Number]
"""x to the right and y down, in pixels of the canvas."""

SHADOW: Colour = (8, 8, 14)
LIGHT: Colour = (255, 252, 244)

SEEN_ALPHA = 128
"""What is less opaque than this shades a part and does not hide it."""


class Canvas:
    """Drawing with see-through colours on an RGB picture.

    Args:
        image: to draw on.
        record_parts: whether to note which part each pixel belongs to; the picture is the same.
    """

    def __init__(self, image: Image.Image, *, record_parts: bool = False) -> None:
        self.image = image
        self._draw = ImageDraw.Draw(image, "RGBA")
        self._parts = Image.new("L", image.size) if record_parts else None
        self._note = None if self._parts is None else ImageDraw.Draw(self._parts)
        self._part = DrawnPart.BACKGROUND

    @contextmanager
    def drawing(self, part: DrawnPart) -> Iterator[None]:
        """Note what is drawn within as a part of the person; the innermost part counts."""
        outer, self._part = self._part, part
        try:
            yield
        finally:
            self._part = outer

    def parts(self) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        """Return the :class:`DrawnPart` seen at each pixel, shape (height, width)."""
        if self._parts is None:
            raise AssertionError("this canvas does not record parts")
        return np.asarray(self._parts)

    def _pens(
        self, colour: Colour, alpha: int
    ) -> Iterator[tuple[ImageDraw.ImageDraw, tuple[int, ...] | int]]:
        """Give what to draw with and in which colour: on the picture, and on the notes of parts."""
        yield self._draw, (*colour, alpha)
        if self._note is not None and alpha >= SEEN_ALPHA:
            yield self._note, int(self._part)

    @property
    def width(self) -> int:
        """Width in pixels."""
        return self.image.width

    @property
    def height(self) -> int:
        """Height in pixels."""
        return self.image.height

    def polygon(self, points: Sequence[Point], colour: Colour, alpha: int = 255) -> None:
        """Fill a polygon; ``alpha`` 255 covers, 0 is invisible."""
        for draw, fill in self._pens(colour, alpha):
            draw.polygon(list(points), fill=fill)

    def ellipse(self, centre: Point, radii: Point, colour: Colour, alpha: int = 255) -> None:
        """Fill an upright ellipse."""
        (x, y), (across, down) = centre, (abs(radii[0]), abs(radii[1]))
        for draw, fill in self._pens(colour, alpha):
            draw.ellipse((x - across, y - down, x + across, y + down), fill=fill)

    def half_disc(
        self, centre: Point, radii: Point, degrees: Point, colour: Colour, alpha: int = 255
    ) -> None:
        """Fill the part of an ellipse cut off by the chord between two angles (0 right, 90 down)."""
        (x, y), (across, down) = centre, radii
        box = (x - across, y - down, x + across, y + down)
        for draw, fill in self._pens(colour, alpha):
            draw.chord(box, degrees[0], degrees[1], fill=fill)

    def line(self, points: Sequence[Point], colour: Colour, width: Number, alpha: int = 255) -> None:
        """Draw a line at least one pixel wide."""
        for draw, fill in self._pens(colour, alpha):
            draw.line(list(points), fill=fill, width=max(1, round(width)))

    def box(self, corner: Point, opposite: Point, colour: Colour, alpha: int = 255) -> None:
        """Fill an upright rectangle between two corners, in any order."""
        left, right = sorted((corner[0], opposite[0]))
        top, bottom = sorted((corner[1], opposite[1]))
        for draw, fill in self._pens(colour, alpha):
            draw.rectangle((left, top, right, bottom), fill=fill)

    def rounded_box(self, corner: Point, opposite: Point, radius: Number, colour: Colour) -> None:
        """Fill an upright rectangle with round corners."""
        left, right = sorted((corner[0], opposite[0]))
        top, bottom = sorted((corner[1], opposite[1]))
        radius = max(0.0, min(radius, (right - left) / 2 - 1, (bottom - top) / 2 - 1))
        for draw, fill in self._pens(colour, 255):
            draw.rounded_rectangle((left, top, right, bottom), radius, fill=fill)

    def cloth(self, points: Sequence[Point], cloth: Cloth) -> None:
        """Fill a polygon with cloth; its texture keeps its place on the canvas."""
        if cloth.is_plain:
            self.polygon(points, cloth.colour)
            return
        left = max(0, math.floor(min(x for x, _ in points)))
        top = max(0, math.floor(min(y for _, y in points)))
        right = min(self.width, math.ceil(max(x for x, _ in points)) + 1)
        bottom = min(self.height, math.ceil(max(y for _, y in points)) + 1)
        if right <= left or bottom <= top:
            return
        mask = Image.new("L", (right - left, bottom - top))
        ImageDraw.Draw(mask).polygon([(x - left, y - top) for x, y in points], fill=255)
        tile = cloth_tile(cloth, left, top, right - left, bottom - top)
        self.image.paste(Image.fromarray(tile), (left, top), mask)
        if self._parts is not None:
            self._parts.paste(int(self._part), (left, top, right, bottom), mask)

    def limb(self, start: Point, end: Point, widths: Point, cloth: Cloth, light: Number = 0.0) -> None:
        """Draw a tapered limb with round ends; ``widths`` are half widths at start and end.

        Args:
            start: upper joint.
            end: lower joint.
            widths: half widths in pixels.
            cloth: what covers it.
            light: side the light comes from, -1 left to 1 right; the other side is shaded.
        """
        if cloth.is_plain:
            self.ellipse(start, (widths[0], widths[0]), cloth.colour)
            self.ellipse(end, (widths[1], widths[1]), cloth.colour)
            self.polygon(limb_outline(start, end, widths), cloth.colour)
        else:
            self.cloth(_capped_outline(start, end, widths), cloth)
        self.limb_shade(start, end, widths, light)

    def limb_shade(self, start: Point, end: Point, widths: Point, light: Number) -> None:
        """Darken one side of a limb and lighten the other, so that it looks round."""
        across = limb_across(start, end)
        dark = -1.0 if light >= 0 else 1.0
        for side, inner, colour, alpha in ((dark, 0.25, SHADOW, 52), (-dark, 0.45, LIGHT, 26)):
            self.polygon(
                [
                    (start[0] + across[0] * widths[0] * side, start[1] + across[1] * widths[0] * side),
                    (end[0] + across[0] * widths[1] * side, end[1] + across[1] * widths[1] * side),
                    (
                        end[0] + across[0] * widths[1] * side * inner,
                        end[1] + across[1] * widths[1] * side * inner,
                    ),
                    (
                        start[0] + across[0] * widths[0] * side * inner,
                        start[1] + across[1] * widths[0] * side * inner,
                    ),
                ],
                colour,
                alpha,
            )

    def pixels(self) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        """Return the picture, uint8 of shape (height, width, 3)."""
        return np.asarray(self.image)


def limb_across(start: Point, end: Point) -> Point:
    """Return the unit vector across a limb, pointing right for one that hangs down."""
    along = (end[0] - start[0], end[1] - start[1])
    length = math.hypot(*along) or 1.0
    return along[1] / length, -along[0] / length


def limb_outline(start: Point, end: Point, widths: Point) -> list[Point]:
    """Return the four corners of a tapered limb.

    >>> limb_outline((0, 0), (0, 10), (2, 1))
    [(-2.0, 0.0), (2.0, 0.0), (1.0, 10.0), (-1.0, 10.0)]
    """
    across = limb_across(start, end)
    (x0, y0), (x1, y1), (w0, w1) = start, end, widths
    return [
        (x0 - across[0] * w0, y0 - across[1] * w0),
        (x0 + across[0] * w0, y0 + across[1] * w0),
        (x1 + across[0] * w1, y1 + across[1] * w1),
        (x1 - across[0] * w1, y1 - across[1] * w1),
    ]


def _capped_outline(start: Point, end: Point, widths: Point) -> list[Point]:
    """Return the outline of a limb with an edge beyond either joint, for cloth whose texture must go on."""
    across = limb_across(start, end)
    down = (-across[1], across[0])
    left_top, right_top, right_low, left_low = limb_outline(start, end, widths)
    caps = [
        (x + width * (down[0] * way + across[0] * side), y + width * (down[1] * way + across[1] * side))
        for (x, y), width, way in ((start, widths[0], -0.8), (end, widths[1], 0.8))
        for side in (-0.6, 0.6)
    ]
    return [left_top, caps[0], caps[1], right_top, right_low, caps[3], caps[2], left_low]


def along(start: Point, end: Point, share: Number) -> Point:
    """Return the point a share of the way from start to end.

    >>> along((0, 0), (10, 20), 0.5)
    (5.0, 10.0)
    """
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share
