"""The picture of a ranking: every hit is on it, and nothing missing breaks it."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from attrieve.errors import InputError
from attrieve.gallery.contact_sheet import contact_sheet, source_from_text
from attrieve.gallery.marks import mark
from attrieve.schema import AttributeReason, Hit, ImageSource, Ranking, load_vocabulary

COLOURS = [(255, 0, 255), (0, 255, 255), (255, 255, 0)]


def ranking_of(sources: list[str], reasons: tuple[AttributeReason, ...] = ()) -> Ranking:
    return Ranking(
        tuple(Hit(n, f"{n:016x}", n / 10, source, reasons=reasons) for n, source in enumerate(sources, 1))
    )


def coloured_crops(folder: Path) -> list[str]:
    """One crop per colour; no such colours occur elsewhere on a sheet."""
    paths = []
    for number, colour in enumerate(COLOURS):
        path = folder / f"{number}.png"
        Image.new("RGB", (40, 80), colour).save(path)
        paths.append(str(path))
    return paths


def places_of(sheet: Image.Image, colour: tuple[int, int, int]) -> np.ndarray:
    return np.argwhere((np.asarray(sheet) == colour).all(axis=2))


def test_crops_stand_in_order_of_rank(tmp_path: Path) -> None:
    """Rank 2 is right of rank 1, rank 3 begins the second row of two columns."""
    sheet = contact_sheet(ranking_of(coloured_crops(tmp_path)), "hat", columns=2)
    first, second, third = (places_of(sheet, colour) for colour in COLOURS)
    assert len(first) > 1000
    assert second[:, 1].min() > first[:, 1].max()
    assert third[:, 0].min() > first[:, 0].max()
    assert abs(third[:, 1].min() - first[:, 1].min()) < 2


def test_crops_keep_their_proportions(tmp_path: Path) -> None:
    """A crop is fitted into its box, not stretched."""
    sheet = contact_sheet(ranking_of(coloured_crops(tmp_path)), "hat", thumb_size_px=(200, 150))
    places = places_of(sheet, COLOURS[1])
    height, width = places.max(axis=0) - places.min(axis=0) + 1
    assert (height, width) == (200, 100)


def test_missing_images_leave_a_place(tmp_path: Path) -> None:
    """Gone, damaged or impossible sources are grey boxes; the sheet has the size it would have."""
    good = coloured_crops(tmp_path)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    bad = ["", "/nowhere/x.png", str(tmp_path / "broken.png"), "no\0name.png", "a.zip!b.png"]
    with_bad = contact_sheet(ranking_of([*good[:1], *bad]), "hat")
    assert with_bad.size == contact_sheet(ranking_of(good * 2), "hat").size
    assert len(places_of(with_bad, COLOURS[0])) > 1000


def test_crops_come_from_archives_too(tmp_path: Path) -> None:
    """A member of a zip archive is drawn like a file."""
    (path, *_) = coloured_crops(tmp_path)
    with zipfile.ZipFile(tmp_path / "crops.zip", "w") as archive:
        archive.write(path, "in!side.png")
    source = ImageSource(tmp_path / "crops.zip", "in!side.png")
    assert source_from_text(str(source)) == source
    assert len(places_of(contact_sheet(ranking_of([str(source)]), "hat"), COLOURS[0])) > 1000


def test_source_text_of_odd_names_reads_back(tmp_path: Path) -> None:
    """An exclamation mark in a file name is not taken for an archive."""
    path = tmp_path / "wow!.png"
    path.write_bytes(b"x")
    assert source_from_text(str(path)) == ImageSource(path)


def test_marks_differ_without_colour() -> None:
    """In grey, tick and cross still differ in many pixels."""
    tick, cross = (
        np.asarray(Image.alpha_composite(Image.new("RGBA", (14, 14), "white"), mark(yes, 14)).convert("L"))
        for yes in (True, False)
    )
    assert (np.abs(tick.astype(int) - cross) > 60).mean() > 0.1


def test_reasons_and_verdicts_are_drawn(tmp_path: Path) -> None:
    """Green and red appear for met and unmet wishes, and frames for known truth."""
    crops = coloured_crops(tmp_path)

    def ink(sheet: Image.Image, colour: tuple[int, int, int]) -> int:
        return len(places_of(sheet, colour))

    green, red = (21, 128, 61), (185, 28, 28)
    met = AttributeReason("accessoryHat", True, 1.0, 0.9, True, 0.1)
    unmet = AttributeReason("accessoryHat", True, 1.0, 0.1, False, 0.9)
    plain = contact_sheet(ranking_of(crops), "hat")
    assert ink(plain, green) == ink(plain, red) == 0
    assert ink(contact_sheet(ranking_of(crops, (met,)), "hat"), green) > 30
    assert ink(contact_sheet(ranking_of(crops, (unmet,)), "hat"), red) > 30
    keys = [hit.key for hit in ranking_of(crops).hits]
    judged = contact_sheet(ranking_of(crops), "hat", truth={keys[0]: True, keys[1]: False, keys[2]: None})
    assert ink(judged, green) > 500
    assert ink(judged, red) > 500


def test_long_descriptions_and_many_reasons_fit(tmp_path: Path) -> None:
    """All 35 attributes asked: the sheet stays of the width its columns need, cards of bounded height."""
    schema = load_vocabulary("peta35")
    reasons = tuple(AttributeReason(name, True, 1.0, 0.5, True, 1 / 35) for name in schema.names)
    ranking = ranking_of(coloured_crops(tmp_path), reasons)
    text = ", ".join(schema.labels)
    long = contact_sheet(ranking, text, schema=schema)
    short = contact_sheet(ranking, "hat", schema=schema)
    assert long.width == short.width
    assert long.height < short.height + 100
    assert contact_sheet(ranking, text, most_reasons=0).height < short.height


def test_an_empty_ranking_is_a_heading() -> None:
    """Nothing found is a picture too."""
    sheet = contact_sheet(Ranking(()), "hat")
    assert sheet.height < 120


def test_impossible_sizes_are_refused() -> None:
    """Too small to see is an error."""
    for options in ({"columns": 0}, {"thumb_size_px": (10, 10)}, {"most_reasons": -1}):
        with pytest.raises(InputError):
            contact_sheet(Ranking(()), "hat", **options)  # type: ignore[arg-type]
