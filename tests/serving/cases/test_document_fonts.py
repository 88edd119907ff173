"""Letters that DejaVu lacks are taken from fonts of the machine; text from right to left is read so."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import pypdf
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from attrieve.serving.cases.document import case_document
from attrieve.serving.cases.document_fonts import fonts_for
from serving.cases.folder import content


def text_of(document: bytes) -> str:
    pages = [page.extract_text() for page in pypdf.PdfReader(BytesIO(document)).pages]
    return " ".join(" ".join(pages).split())


def box_font(path: Path, characters: str, *, kind: int = 0) -> Path:
    """Write a font whose letters are boxes, each of its own width."""
    names = [".notdef", *(f"uni{ord(character):04X}" for character in characters)]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(character): f"uni{ord(character):04X}" for character in characters})
    glyphs = {}
    for place, name in enumerate(names):
        pen = TTGlyphPen(None)
        pen.moveTo((0, 0))
        for corner in ((0, 700), (300 + 10 * place, 700), (300 + 10 * place, 0)):
            pen.lineTo(corner)
        pen.closePath()
        glyphs[name] = pen.glyph()
    builder.setupGlyf(glyphs)
    builder.setupHorizontalMetrics({name: (400 + 10 * place, 0) for place, name in enumerate(names)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": path.stem, "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=800, usWinAscent=800, usWinDescent=200, fsType=kind)
    builder.setupPost()
    path.parent.mkdir(parents=True, exist_ok=True)
    builder.save(path)
    return path


def test_letters_of_other_fonts_are_written(tmp_path: Path) -> None:
    """Found in folders below; what no font has keeps its code, and equal content makes equal bytes."""
    box_font(tmp_path / "far" / "East-Regular.ttf", "北京東")
    written = content((), title="Theft in 北京", purpose="東 and 龍")
    document = case_document(written, tmp_path)
    text = text_of(document)
    assert "Theft in 北京" in text
    assert "東 and [U+9F8D]" in text
    assert case_document(written, tmp_path) == document
    assert "Theft in [U+5317][U+4EAC]" in text_of(case_document(written, tmp_path / "none"))
    plain = content(())
    assert case_document(plain, tmp_path) == case_document(plain)


@pytest.mark.parametrize(
    ("characters", "expected"),
    [
        ("北京", ["both/B-Regular.ttf"]),
        ("北京한", ["both/B-Regular.ttf", "c/C.ttf"]),
        ("北", ["both/A-Sans-Regular.ttf"]),
        ("a\u202e\x07", []),
        ("龍", []),
    ],
)
def test_few_and_plain_fonts_are_chosen(tmp_path: Path, characters: str, expected: Sequence[str]) -> None:
    """Never one that is damaged or may not be put into documents."""
    box_font(tmp_path / "both" / "A-Black.ttf", "北")
    box_font(tmp_path / "both" / "A-Sans-Regular.ttf", "北")
    box_font(tmp_path / "both" / "B-Bold.ttf", "北京")
    box_font(tmp_path / "both" / "B-Regular.ttf", "北京")
    box_font(tmp_path / "c" / "C.ttf", "한\u202e\x07")
    box_font(tmp_path / "Locked-Sans-Regular.ttf", "北京한龍", kind=2)
    (tmp_path / "Broken-Sans-Regular.ttf").write_bytes(b"\x00\x01\x00\x00 no font")
    assert [
        path.relative_to(tmp_path).as_posix() for path in fonts_for(set(characters), tmp_path)
    ] == expected


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the library leaves it open
def test_a_font_that_the_library_cannot_use_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "odd.ttf").write_bytes(b"no font")
    monkeypatch.setattr(
        "attrieve.serving.cases.document.fonts_for", lambda _lacking, folder: [folder / "odd.ttf"]
    )
    assert "[U+5317]" in text_of(case_document(content(title="北"), tmp_path))


def test_text_from_right_to_left_is_read_so() -> None:
    """Arabic letters are joined, also in the middle of other text; a text that needs none of it gets none."""
    from attrieve.serving.cases.document_sheet import Sheet

    sheet = Sheet(shaped=True)
    try:
        sheet.add_page()
        sheet.use_type(10, (0, 0, 0))
        joined, apart = sheet.get_string_width("محطة"), sum(map(sheet.get_string_width, "محطة"))
        assert joined < apart
    finally:
        sheet.close_fonts()
    long = "قطار" * 400
    text = text_of(
        case_document(content((), title="Camera محطة القطار (north)", purpose=f"שלום עולם {long}"))
    )
    assert "محطة القطار" in text
    assert "שלום עולם" in text
    assert text.count("ق") > 400
