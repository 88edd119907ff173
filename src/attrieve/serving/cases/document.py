"""A case as a PDF document: to be read, printed and put on file. Equal content makes equal bytes."""

from dataclasses import dataclass
from pathlib import Path

from fpdf.enums import XPos, YPos

from attrieve.serving.cases.content import LEAD, CaseContent
from attrieve.serving.cases.document_fonts import fonts_for
from attrieve.serving.cases.document_front import write_front
from attrieve.serving.cases.document_hit import write_hit
from attrieve.serving.cases.document_sheet import MUTED, TOP, WIDTH, Sheet, moment_words


def case_document(content: CaseContent, fonts: Path | None = None) -> bytes:
    """Return the document.

    Args:
        content: of the case.
        fonts: folder of fonts for letters that DejaVu lacks; what none of them has is told by its code.
    """
    # laid out twice: the first time tells how many pages there are, which no text of the case can then upset,
    # and what letters are needed; if those are others, there is a second first time
    plain = _Letters()
    laid = _lay_out(content, plain)
    found = fonts_for(laid.lacking, fonts) if laid.lacking and fonts is not None else ()
    letters = _Letters(tuple(found), laid.needs_shaping)
    if letters != plain:
        laid = _lay_out(content, letters)
    return _lay_out(content, letters, laid.pages).written


@dataclass(frozen=True)
class _Letters:
    """By what a document is written.

    Args:
        fonts: beside DejaVu.
        shaped: whether as their scripts demand.
    """

    fonts: tuple[Path, ...] = ()
    shaped: bool = False


@dataclass(frozen=True)
class _LaidOut:
    """A document that was laid out.

    Args:
        pages: how many it has.
        lacking: characters that could not be written.
        needs_shaping: whether some of its text can only be read if it is shaped.
        written: the document; empty unless its number of pages was known.
    """

    pages: int
    lacking: frozenset[str]
    needs_shaping: bool
    written: bytes


def _lay_out(content: CaseContent, letters: _Letters, pages: int = 0) -> _LaidOut:
    document = _Document(content, letters, pages)
    try:
        document.lay_out()
        written = bytes(document.output()) if pages else b""
    finally:
        document.close_fonts()
    return _LaidOut(document.pages_count, frozenset(document.lacking), document.needs_shaping, written)


class _Document(Sheet):
    """A case on sheets, each with its head and foot."""

    def __init__(self, content: CaseContent, letters: _Letters, pages: int) -> None:
        super().__init__(letters.fonts, shaped=letters.shaped)
        self._content = content
        self._pages = pages
        self.set_creation_date(content.exported_at)
        self.set_title(self.writable(f"Case {content.case.number}: {content.case.title}"))
        self.set_author(self.writable(content.exported_by))
        self.set_creator(content.gallery.program)
        self.set_producer(content.gallery.program)
        self.set_subject(LEAD)
        self.set_lang("en")

    def lay_out(self) -> None:
        """Write everything."""
        self.add_page()
        write_front(self, self._content)
        if self._content.hits:
            self.add_page()
            self.heading("Saved hits")
            for number, one in enumerate(self._content.hits, start=1):
                write_hit(self, number, one)

    def header(self) -> None:
        """Write the head of a page; the first has none."""
        if self.page_no() == 1:
            return
        self.set_y(9)
        self.use_type(7.5, MUTED)
        half = WIDTH / 2
        self.cell(half, 4, self.fitted(f"Case {self._content.case.number}", half), align="L")
        self.cell(half, 4, LEAD, align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.rule(self.get_y() + 1.5)
        self.set_y(TOP)

    def footer(self) -> None:
        """Write the foot of a page."""
        self.set_y(-13)
        self.rule(self.get_y() - 1.5)
        self.use_type(7.5, MUTED)
        told = f"Exported by {self._content.exported_by} on {moment_words(self._content.exported_at)}"
        self.cell(WIDTH - 30, 4, self.fitted(told, WIDTH - 30), align="L")
        self.cell(30, 4, f"Page {self.page_no()} of {self._pages}", align="R")
