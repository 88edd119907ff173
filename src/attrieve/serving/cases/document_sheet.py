"""A sheet of A4 to lay a case out on: letters, colours, lines, blocks of text that go on over pages."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import MethodReturnValue, XPos, YPos
from fpdf.fonts import TTFFont

from attrieve.serving.cases.case import Note
from attrieve.serving.cases.document_fonts import (
    FAMILY,
    MONO,
    MONO_FILE,
    STYLES,
    font_folder,
    is_written,
    needs_shaping,
    writable,
)

INK, MUTED, FAINT, GROUND = (28, 36, 48), (91, 101, 115), (203, 209, 217), (243, 245, 248)
ACCENT, GOOD, BAD, WARN = (24, 72, 120), (21, 112, 58), (176, 42, 35), (146, 84, 8)
WARN_GROUND = (254, 246, 230)

MARGIN, TOP, BOTTOM = 18.0, 20.0, 20.0
WIDTH = 210.0 - 2 * MARGIN
Length = int | float
"""Millimetres, or points for the size of letters."""


class Sheet(FPDF):
    """Pages of A4, measured in millimetres.

    Text is written in letters of DejaVu and, for what that lacks, of further fonts.

    Args:
        fonts: further fonts; those that the library cannot use are left out.
        shaped: whether letters are put as their script demands, joined and from right to left; takes three
            times as long, see :attr:`needs_shaping`.
    """

    def __init__(self, fonts: Sequence[Path] = (), *, shaped: bool = False) -> None:
        super().__init__("P", "mm", "A4")
        self.lacking: set[str] = set()
        """Characters that were to be written and none of the fonts has; their codes stand for them."""
        self.needs_shaping = False
        """Whether some of the text can only be read if it is shaped."""
        self.str_alias_nb_pages = ""
        self.c_margin = 0
        for style, name in STYLES.items():
            self.add_font(FAMILY, style, font_folder() / name)
        self.add_font(MONO, "", font_folder() / MONO_FILE)
        others = [
            name for number, path in enumerate(fonts) if self._add_other(name := f"other{number}", path)
        ]
        self.set_fallback_fonts([FAMILY.lower(), *others], exact_match=False)
        self.set_text_shaping(shaped)
        self._known = {
            code for font in self.fonts.values() if isinstance(font, TTFFont) for code in font.cmap
        }
        self.set_margins(MARGIN, TOP, MARGIN)
        self.set_auto_page_break(True, BOTTOM)

    def _add_other(self, name: str, path: Path) -> bool:
        try:
            self.add_font(name, "", path)
        except Exception:  # it comes from the machine; what it should write is told by number then
            return False
        return True

    def close_fonts(self) -> None:
        """Let go of the files the library keeps open."""
        for font in self.fonts.values():
            if isinstance(font, TTFFont):
                font.ttfont.close()

    def writable(self, text: str) -> str:
        """Return text in which what cannot be written is told by its code."""
        self.lacking.update(character for character in text if not is_written(character, self._known))
        self.needs_shaping = self.needs_shaping or needs_shaping(text)
        return writable(text, self._known)

    def broken(self, text: str) -> str:
        """Return writable text whose long words can be broken at the ends of lines."""
        words = []
        for word in self.writable(text).split(" "):
            if len(word) > 60:
                word = "\u200b".join(word[place : place + 30] for place in range(0, len(word), 30))
            words.append(word)
        return " ".join(words)

    def notes(self, notes: Sequence[Note], x: Length, width: Length) -> None:
        """Write notes, each below who wrote it and when, in a column that begins at x."""
        for note in notes:
            self.need_room(12)
            self.set_x(x)
            self.use_type(7.5, MUTED, "B")
            told = f"Note by {note.author}, {moment_words(note.written_at)}"
            if note.key is not None and x == MARGIN:
                told += f", about {note.key}"
            self.cell(width, 4.4, self.fitted(told, width))
            self.set_xy(x, self.get_y() + 4.4)
            self.use_type(8.8, INK)
            self.block(note.text, x, width, 4.6)
            self.ln(1.5)

    def facts(
        self,
        facts: Sequence[tuple[str, str]],
        x: Length = MARGIN,
        width: Length = WIDTH,
        *,
        label_width: Length = 28,
    ) -> None:
        """Write pairs of a label and a text in a column that begins at x."""
        for label, text in facts:
            self.need_room(6)
            self.set_x(x)
            self.use_type(8.2, MUTED)
            self.cell(label_width, 4.8, label)
            self.use_type(8.6, INK)
            self.block(text, x + label_width, width - label_width, 4.8)

    def block(self, text: str, x: Length, width: Length, height: Length) -> None:
        """Write lines of one column, also over pages."""
        for line in self.lines_of(self.broken(text), width) or [""]:
            self.need_room(height)
            self.set_x(x)
            self.cell(width, height, line)
            self.set_xy(x, self.get_y() + height)

    def heading(self, text: str) -> None:
        """Write a heading with a line below, never alone at the end of a page."""
        self.need_room(22)
        self.ln(3)
        self.use_type(12.5, ACCENT, "B")
        self.cell(WIDTH, 7, text, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.rule(self.get_y() + 0.5)
        self.ln(3)

    def paragraph(self, text: str, colour: tuple[int, int, int] = INK) -> None:
        """Write text over the whole width."""
        self.use_type(9.5, colour)
        self.block(text, MARGIN, WIDTH, 5)
        self.ln(1)

    def need_room(self, height: Length) -> None:
        """Go on to the next page unless so much is left of this one."""
        if self.get_y() + height > self.h - BOTTOM:
            self.add_page()

    def rule(self, y: Length, x: Length = MARGIN, width: Length = WIDTH) -> None:
        """Draw a faint line from left to right."""
        self.set_draw_color(*FAINT)
        self.set_line_width(0.25)
        self.line(x, y, x + width, y)

    def use_type(
        self, size: Length, colour: tuple[int, int, int], style: str = "", *, family: str = FAMILY
    ) -> None:
        """Take letters of a size in points, and a colour, for what is written next."""
        self.set_font(family, style, size)
        self.set_text_color(*colour)

    def fitted(self, text: str, width: Length) -> str:
        """Return what fits into one line."""
        whole = self.writable(" ".join(text[:2000].split()))
        text = whole[:300]  # more never fits, and measuring it takes time
        if len(whole) <= 300 and self.get_string_width(text) <= width - 2:
            return text
        while text and self.get_string_width(text + "…") > width - 2:
            text = text[: max(0, min(len(text) - 1, int(len(text) * 0.97)))]
        return text + "…"

    def lines_of(self, text: str, width: Length) -> list[str]:
        """Return the lines a text makes in a column."""
        lines = self.multi_cell(width, 4, text, align="L", dry_run=True, output=MethodReturnValue.LINES)
        return [str(line) for line in lines] if isinstance(lines, list) else []

    def first_lines(self, text: str, width: Length, *, most: int) -> str:
        """Return the first lines a text makes in a column, with dots if there are more."""
        lines = self.lines_of(self.broken(text), width)
        return "\n".join(lines[:most]) + ("…" if len(lines) > most else "")


def moment_words(moment: datetime) -> str:
    """Return a moment in UTC for people to read."""
    return moment.strftime("%Y-%m-%d %H:%M UTC")
