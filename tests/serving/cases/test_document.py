"""A case as a PDF: its text can be read, nothing in it upsets it, and equal content makes equal bytes."""

from dataclasses import replace
from io import BytesIO

import pypdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attrieve.serving.cases.content import ERASED, LEAD, HitContent
from attrieve.serving.cases.document import case_document
from attrieve.serving.cases.document_fonts import writable
from attrieve.serving.pictures import placeholder
from serving.cases.folder import NOW, content, key_of, note, picture, saved_hit


def pages_of(document: bytes) -> list[str]:
    return [page.extract_text() for page in pypdf.PdfReader(BytesIO(document)).pages]


@pytest.fixture(scope="module")
def document() -> bytes:
    return case_document(content(notes=(note(1, "In general {nb} {pages}"),)))


def test_its_text_can_be_read(document: bytes) -> None:
    """Everything that is asked of a title page and of a hit."""
    pages = pages_of(document)
    text = " ".join(" ".join(pages).split())
    for told in (
        "Missing child", "2024-117", "Find the child", LEAD, "0123456789abcdef", "ffffffffffffffff",
        "bag?, !hat", "camera=C1", key_of(1), key_of(3), "marked right", "marked wrong", "0.125",
        "40 %", "2 %", "yes (0.5)", "Seen again at the gate.", "In general {nb} {pages}",
        "No picture: /c/3.png: no such image file",
    ):  # fmt: skip
        assert " ".join(told.split()) in text, told
    for number, page in enumerate(pages, start=1):
        assert f"Page {number} of {len(pages)}" in page
        assert LEAD in page
    assert pypdf.PdfReader(BytesIO(document)).metadata.title == "Case 2024-117: Missing child"


def test_equal_content_makes_equal_bytes(document: bytes) -> None:
    assert case_document(content(notes=(note(1, "In general {nb} {pages}"),))) == document


def test_it_brings_its_fonts_along_and_asks_for_nothing(document: bytes) -> None:
    """No script, no link, no action."""
    assert b"FontFile2" in document
    for word in (b"/JavaScript", b"/JS", b"/URI", b"/Launch", b"/OpenAction /S", b"/EmbeddedFile"):
        assert word not in document


def test_pictures_are_in_it(document: bytes) -> None:
    reader = pypdf.PdfReader(BytesIO(document))
    sizes = [image.image.size for page in reader.pages for image in page.images]
    assert sizes.count((64, 128)) == 2


TEXTS = [
    "Łódź Αθήνα Москва", "北京 東京 서울", "🙂👮", "a" * 5000, "\u202egnp.exe", "{nb}\\n%s",
    "\x00\x07", "word " * 900,
]  # fmt: skip


def test_any_text_can_be_written() -> None:
    """Characters no font has are told by number; long words and long texts go on over lines and pages."""
    hits = tuple(
        HitContent(saved_hit(n, camera=text, source=text), picture(n), (note(n, text, key_of(n)),))
        for n, text in enumerate(TEXTS)
    )
    everything = " ".join(text[:200] for text in TEXTS)
    notes = tuple(note(n, text) for n, text in enumerate(TEXTS))
    pages = pages_of(case_document(content(hits, title=everything, purpose=everything, notes=notes)))
    assert f"Page {len(pages)} of {len(pages)}" in pages[-1]
    text = " ".join(" ".join(pages).split())
    for told in ("Łódź Αθήνα Москва", "[U+5317][U+4EAC]", "[U+1F46E]", "[U+202E]gnp.exe", "{nb}\\n%s"):
        assert text.count(told) >= 3, told
    assert "".join(text.split()).count("a") > 10_000


@settings(max_examples=200)
@given(
    st.text(max_size=60), st.sampled_from(["", "abcdefghijklmnopqrstuvwxyz", "\u202e\x00\x7f\u00ad\ue000"])
)
def test_nothing_is_lost_of_what_cannot_be_written(text: str, others: str) -> None:
    """What a font writes stays, the rest is its number; what shows nothing is told whatever a font says."""
    known = {*map(ord, "0123456789 ABCDEF+[]U"), *range(0x400, 0x500), *map(ord, others)}
    told = writable(text + others, known)
    assert all(character.isprintable() or character == "\n" or ord(character) >= 160 for character in told)
    lost = [character for character in text + others if character not in told and character != "\t"]
    for character in lost:
        assert f"U+{ord(character):04X}" in told


def test_a_long_hit_goes_on_over_pages() -> None:
    reasons = [
        {"label": f"attribute {number}", "wanted": True, "certainty": 1, "probability": 0.7, "matches": True}
        for number in range(105)
    ]
    hits = (
        HitContent(saved_hit(1, reasons=reasons), picture(1), ()),
        HitContent(saved_hit(2), picture(2), ()),
    )
    pages = pages_of(case_document(content(hits)))
    text = " ".join(pages)
    assert all(f"attribute {number}" in text for number in range(105))
    assert len(pages) >= 4


def test_facts_of_another_form_do_no_harm() -> None:
    """Those of an older or newer service, or of an erased row."""
    facts: list[dict[str, object]] = [
        {},
        {"reasons": "no list"},
        {"reasons": [1, None]},
        {"distance": "far", "reasons": [{"probability": "x"}]},
    ]
    hits = [replace(saved_hit(n), facts=one, erased_at=NOW) for n, one in enumerate(facts)]
    pages = pages_of(case_document(content(tuple(HitContent(hit, placeholder(ERASED), ()) for hit in hits))))
    assert " ".join(" ".join(pages).split()).count("Erased 2024-05-06 07:08 UTC") == 4


def test_a_case_without_anything() -> None:
    assert len(pages_of(case_document(content(())))) == 1
