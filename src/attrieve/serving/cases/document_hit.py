"""A saved hit in a case's document: its picture, what is known of it, and why it was found."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from fpdf.enums import XPos, YPos
from PIL import Image

from attrieve.serving.cases.archive import reasons_of
from attrieve.serving.cases.case import Mark
from attrieve.serving.cases.content import HitContent
from attrieve.serving.cases.document_fonts import MONO
from attrieve.serving.cases.document_sheet import (
    BAD,
    BOTTOM,
    FAINT,
    GOOD,
    GROUND,
    INK,
    MARGIN,
    MUTED,
    WARN,
    WIDTH,
    Length,
    Sheet,
    moment_words,
)

MARK_WORDS = {Mark.RIGHT: ("right", GOOD), Mark.WRONG: ("wrong", BAD), Mark.UNSURE: ("unsure", WARN)}

_PICTURE = (34.0, 76.0)
_GAP = 7.0
_ROW = 5.2

_ATTRIBUTES_MOST = 400
"""Attributes of one hit that are listed."""


def write_hit(sheet: Sheet, number: int, one: HitContent) -> None:
    """Write a hit where the sheet is, or on its next page if there is no room.

    Args:
        sheet: to write on.
        number: of the hit in the document.
        one: the hit.
    """
    sheet.need_room(_PICTURE[1] + 12)
    top, page = sheet.get_y(), sheet.page
    x, width = MARGIN + _PICTURE[0] + _GAP, WIDTH - _PICTURE[0] - _GAP
    bottom = _picture(sheet, one, top)
    sheet.set_xy(x, top)
    _hit_head(sheet, number, one, x, width)
    _hit_facts(sheet, one, x, width)
    _attributes(sheet, one, x, width)
    if one.notes:
        sheet.ln(1.5)
        sheet.notes(one.notes, x, width)
    if sheet.page == page:
        sheet.set_y(max(sheet.get_y(), bottom))
    sheet.ln(3)
    if sheet.get_y() < sheet.h - BOTTOM - 2:
        sheet.rule(sheet.get_y())
    sheet.ln(5)


def _picture(sheet: Sheet, one: HitContent, top: Length) -> float:
    """Draw the picture or its placeholder; return where it ends."""
    with Image.open(BytesIO(one.picture.content)) as image:
        scale = min(_PICTURE[0] / image.width, _PICTURE[1] / image.height)
        width, height = scale * image.width, scale * image.height
        sheet.image(image.convert("RGB"), MARGIN, top, width, height, alt_text=f"Picture of {one.hit.key}")
    sheet.set_draw_color(*FAINT)
    sheet.rect(MARGIN, top, width, height)
    if one.picture.missing is None:
        return top + height
    sheet.set_xy(MARGIN, top + height + 1)
    sheet.use_type(6.8, BAD)
    told = sheet.first_lines(f"No picture: {one.picture.missing}", _PICTURE[0], most=7)
    sheet.multi_cell(_PICTURE[0], 3.2, told, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    return sheet.get_y()


def _hit_head(sheet: Sheet, number: int, one: HitContent, x: Length, width: Length) -> None:
    sheet.use_type(12, INK, "B")
    sheet.cell(20, 6, f"Hit {number}")
    if one.hit.mark is not None:
        word, colour = MARK_WORDS[one.hit.mark]
        sheet.use_type(8, colour, "B")
        badge = f"marked {word}"
        wide = sheet.get_string_width(badge) + 5
        sheet.set_draw_color(*colour)
        sheet.rect(x + width - wide, sheet.get_y() + 0.4, wide, 5.2, round_corners=True, corner_radius=1.5)
        sheet.set_x(x + width - wide)
        sheet.cell(wide, 6, badge, align="C")
    sheet.set_xy(x, sheet.get_y() + 6.4)
    sheet.use_type(8, MUTED, family=MONO)
    sheet.cell(width, 4.2, one.hit.key)
    sheet.set_xy(x, sheet.get_y() + 5.2)


def _hit_facts(sheet: Sheet, one: HitContent, x: Length, width: Length) -> None:
    hit, facts = one.hit, one.hit.facts
    probability = facts.get("match_probability")
    told: list[tuple[str, str]] = [
        ("Camera", _text(facts.get("camera"))),
        ("Taken", _text(facts.get("time"))),
        ("Distance", _number(facts.get("distance"), 4)),
        ("Fits with probability", "" if probability is None else _percent(probability)),
        ("Source", _text(facts.get("source"))),
        ("Saved", f"{moment_words(hit.saved_at)} by {hit.saved_by}" + _of_query(hit.query)),
    ]
    if hit.mark is not None and hit.marked_at is not None:
        told.append(("Marked", f"{hit.mark.value}, {moment_words(hit.marked_at)} by {hit.marked_by}"))
    if hit.erased_at is not None:
        told.append(("Erased", moment_words(hit.erased_at)))
    sheet.facts([(label, text) for label, text in told if text], x, width, label_width=34)


def _attributes(sheet: Sheet, one: HitContent, x: Length, width: Length) -> None:
    reasons = reasons_of(one.hit)[:_ATTRIBUTES_MOST]
    if not reasons:
        return
    columns = (0.40 * width, 0.17 * width, 0.43 * width)
    sheet.ln(1.5)
    _attribute_heads(sheet, x, columns)
    for reason in reasons:
        if sheet.get_y() + _ROW > sheet.h - BOTTOM:
            sheet.add_page()
            _attribute_heads(sheet, x, columns)
        _attribute(sheet, reason, x, columns)


def _attribute_heads(sheet: Sheet, x: Length, columns: tuple[float, float, float]) -> None:
    sheet.set_x(x)
    sheet.use_type(7.5, MUTED, "B")
    for wide, text in zip(columns, ("Attribute", "Asked", "Seen, as a probability"), strict=True):
        sheet.cell(wide, _ROW, text)
    sheet.rule(sheet.get_y() + _ROW, x, sum(columns))
    sheet.set_xy(x, sheet.get_y() + _ROW + 0.6)


def _attribute(
    sheet: Sheet, reason: Mapping[str, Any], x: Length, columns: tuple[float, float, float]
) -> None:
    sheet.set_x(x)
    sheet.use_type(8.2, INK)
    label = _text(reason.get("label") or reason.get("attribute"))
    sheet.cell(columns[0], _ROW, sheet.fitted(label, columns[0] - 1))
    certainty = reason.get("certainty")
    asked = "yes" if reason.get("wanted") else "no"
    if isinstance(certainty, int | float) and certainty < 1:
        asked += f" ({certainty:.2g})"
    sheet.cell(columns[1], _ROW, asked)
    seen = reason.get("calibrated")
    seen = reason.get("probability") if seen is None else seen
    if isinstance(seen, int | float):
        _bar(sheet, float(seen), bool(reason.get("matches")), columns[2])
    sheet.set_xy(x, sheet.get_y() + _ROW)


def _bar(sheet: Sheet, value: Length, matches: bool, width: Length) -> None:
    x, y, length = sheet.get_x(), sheet.get_y(), width - 25
    sheet.set_fill_color(*GROUND)
    sheet.rect(x, y + 1.5, length, 2.2, "F")
    sheet.set_fill_color(*(GOOD if matches else BAD))
    sheet.rect(x, y + 1.5, length * min(1.0, max(0.0, value)), 2.2, "F")
    sheet.set_x(x + length + 1.5)
    # told by a word, too: colours are lost in print
    sheet.use_type(7.8, GOOD if matches else BAD, "B")
    sheet.cell(23.5, _ROW, f"{_percent(value)} {'fits' if matches else 'not so'}")


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _number(value: object, digits: int) -> str:
    return f"{value:.{digits}g}" if isinstance(value, int | float) else ""


def _percent(value: object) -> str:
    """Return a share in percent; never 0 or 100 for what is not."""
    if not isinstance(value, int | float):
        return ""
    if 0 < value < 0.01:
        return "< 1 %"
    if 0.99 < value < 1:
        return "> 99 %"
    return f"{100 * value:.0f} %"


def _of_query(query: int | None) -> str:
    return "" if query is None else f", from search {query}"
