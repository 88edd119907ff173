"""Hits as one picture: a row per hit, and per thing asked a heat map over the crop."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from attrieve.errors import InputError
from attrieve.gallery.explained_hits import ExplainedHit
from attrieve.gallery.heat_maps import INK, PAPER, QUIET, heat_map_over, legend_strip
from attrieve.gallery.marks import mark
from attrieve.schema import AttributeReason, AttributeSchema

MOST_MAPS = 10
"""Things asked that a sheet shows; of more, those that cost the hits most."""

_GAP, _CAPTION = 12, 38
_EXPLANATION = (
    "Where the model found what was asked, each map on its own scale. A bright spot does not mean that it is "
    "there: the mark and the probability of what was asked say that; + is what it adds to the distance."
)


def heat_map_sheet(
    explained: Sequence[ExplainedHit],
    schema: AttributeSchema,
    heading: str,
    *,
    cell_px: tuple[int, int] = (224, 112),
    most_maps: int = MOST_MAPS,
) -> Image.Image:
    """Draw hits row by row: the crop with rank and distance, then one map per thing asked.

    Args:
        explained: hits with their maps; all answer one description. None gives the heading alone.
        schema: for the attributes' labels.
        heading: the description.
        cell_px: height and width of the box that each crop is fitted into.
        most_maps: things asked that are shown; of more, those that cost these hits most.

    Raises:
        InputError: if a size or number is too small to draw.
    """
    if min(cell_px) < 48 or most_maps < 1:
        raise InputError(
            f"a sheet needs crops of 48 pixels and a map, got crops of {cell_px}, {most_maps} maps"
        )
    reasons = [one.hit.reasons for one in explained]
    shown = _dearest(reasons, most_maps)
    height, width = cell_px
    row = height + _CAPTION + _GAP
    total_width = max(_GAP + (1 + len(shown)) * (width + _GAP), 520)
    left_out = len(reasons[0]) - len(shown) if reasons else 0
    top = _heading(heading, len(explained), left_out, total_width)
    bottom = _legend(total_width)
    sheet = Image.new("RGB", (total_width, top.height + len(explained) * row + bottom.height), PAPER)
    sheet.paste(top, (0, 0))
    for number, one in enumerate(explained):
        y = top.height + number * row
        sheet.paste(_fitted(Image.fromarray(one.image), cell_px), (_GAP, y))
        _caption(sheet, (_GAP, y + height), f"{one.hit.rank}", f"{one.hit.distance:.3f}")
        for column, place in enumerate(shown):
            reason, values = one.told[place]
            x = _GAP + (column + 1) * (width + _GAP)
            sheet.paste(_map_cell(one, values, cell_px), (x, y))
            _reason(sheet, (x, y + height), width, reason, schema)
    sheet.paste(bottom, (0, sheet.height - bottom.height))
    return sheet


def _dearest(reasons: Sequence[Sequence[AttributeReason]], most: int) -> list[int]:
    """Return which things asked are shown, in the order they were asked."""
    asked = len(reasons[0]) if reasons else 0
    cost = [sum(own[place].share for own in reasons) for place in range(asked)]
    return sorted(sorted(range(asked), key=lambda place: -cost[place])[:most])


def _map_cell(one: ExplainedHit, values: np.ndarray, cell_px: tuple[int, int]) -> Image.Image:
    """Draw the map over the crop at the crop's own proportions, then fit it like the crop beside it."""
    height, width = one.image.shape[:2]
    times = min(cell_px[0] / height, cell_px[1] / width)
    size = (max(1, round(height * times)), max(1, round(width * times)))
    return _fitted(heat_map_over(one.image, values, size_px=size), cell_px)


def _fitted(picture: Image.Image, cell_px: tuple[int, int]) -> Image.Image:
    return ImageOps.pad(picture, (cell_px[1], cell_px[0]), Image.Resampling.LANCZOS, color="#e6e8ec")


def _heading(text: str, hits: int, left_out: int, width: int) -> Image.Image:
    told = "no hits" if not hits else "1 hit" if hits == 1 else f"{hits} hits, nearest first"
    if left_out:
        told += f"; {left_out} things asked that cost less are not shown"
    heading = Image.new("RGB", (width, 62), PAPER)
    draw = ImageDraw.Draw(heading)
    draw.text((_GAP, 12), _shortened(text, 18, width - 2 * _GAP), INK, _font(18))
    draw.text((_GAP, 38), _shortened(told, 13, width - 2 * _GAP), QUIET, _font(13))
    return heading


def _legend(width: int) -> Image.Image:
    strip = legend_strip(240)
    lines = _wrapped(_EXPLANATION, 12, width - 2 * _GAP)
    legend = Image.new("RGB", (width, strip.height + 16 * len(lines) + _GAP), PAPER)
    legend.paste(strip, (_GAP - 8, 0))
    draw = ImageDraw.Draw(legend)
    for number, line in enumerate(lines):
        draw.text((_GAP, strip.height + 2 + 16 * number), line, QUIET, _font(12))
    return legend


def _caption(sheet: Image.Image, corner: tuple[int, int], rank: str, distance: str) -> None:
    draw = ImageDraw.Draw(sheet)
    draw.text((corner[0], corner[1] + 3), f"rank {rank}", INK, _font(13))
    draw.text((corner[0], corner[1] + 19), f"distance {distance}", QUIET, _font(12))


def _reason(
    sheet: Image.Image,
    corner: tuple[int, int],
    width: int,
    reason: AttributeReason,
    schema: AttributeSchema,
) -> None:
    """What was asked, whether it was met, the probability of what was asked, what it adds."""
    draw = ImageDraw.Draw(sheet)
    icon = mark(reason.matches, 13)
    sheet.paste(icon, (corner[0], corner[1] + 4), icon)
    label = schema.labels[schema.index_of(reason.attribute)]
    text = label if reason.wanted else f"not {label}"
    draw.text((corner[0] + 17, corner[1] + 3), _shortened(text, 13, width - 17), INK, _font(13))
    told = f"{reason.probability if reason.wanted else 1 - reason.probability:.2f}"
    if reason.contribution is not None:
        told += f"   +{reason.contribution:.3f}"
    draw.text((corner[0] + 17, corner[1] + 19), told, QUIET, _font(12))


def _font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=size_px)


def _shortened(text: str, size_px: int, room_px: int) -> str:
    font = _font(size_px)
    if font.getlength(text) <= room_px:
        return text
    while text and font.getlength(text + "…") > room_px:
        text = text[:-1]
    return text.rstrip() + "…"


def _wrapped(text: str, size_px: int, room_px: int) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and _font(size_px).getlength(longer) > room_px:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
