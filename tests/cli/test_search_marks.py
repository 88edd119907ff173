"""``attrieve search`` with hits marked right and wrong, and by the description of a hit."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from attrieve.cli.search import search
from attrieve.gallery.feedback import Marks, with_feedback
from attrieve.gallery.feedback.marks_file import read_marks
from attrieve.gallery.ingest import index_images
from attrieve.gallery.recognised import description_of_row
from attrieve.gallery.search import search as search_gallery
from attrieve.gallery.store import Gallery
from attrieve.schema import parse_query
from gallery.building import small_retriever, write_images
from gallery.decided import decided

app = typer.Typer()
app.command()(search)
runner = CliRunner()
QUERY = "hat, !bag?, scarf"


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("marks")
    images = write_images(folder / "in", 9)
    index_images(decided(small_retriever(), images), folder / "g", images)
    return folder / "g"


@pytest.fixture(scope="module")
def found(gallery: Path) -> list[str]:
    """Keys of the plain ranking, nearest first."""
    return [hit["key"] for hit in asked(gallery, QUERY)["hits"]]


def asked(gallery: Path, *arguments: str) -> dict[str, list[dict[str, str]]]:
    result = runner.invoke(app, [str(gallery), *arguments, "--json"])
    assert result.exit_code == 0, result.stderr
    document: dict[str, list[dict[str, str]]] = json.loads(result.stdout)
    return document


def options(option: str, keys: list[str]) -> list[str]:
    return [part for key in keys for part in (option, key)]


def test_marks_change_the_ranking_and_say_how(
    gallery: Path, found: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """JSON and table: the library's ranking, weights, angle, ranks before, and who is marked."""
    monkeypatch.setenv("COLUMNS", "250")
    right, wrong = found[4:6], found[:3]
    given = [*options("--right", right), *options("--wrong", wrong)]
    document = asked(gallery, QUERY, *given)
    opened = Gallery.open(gallery)
    marks = Marks.of(right, wrong)
    ranking = search_gallery(opened, parse_query(QUERY, opened.schema), marks=marks)
    assert [(h["key"], h["distance"]) for h in document["hits"]] == [
        (h.key, h.distance) for h in ranking.hits
    ]
    told = document["feedback"]
    assert isinstance(told, dict)
    feedback = with_feedback(opened, parse_query(QUERY, opened.schema), marks)
    assert [row["after"] for row in told["weights"]] == [change.after for change in feedback.weights]
    assert told["embedding_angle_degrees"] == feedback.angle_degrees
    assert [found.index(hit["key"]) + 1 for hit in document["hits"]] == told["ranks_before"]
    verdicts = dict(zip((hit["key"] for hit in document["hits"]), told["marked"], strict=True))
    assert {key for key, verdict in verdicts.items() if verdict == "right"} == set(right)
    assert {key for key, verdict in verdicts.items() if verdict == "wrong"} == set(wrong)
    shown = runner.invoke(app, [str(gallery), QUERY, *given]).stdout
    assert "what the marks change" in shown
    assert "2 right, 3 wrong" in shown
    assert f"{told['embedding_angle_degrees']:.1f} of at most 20 degrees" in shown
    assert all(key in shown for key in found)


def test_marks_are_kept_in_a_file_and_taken_back(gallery: Path, found: list[str], tmp_path: Path) -> None:
    """Search after search; the last mark taken back gives the plain ranking again, bit for bit."""
    file = tmp_path / "case.json"
    keep = ["--marks", str(file)]
    asked(gallery, QUERY, *keep, "--right", found[5], "--marked-by", "Ann")
    asked(gallery, QUERY, *keep, "--wrong", found[0])
    schema = Gallery.open(gallery).schema
    marks = read_marks(file, schema)
    assert (marks.right, marks.wrong) == ((found[5],), (found[0],))
    first = marks.get(found[5])
    assert first is not None
    assert (first.by, first.query) == ("Ann", QUERY)
    assert first.time is not None
    both = asked(gallery, QUERY, "--right", found[5], "--wrong", found[0])["hits"]
    assert asked(gallery, QUERY, *keep)["hits"] == both
    asked(gallery, QUERY, *keep, "--wrong", found[5])  # thought better of it
    assert read_marks(file, schema).wrong == tuple(sorted([found[0], found[5]]))
    taken = asked(gallery, QUERY, *keep, "--unmark", found[5], "--unmark", found[0])["hits"]
    assert taken == asked(gallery, QUERY)["hits"]
    assert len(read_marks(file, schema)) == 0


