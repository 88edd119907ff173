"""A case as a PDF document: to be read, printed and put on file. Equal content makes equal bytes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from io import BytesIO
from typing import Any

from fpdf import FPDF
from fpdf.enums import MethodReturnValue, XPos, YPos
from fpdf.fonts import TTFFont
from PIL import Image

from attrieve.serving.cases.archive import reasons_of
from attrieve.serving.cases.case import Mark, Note, SavedQuery
from attrieve.serving.cases.content import LEAD, CaseContent, HitContent
from attrieve.serving.cases.document_text import FAMILY, MONO, MONO_FILE, STYLES, font_folder, writable

INK, MUTED, FAINT, GROUND = (28, 36, 48), (91, 101, 115), (203, 209, 217), (243, 245, 248)
ACCENT, GOOD, BAD, WARN = (24, 72, 120), (21, 112, 58), (176, 42, 35), (146, 84, 8)
WARN_GROUND = (254, 246, 230)
MARK_WORDS = {Mark.RIGHT: ("right", GOOD), Mark.WRONG: ("wrong", BAD), Mark.UNSURE: ("unsure", WARN)}

MARGIN, TOP, BOTTOM = 18.0, 20.0, 20.0
WIDTH = 210.0 - 2 * MARGIN
_PICTURE = (34.0, 76.0)
_GAP = 7.0
_ROW = 5.2
Length = int | float
"""Millimetres, or points for the size of letters."""

_CONTINUED_MOST = 400
"""Attributes of one hit that are listed."""


def case_document(content: CaseContent) -> bytes:
    """Return the document."""
    # laid out twice: the first time tells how many pages there are, which no text of the case can then upset
    pages = 0
    for _ in range(2):
        document = _Document(content, pages)
        try:
            document.lay_out()
            written = document.output() if pages else b""
        finally:
            document.close_fonts()
        pages = document.pages_count
    return bytes(written)


class _Document(FPDF):
    """Lays a case out on pages of A4, in millimetres."""

    def __init__(self, content: CaseContent, pages: int) -> None:
        super().__init__("P", "mm", "A4")
        self._content = content
        self._pages = pages
        self.str_alias_nb_pages = ""
        self.c_margin = 0
        for style, name in STYLES.items():
            self.add_font(FAMILY, style, font_folder() / name)
        self.add_font(MONO, "", font_folder() / MONO_FILE)
        self.set_margins(MARGIN, TOP, MARGIN)
        self.set_auto_page_break(True, BOTTOM)
        self.set_creation_date(content.exported_at)
        self.set_title(writable(f"Case {content.case.number}: {content.case.title}"))
        self.set_author(writable(content.exported_by))
        self.set_creator(content.gallery.program)
        self.set_producer(content.gallery.program)
        self.set_subject(LEAD)
        self.set_lang("en")

    def lay_out(self) -> None:
        self.add_page()
        self._title_page()
        if self._content.hits:
            self.add_page()
            self._heading("Saved hits")
            for number, one in enumerate(self._content.hits, start=1):
                self._hit(number, one)

    def close_fonts(self) -> None:
        """Let go of the files the library keeps open."""
        for font in self.fonts.values():
            if isinstance(font, TTFFont):
                font.ttfont.close()

    # every page

    def header(self) -> None:
        if self.page_no() == 1:
            return
        self.set_y(9)
        self._type(7.5, MUTED)
        half = WIDTH / 2
        self.cell(half, 4, self._cut(f"Case {self._content.case.number}", half), align="L")
        self.cell(half, 4, LEAD, align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self._line(self.get_y() + 1.5)
        self.set_y(TOP)

    def footer(self) -> None:
        self.set_y(-13)
        self._line(self.get_y() - 1.5)
        self._type(7.5, MUTED)
        told = f"Exported by {self._content.exported_by} on {_moment(self._content.exported_at)}"
        self.cell(WIDTH - 30, 4, self._cut(told, WIDTH - 30), align="L")
        self.cell(30, 4, f"Page {self.page_no()} of {self._pages}", align="R")

    # the first page

    def _title_page(self) -> None:
        case, gallery = self._content.case, self._content.gallery
        self.set_fill_color(*ACCENT)
        self.rect(0, 0, 210, 5, "F")
        self.set_y(18)
        self._type(9, ACCENT, "B")
        self.cell(WIDTH, 5, "CASE FILE", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self._type(21, INK, "B")
        self.multi_cell(WIDTH, 9.5, writable(case.title), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(1)
        self._type(11.5, MUTED)
        self.multi_cell(
            WIDTH, 6, writable(f"Case number {case.number}"), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT
        )
        self.ln(4)
        self._notice()
        self._heading("Purpose")
        self._paragraph(case.purpose)
        self._heading("Facts")
        marks = [one.hit.mark for one in self._content.hits]
        counted = ", ".join(f"{marks.count(mark)} {word}" for mark, (word, _) in MARK_WORDS.items())
        self._facts(
            (
                ("Status", case.status.value),
                ("Opened", f"{_moment(case.created_at)} by {case.created_by}"),
                ("Members", ", ".join(f"{one.name} ({one.role.value})" for one in case.members)),
                ("Saved hits", f"{len(marks)} ({counted}, {marks.count(None)} without a mark)"),
                ("Gallery", f"{gallery.name}, version {gallery.version}, {gallery.rows:,} rows"),
                ("Model", f"{gallery.model}, fingerprint {gallery.model_fingerprint}"),
                ("Vocabulary", f"{gallery.vocabulary}, fingerprint {gallery.vocabulary_fingerprint}"),
                ("Program", gallery.program),
                ("Ledger", self._ledger_words()),
                ("Public key", self._content.public_key),
            )
        )
        self._queries(self._content.queries)
        if self._content.notes:
            self._heading("Notes")
            self._notes(self._content.notes, MARGIN, WIDTH)

    def _notice(self) -> None:
        text = (
            "The system ranks pictures by how well recognised attributes fit a description. Several people "
            "can fit, the person described may be missing, and recognition errs, more often for some groups "
            "of people than for others. Whatever follows from a hit needs other evidence and a decision by a "
            "human being."
        )
        top = self.get_y()
        self._type(9, INK)
        height = 6 + 6 + 4.6 * len(self._split(text, WIDTH - 12))
        self.set_fill_color(*WARN_GROUND)
        self.rect(MARGIN, top, WIDTH, height, "F")
        self.set_fill_color(*WARN)
        self.rect(MARGIN, top, 1.6, height, "F")
        self.set_xy(MARGIN + 7, top + 3)
        self._type(11, WARN, "B")
        self.cell(WIDTH - 12, 6, LEAD, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.set_x(MARGIN + 7)
        self._type(9, INK)
        self.multi_cell(WIDTH - 12, 4.6, text, align="L")
        self.set_y(top + height + 3)

    def _ledger_words(self) -> str:
        head = self._content.head
        told = f"{len(self._content.audit):,} entries of this case"
        return told if head is None else f"{told}; the ledger then ended with entry {head.sequence}"

    def _queries(self, queries: Sequence[SavedQuery]) -> None:
        self._heading("Searches")
        if not queries:
            self._paragraph("No search was saved.", MUTED)
        for query in queries:
            self._room(16)
            self._type(9.5, INK, "B")
            self.multi_cell(
                WIDTH,
                5,
                writable(f"{query.id}. {query.name}"),
                align="L",
                new_x=XPos.LMARGIN,
                new_y=YPos.NEXT,
            )
            self._type(8.5, INK, family=MONO)
            asked = query.text or "(everything)"
            self.multi_cell(WIDTH, 4.6, _broken(asked), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
            where = query.request.get("where") or []
            witnesses = query.request.get("witnesses") or []
            self._type(8, MUTED)
            for label, texts in (("Where", where), ("Witnesses", witnesses)):
                if isinstance(texts, list) and texts:
                    told = f"{label}: {'; '.join(map(str, texts))}"
                    self.multi_cell(WIDTH, 4.4, _broken(told), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
            told = f"Saved by {query.author} on {_moment(query.saved_at)}"
            self.cell(WIDTH, 4.6, self._cut(told, WIDTH), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
            self.ln(2)

    # hits

    def _hit(self, number: int, one: HitContent) -> None:
        self._room(_PICTURE[1] + 12)
        top, page = self.get_y(), self.page
        x, width = MARGIN + _PICTURE[0] + _GAP, WIDTH - _PICTURE[0] - _GAP
        bottom = self._picture(one, top)
        self.set_xy(x, top)
        self._hit_head(number, one, x, width)
        self._hit_facts(one, x, width)
        self._attributes(one, x, width)
        if one.notes:
            self.ln(1.5)
            self._notes(one.notes, x, width)
        if self.page == page:
            self.set_y(max(self.get_y(), bottom))
        self.ln(3)
        if self.get_y() < self.h - BOTTOM - 2:
            self._line(self.get_y())
        self.ln(5)

    def _picture(self, one: HitContent, top: Length) -> float:
        """Draw the picture or its placeholder; return where it ends."""
        with Image.open(BytesIO(one.picture.content)) as image:
            scale = min(_PICTURE[0] / image.width, _PICTURE[1] / image.height)
            width, height = scale * image.width, scale * image.height
            self.image(image.convert("RGB"), MARGIN, top, width, height, alt_text=f"Picture of {one.hit.key}")
        self.set_draw_color(*FAINT)
        self.rect(MARGIN, top, width, height)
        if one.picture.missing is None:
            return top + height
        self.set_xy(MARGIN, top + height + 1)
        self._type(6.8, BAD)
        told = self._lines(f"No picture: {one.picture.missing}", _PICTURE[0], most=7)
        self.multi_cell(_PICTURE[0], 3.2, told, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        return self.get_y()

    def _hit_head(self, number: int, one: HitContent, x: Length, width: Length) -> None:
        self._type(12, INK, "B")
        self.cell(20, 6, f"Hit {number}")
        if one.hit.mark is not None:
            word, colour = MARK_WORDS[one.hit.mark]
            self._type(8, colour, "B")
            badge = f"marked {word}"
            wide = self.get_string_width(badge) + 5
            self.set_draw_color(*colour)
            self.rect(x + width - wide, self.get_y() + 0.4, wide, 5.2, round_corners=True, corner_radius=1.5)
            self.set_x(x + width - wide)
            self.cell(wide, 6, badge, align="C")
        self.set_xy(x, self.get_y() + 6.4)
        self._type(8, MUTED, family=MONO)
        self.cell(width, 4.2, one.hit.key)
        self.set_xy(x, self.get_y() + 5.2)

    def _hit_facts(self, one: HitContent, x: Length, width: Length) -> None:
        hit, facts = one.hit, one.hit.facts
        probability = facts.get("match_probability")
        told: list[tuple[str, str]] = [
            ("Camera", _text(facts.get("camera"))),
            ("Taken", _text(facts.get("time"))),
            ("Distance", _number(facts.get("distance"), 4)),
            ("Fits with probability", "" if probability is None else _percent(probability)),
            ("Source", _text(facts.get("source"))),
            ("Saved", f"{_moment(hit.saved_at)} by {hit.saved_by}" + _of_query(hit.query)),
        ]
        if hit.mark is not None and hit.marked_at is not None:
            told.append(("Marked", f"{hit.mark.value}, {_moment(hit.marked_at)} by {hit.marked_by}"))
        if hit.erased_at is not None:
            told.append(("Erased", _moment(hit.erased_at)))
        self._facts([(label, text) for label, text in told if text], x, width, label_width=34)

    def _attributes(self, one: HitContent, x: Length, width: Length) -> None:
        reasons = reasons_of(one.hit)[:_CONTINUED_MOST]
        if not reasons:
            return
        columns = (0.40 * width, 0.17 * width, 0.43 * width)
        self.ln(1.5)
        self._attribute_heads(x, columns)
        for reason in reasons:
            if self.get_y() + _ROW > self.h - BOTTOM:
                self.add_page()
                self._attribute_heads(x, columns)
            self._attribute(reason, x, columns)

    def _attribute_heads(self, x: Length, columns: tuple[float, float, float]) -> None:
        self.set_x(x)
        self._type(7.5, MUTED, "B")
        for wide, text in zip(columns, ("Attribute", "Asked", "Seen, as a probability"), strict=True):
            self.cell(wide, _ROW, text)
        self._line(self.get_y() + _ROW, x, sum(columns))
        self.set_xy(x, self.get_y() + _ROW + 0.6)

    def _attribute(self, reason: Mapping[str, Any], x: Length, columns: tuple[float, float, float]) -> None:
        self.set_x(x)
        self._type(8.2, INK)
        label = _text(reason.get("label") or reason.get("attribute"))
        self.cell(columns[0], _ROW, self._cut(label, columns[0] - 1))
        certainty = reason.get("certainty")
        asked = "yes" if reason.get("wanted") else "no"
        if isinstance(certainty, int | float) and certainty < 1:
            asked += f" ({certainty:.2g})"
        self.cell(columns[1], _ROW, asked)
        seen = reason.get("calibrated")
        seen = reason.get("probability") if seen is None else seen
        if isinstance(seen, int | float):
            self._bar(float(seen), bool(reason.get("matches")), columns[2])
        self.set_xy(x, self.get_y() + _ROW)

    def _bar(self, value: Length, matches: bool, width: Length) -> None:
        x, y, length = self.get_x(), self.get_y(), width - 25
        self.set_fill_color(*GROUND)
        self.rect(x, y + 1.5, length, 2.2, "F")
        self.set_fill_color(*(GOOD if matches else BAD))
        self.rect(x, y + 1.5, length * min(1.0, max(0.0, value)), 2.2, "F")
        self.set_x(x + length + 1.5)
        # told by a word, too: colours are lost in print
        self._type(7.8, GOOD if matches else BAD, "B")
        self.cell(23.5, _ROW, f"{_percent(value)} {'fits' if matches else 'not so'}")

    # parts

    def _notes(self, notes: Sequence[Note], x: Length, width: Length) -> None:
        for note in notes:
            self._room(12)
            self.set_x(x)
            self._type(7.5, MUTED, "B")
            told = f"Note by {note.author}, {_moment(note.written_at)}"
            if note.key is not None and x == MARGIN:
                told += f", about {note.key}"
            self.cell(width, 4.4, self._cut(told, width))
            self.set_xy(x, self.get_y() + 4.4)
            self._type(8.8, INK)
            self._block(note.text, x, width, 4.6)
            self.ln(1.5)

    def _facts(
        self,
        facts: Sequence[tuple[str, str]],
        x: Length = MARGIN,
        width: Length = WIDTH,
        *,
        label_width: Length = 28,
    ) -> None:
        for label, text in facts:
            self._room(6)
            self.set_x(x)
            self._type(8.2, MUTED)
            self.cell(label_width, 4.8, label)
            self._type(8.6, INK)
            self._block(text, x + label_width, width - label_width, 4.8)

    def _block(self, text: str, x: Length, width: Length, height: Length) -> None:
        """Write lines of one column, also over pages."""
        for line in self._split(_broken(text), width) or [""]:
            self._room(height)
            self.set_x(x)
            self.cell(width, height, line)
            self.set_xy(x, self.get_y() + height)

    def _heading(self, text: str) -> None:
        self._room(22)
        self.ln(3)
        self._type(12.5, ACCENT, "B")
        self.cell(WIDTH, 7, text, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self._line(self.get_y() + 0.5)
        self.ln(3)

    def _paragraph(self, text: str, colour: tuple[int, int, int] = INK) -> None:
        self._type(9.5, colour)
        self._block(text, MARGIN, WIDTH, 5)
        self.ln(1)

    def _room(self, height: Length) -> None:
        """Go on to the next page unless so much is left of this one."""
        if self.get_y() + height > self.h - BOTTOM:
            self.add_page()

    def _line(self, y: Length, x: Length = MARGIN, width: Length = WIDTH) -> None:
        self.set_draw_color(*FAINT)
        self.set_line_width(0.25)
        self.line(x, y, x + width, y)

    def _type(
        self, size: Length, colour: tuple[int, int, int], style: str = "", *, family: str = FAMILY
    ) -> None:
        self.set_font(family, style, size)
        self.set_text_color(*colour)

    def _cut(self, text: str, width: Length) -> str:
        """Return what fits into one line."""
        whole = writable(" ".join(text[:2000].split()))
        text = whole[:300]  # more never fits, and measuring it takes time
        if len(whole) <= 300 and self.get_string_width(text) <= width - 2:
            return text
        while text and self.get_string_width(text + "…") > width - 2:
            text = text[: max(0, min(len(text) - 1, int(len(text) * 0.97)))]
        return text + "…"

    def _split(self, text: str, width: Length) -> list[str]:
        """Return the lines a text makes in a column."""
        lines = self.multi_cell(width, 4, text, align="L", dry_run=True, output=MethodReturnValue.LINES)
        return [str(line) for line in lines] if isinstance(lines, list) else []

    def _lines(self, text: str, width: Length, *, most: int) -> str:
        lines = self._split(_broken(text), width)
        return "\n".join(lines[:most]) + ("…" if len(lines) > most else "")


def _broken(text: str) -> str:
    """Return writable text whose long words can be broken at the ends of lines."""
    words = []
    for word in writable(text).split(" "):
        if len(word) > 60:
            word = "\u200b".join(word[place : place + 30] for place in range(0, len(word), 30))
        words.append(word)
    return " ".join(words)


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")


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
