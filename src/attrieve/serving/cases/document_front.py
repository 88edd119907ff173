"""The first pages of a case's document: what it is about, what was searched for, what was noted."""

from collections.abc import Sequence

from fpdf.enums import XPos, YPos

from attrieve.serving.cases.case import SavedQuery
from attrieve.serving.cases.content import LEAD, CaseContent
from attrieve.serving.cases.document_fonts import MONO
from attrieve.serving.cases.document_hit import MARK_WORDS
from attrieve.serving.cases.document_sheet import (
    ACCENT,
    INK,
    MARGIN,
    MUTED,
    WARN,
    WARN_GROUND,
    WIDTH,
    Sheet,
    moment_words,
)


def write_front(sheet: Sheet, content: CaseContent) -> None:
    """Write them, from the top of a new page."""
    case, gallery = content.case, content.gallery
    sheet.set_fill_color(*ACCENT)
    sheet.rect(0, 0, 210, 5, "F")
    sheet.set_y(18)
    sheet.use_type(9, ACCENT, "B")
    sheet.cell(WIDTH, 5, "CASE FILE", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    sheet.use_type(21, INK, "B")
    sheet.multi_cell(WIDTH, 9.5, sheet.writable(case.title), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    sheet.ln(1)
    sheet.use_type(11.5, MUTED)
    sheet.multi_cell(
        WIDTH, 6, sheet.writable(f"Case number {case.number}"), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT
    )
    sheet.ln(4)
    _notice(sheet)
    sheet.heading("Purpose")
    sheet.paragraph(case.purpose)
    sheet.heading("Facts")
    marks = [one.hit.mark for one in content.hits]
    counted = ", ".join(f"{marks.count(mark)} {word}" for mark, (word, _) in MARK_WORDS.items())
    sheet.facts(
        (
            ("Status", case.status.value),
            ("Opened", f"{moment_words(case.created_at)} by {case.created_by}"),
            ("Members", ", ".join(f"{one.name} ({one.role.value})" for one in case.members)),
            ("Saved hits", f"{len(marks)} ({counted}, {marks.count(None)} without a mark)"),
            ("Gallery", f"{gallery.name}, version {gallery.version}, {gallery.rows:,} rows"),
            ("Model", f"{gallery.model}, fingerprint {gallery.model_fingerprint}"),
            ("Vocabulary", f"{gallery.vocabulary}, fingerprint {gallery.vocabulary_fingerprint}"),
            ("Program", gallery.program),
            ("Ledger", _ledger_words(content)),
            ("Public key", content.public_key),
        )
    )
    _queries(sheet, content.queries)
    if content.notes:
        sheet.heading("Notes")
        sheet.notes(content.notes, MARGIN, WIDTH)


def _notice(sheet: Sheet) -> None:
    text = (
        "The system ranks pictures by how well recognised attributes fit a description. Several people "
        "can fit, the person described may be missing, and recognition errs, more often for some groups "
        "of people than for others. Whatever follows from a hit needs other evidence and a decision by a "
        "human being."
    )
    top = sheet.get_y()
    sheet.use_type(9, INK)
    height = 6 + 6 + 4.6 * len(sheet.lines_of(text, WIDTH - 12))
    sheet.set_fill_color(*WARN_GROUND)
    sheet.rect(MARGIN, top, WIDTH, height, "F")
    sheet.set_fill_color(*WARN)
    sheet.rect(MARGIN, top, 1.6, height, "F")
    sheet.set_xy(MARGIN + 7, top + 3)
    sheet.use_type(11, WARN, "B")
    sheet.cell(WIDTH - 12, 6, LEAD, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    sheet.set_x(MARGIN + 7)
    sheet.use_type(9, INK)
    sheet.multi_cell(WIDTH - 12, 4.6, text, align="L")
    sheet.set_y(top + height + 3)


def _ledger_words(content: CaseContent) -> str:
    head = content.head
    told = f"{len(content.audit):,} entries of this case"
    return told if head is None else f"{told}; the ledger then ended with entry {head.sequence}"


def _queries(sheet: Sheet, queries: Sequence[SavedQuery]) -> None:
    sheet.heading("Searches")
    if not queries:
        sheet.paragraph("No search was saved.", MUTED)
    for query in queries:
        sheet.need_room(16)
        sheet.use_type(9.5, INK, "B")
        sheet.multi_cell(
            WIDTH,
            5,
            sheet.writable(f"{query.id}. {query.name}"),
            align="L",
            new_x=XPos.LMARGIN,
            new_y=YPos.NEXT,
        )
        sheet.use_type(8.5, INK, family=MONO)
        asked = query.text or "(everything)"
        sheet.multi_cell(WIDTH, 4.6, sheet.broken(asked), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        where = query.request.get("where") or []
        witnesses = query.request.get("witnesses") or []
        sheet.use_type(8, MUTED)
        for label, texts in (("Where", where), ("Witnesses", witnesses)):
            if isinstance(texts, list) and texts:
                told = f"{label}: {'; '.join(map(str, texts))}"
                sheet.multi_cell(
                    WIDTH, 4.4, sheet.broken(told), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT
                )
        told = f"Saved by {query.author} on {moment_words(query.saved_at)}"
        sheet.cell(WIDTH, 4.6, sheet.fitted(told, WIDTH), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        sheet.ln(2)