@pytest.mark.parametrize("distance", ["paper", "group"])
def test_marks_count_in_an_approximate_search(gallery: Path, found: list[str], distance: str) -> None:
    """By either distance; so few rows are all looked at, and the answer is the exact one."""
    given = [*options("--right", found[3:5]), *options("--wrong", found[:2]), "--distance", distance]
    near, exact = asked(gallery, QUERY, *given, "--approximate"), asked(gallery, QUERY, *given)
    assert near.pop("approximate")["recall"] == 1.0
    assert near == exact


def test_marks_count_for_witnesses_and_with_filters(gallery: Path, found: list[str]) -> None:
    """The pooled description is refined; rows outside the filter still teach."""
    said = ["--witness", "A: hat, !bag", "--witness", "B: hat, scarf"]
    given = options("--right", found[3:5]) + options("--wrong", found[:2])
    document = asked(gallery, *said, *given, "--what-if", "--where", "blur>=0")
    assert isinstance(document["feedback"], dict)
    assert len(document["feedback"]["weights"]) == 3
    assert set(document["witnesses"]) == {"said", "comparisons", "ranks_without"}
    narrow = asked(gallery, QUERY, *given, "--where", "blur<0")
    assert narrow["hits"] == []


@pytest.mark.parametrize(
    ("given", "code", "told"),
    [
        (["--right", "{0}", "--wrong", "{0}"], 2, "both --right and --wrong"),
        (["--right", "{0}", "--unmark", "{0}"], 2, "both --right and --unmark"),
        (["--unmark", "{0}"], 2, "--marks FILE.json"),
        (["--right", "{typo}"], 1, "did you mean '{0}'"),
        (["--right", "first"], 1, "16 lower-case hexadecimal digits"),
        (["--marks", "missing.json"], 1, "cannot read marks"),
        (["--like", "{0}"], 2, "give one of"),
    ],
)
def test_marks_that_cannot_be_are_refused(
    gallery: Path, found: list[str], given: list[str], code: int, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to do; nothing is printed on stdout."""
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.setenv("TERMINAL_WIDTH", "250")
    typo = ("0" if found[0][0] != "0" else "1") + found[0][1:]
    result = runner.invoke(app, [str(gallery), QUERY, *(part.format(found[0], typo=typo) for part in given)])
    assert result.exit_code == code
    assert told.format(found[0]) in " ".join(result.stderr.replace("│", " ").split())
    assert result.stdout == ""


def test_a_file_is_not_touched_by_a_search_that_fails(
    gallery: Path, found: list[str], tmp_path: Path
) -> None:
    """What was marked before stays."""
    file = tmp_path / "case.json"
    asked(gallery, QUERY, "--marks", str(file), "--right", found[1])
    before = file.read_bytes()
    failed = runner.invoke(app, [str(gallery), QUERY, "--marks", str(file), "--wrong", "0" * 16])
    assert failed.exit_code == 1
    assert file.read_bytes() == before


def test_similar_to_a_hit_is_a_description(
    gallery: Path, found: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is shown, and the hits are those of the description alone."""
    monkeypatch.setenv("COLUMNS", "250")
    text = description_of_row(Gallery.open(gallery), found[2]).to_text()
    document = asked(gallery, "--like", found[2])
    assert document["like"] == {"key": found[2], "description": text}
    assert document["hits"] == asked(gallery, text)["hits"]
    shown = runner.invoke(app, [str(gallery), "--like", found[2], "--keys"]).stdout
    assert f"recognised in {found[2]}: {text}" in shown
    assert found[2] in shown.split("recognised in")[1]
    unknown = runner.invoke(app, [str(gallery), "--like", "0" * 16])
    assert unknown.exit_code == 1
    assert "unknown row" in unknown.stderr
