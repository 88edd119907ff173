"""A ranking as one picture: crops in order, what was asked of each, and what the model saw."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from attrieve.data.images import decode_image
from attrieve.errors import ImageError, InputError
from attrieve.gallery.marks import GREEN, RED, mark
from attrieve.schema import AttributeReason, AttributeSchema, Hit, ImageSource, Ranking

INK = "#1c1f23"
QUIET = "#6b7280"
PAPER = "#ffffff"
CARD = "#f5f6f8"
EDGE = "#d9dce1"
MISSING = "#c3c7ce"
GAP = 14
PAD = 8
CHIP_HEIGHT = 21
CAPTION_HEIGHT = 24

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True)
class _Layout:
    """Sizes in pixels that all cards of a sheet share."""

    columns: int
    thumb_width: int
    thumb_height: int
    chips: int

    @property
    def card_width(self) -> int:
        return self.thumb_width + 2 * PAD

    @property
    def card_height(self) -> int:
        chips = self.chips * CHIP_HEIGHT + PAD if self.chips else 0
        return PAD + self.thumb_height + CAPTION_HEIGHT + chips

    @property
    def width(self) -> int:
        return GAP + self.columns * (self.card_width + GAP)


def contact_sheet(
    ranking: Ranking,
    query_text: str,
    *,
    columns: int = 5,
    thumb_size_px: tuple[int, int] = (288, 160),
    schema: AttributeSchema | None = None,
    truth: Mapping[str, bool | None] | None = None,
    most_reasons: int = 8,
) -> Image.Image:
    """Draw a ranking, nearest first, row by row.

    Each card shows the crop, its rank and distance, and for each thing asked a tick or a cross with
    the probability the model gives to what was asked ("not hat 0.98"). Ticks and crosses differ in
    shape as well as in colour.

    Args:
        ranking: what to draw; empty is fine.
        query_text: the description, for the heading.
        columns: cards per row, at most.
        thumb_size_px: height and width of the box each crop is fitted into.
        schema: for the attributes' labels; without it their names are shown.
        truth: by key, whether the hit truly answers the description; None or absent draws no verdict.
        most_reasons: lines per card; beyond it those that cost most are shown.

    Raises:
        InputError: if a size or number is too small to draw.
    """
    if columns < 1 or min(thumb_size_px) < 48 or most_reasons < 0:
        raise InputError(
            f"a sheet needs a column, crops of 48 pixels and no negative number of reasons; "
            f"got {columns} columns, crops of {thumb_size_px}, {most_reasons} reasons"
        )
    most = max((len(hit.reasons) for hit in ranking.hits), default=0)
    lines = most if most <= most_reasons else most_reasons + 1
    shown_columns = min(columns, max(1, len(ranking)))
    layout = _Layout(shown_columns, thumb_size_px[1], thumb_size_px[0], lines)
    width = max(layout.width, 480)
    heading = _heading(query_text, len(ranking), width)
    rows = -(-len(ranking) // shown_columns)
    sheet = Image.new("RGB", (width, heading.height + rows * (layout.card_height + GAP) + GAP), PAPER)
    sheet.paste(heading, (0, 0))
    for place, hit in enumerate(ranking.hits):
        row, column = divmod(place, shown_columns)
        left = GAP + column * (layout.card_width + GAP)
        top = heading.height + row * (layout.card_height + GAP)
        card = _card(hit, layout, schema, (truth or {}).get(hit.key), most_reasons)
        sheet.paste(card, (left, top))
    return sheet


def source_from_text(text: str) -> ImageSource:
    """Read back ``str(ImageSource)``: an existing file, or an archive and its member.

    Where both readings are possible the file wins, then the shortest archive name that exists.

    >>> source_from_text("crops.zip!a/1.png")
    ImageSource(path=PosixPath('crops.zip'), member='a/1.png')
    """
    splits = [place for place, character in enumerate(text) if character == "!"]
    if not splits or Path(text).is_file():
        return ImageSource(Path(text))
    for place in splits:
        if Path(text[:place]).is_file():
            return ImageSource(Path(text[:place]), text[place + 1 :])
    return ImageSource(Path(text[: splits[0]]), text[splits[0] + 1 :])


def _heading(query_text: str, count: int, width: int) -> Image.Image:
    """The description, in small print if it is long, and how many hits there are."""
    size, most_lines = (20, 2) if _font(20).getlength(query_text) <= 1.9 * (width - 2 * GAP) else (14, 8)
    lines = _wrap(query_text, _font(size), width - 2 * GAP, most_lines)
    step = size + 7
    heading = Image.new("RGB", (width, GAP + step * len(lines) + 32), PAPER)
    draw = ImageDraw.Draw(heading)
    for number, line in enumerate(lines):
        draw.text((GAP, GAP + step * number), line, INK, _font(size))
    hits = "no hits" if not count else "1 hit" if count == 1 else f"{count} hits, nearest first"
    draw.text((GAP, GAP + step * len(lines) + 2), hits, QUIET, _font(13))
    return heading


def _card(
    hit: Hit, layout: _Layout, schema: AttributeSchema | None, verdict: bool | None, most_reasons: int
) -> Image.Image:
    card = Image.new("RGB", (layout.card_width, layout.card_height), PAPER)
    draw = ImageDraw.Draw(card)
    edge = EDGE if verdict is None else GREEN if verdict else RED
    box = (0, 0, layout.card_width - 1, layout.card_height - 1)
    draw.rounded_rectangle(box, 6, CARD, edge, 1 if verdict is None else 3)
    card.paste(_thumb(hit.source, layout), (PAD, PAD))
    _caption(card, hit, verdict, layout)
    top = PAD + layout.thumb_height + CAPTION_HEIGHT
    chosen = _most_telling(hit.reasons, most_reasons)
    for number, reason in enumerate(chosen):
        _chip(card, reason, schema, top + number * CHIP_HEIGHT)
    if len(chosen) < len(hit.reasons):
        met = sum(reason.matches for reason in hit.reasons)
        rest = f"{met} of {len(hit.reasons)} met; dearest shown"
        draw.text((PAD, top + len(chosen) * CHIP_HEIGHT + 3), rest, QUIET, _font(11))
    return card


def _thumb(source: str, layout: _Layout) -> Image.Image:
    """Fit the crop into its box; a grey box says so where there is no image."""
    size = (layout.thumb_width, layout.thumb_height)
    try:
        crop = Image.fromarray(decode_image(source_from_text(source)))
    except (ImageError, ValueError):  # ValueError: a name no file can have
        return _placeholder(size)
    return ImageOps.pad(crop, size, Image.Resampling.LANCZOS, color="#e6e8ec")


def _placeholder(size: tuple[int, int]) -> Image.Image:
    box = Image.new("RGB", size, MISSING)
    draw = ImageDraw.Draw(box)
    draw.text((size[0] / 2, size[1] / 2), "no image", "#4b5563", _font(13), anchor="mm")
    return box


def _caption(card: Image.Image, hit: Hit, verdict: bool | None, layout: _Layout) -> None:
    """Rank on the crop, distance below it, and the verdict where the truth is known."""
    draw = ImageDraw.Draw(card)
    rank, bold = f"{hit.rank}", _font(15)
    badge = max(26, int(draw.textlength(rank, bold)) + 14)
    draw.rounded_rectangle((PAD, PAD, PAD + badge, PAD + 23), 4, INK)
    draw.text((PAD + badge / 2, PAD + 12), rank, PAPER, bold, anchor="mm")
    middle = PAD + layout.thumb_height + CAPTION_HEIGHT / 2
    draw.text((PAD, middle), f"{hit.distance:.3f}", INK, _font(13), anchor="lm")
    if verdict is not None:
        word, colour = ("right", GREEN) if verdict else ("wrong", RED)
        right = layout.card_width - PAD
        draw.text((right, middle), word, colour, _font(13), anchor="rm")
        icon = mark(verdict, 14)
        left = right - draw.textlength(word, _font(13)) - 18
        card.paste(icon, (int(left), int(middle) - 7), icon)


def _chip(card: Image.Image, reason: AttributeReason, schema: AttributeSchema | None, top: int) -> None:
    """One line: mark, what was asked ("not ..." if unwanted), the probability that it is so."""
    draw, small = ImageDraw.Draw(card), _font(12)
    middle = top + CHIP_HEIGHT / 2
    icon = mark(reason.matches, 14)
    card.paste(icon, (PAD, int(middle) - 7), icon)
    number = f"{reason.probability if reason.wanted else 1 - reason.probability:.2f}"
    right = card.width - PAD
    draw.text((right, middle), number, QUIET, small, anchor="rm")
    room = int(right - draw.textlength(number, small)) - 6 - (PAD + 19)
    label = reason.attribute if schema is None else schema.labels[schema.index_of(reason.attribute)]
    text = label if reason.wanted else f"not {label}"
    draw.text((PAD + 19, middle), _shorten(text, small, room), INK, small, anchor="lm")


def _most_telling(reasons: Sequence[AttributeReason], most: int) -> list[AttributeReason]:
    """Return all reasons, or those that cost most, in the order they were asked."""
    costly = sorted(range(len(reasons)), key=lambda index: -reasons[index].share)[:most]
    return [reasons[index] for index in sorted(costly)]


def _font(size_px: int) -> Font:
    return ImageFont.load_default(size=size_px)


def _shorten(text: str, font: Font, room_px: int) -> str:
    if font.getlength(text) <= room_px:
        return text
    while text and font.getlength(text + "…") > room_px:
        text = text[:-1]
    return text.rstrip() + "…"


def _wrap(text: str, font: Font, room_px: int, most_lines: int) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > room_px:
            lines.append(word)
        else:
            lines[-1] = longer
    if len(lines) > most_lines:
        lines = [*lines[: most_lines - 1], " ".join(lines[most_lines - 1 :])]
    return [_shorten(line, font, room_px) for line in lines]
