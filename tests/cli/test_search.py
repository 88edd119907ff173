"""``attrieve search`` at the command line."""

import json
from pathlib import Path

import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from attrieve.cli.search import search
from attrieve.gallery.counterfactual import ranks_without_terms, what_if_lines
from attrieve.gallery.ingest import index_images
from attrieve.gallery.search import search as search_gallery
from attrieve.gallery.store import Gallery
from attrieve.schema import parse_query
from attrieve.scoring.fusion import Fusion, Normalisation
from gallery.building import small_retriever, write_images

app = typer.Typer()
app.command()(search)
runner = CliRunner()


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("search")
    retriever = small_retriever()
    retriever.save_pretrained(folder / "run")
    index_images(retriever, folder / "g", write_images(folder / "[in]", 6))
    return folder / "g"


def asked(gallery: Path, query: str, *options: str) -> dict[str, object]:
    result = runner.invoke(app, [str(gallery), query, "--json", *options])
    assert result.exit_code == 0, result.stderr
    document: dict[str, object] = json.loads(result.stdout)
    return document


def test_json_is_the_ranking(gallery: Path) -> None:
    """One document on stdout, equal to what the library gives."""
    document = asked(gallery, "hat, !bag?", "--top", "4")
    opened = Gallery.open(gallery)
    ranking = search_gallery(opened, parse_query("hat, !bag?", opened.schema), top=4)
    hits = document["hits"]
    assert isinstance(hits, list)
    assert [(hit["rank"], hit["key"], hit["distance"]) for hit in hits] == [
        (hit.rank, hit.key, hit.distance) for hit in ranking.hits
    ]
    assert [reason["attribute"] for reason in hits[0]["reasons"]] == ["hat", "bag"]
    assert document["rows"] == 6
    assert document["query"] == {
        "text": "hat, !bag?",
        "terms": [
            {"attributes": ["hat"], "wanted": True, "certainty": 1.0},
            {"attributes": ["bag"], "wanted": False, "certainty": 0.5},
        ],
        "understood": [],
    }


def test_a_description_is_text_table_or_file(gallery: Path, tmp_path: Path) -> None:
    """All three ways of writing it give the same hits."""
    table = {"hat": True, "bag": -0.5}
    (tmp_path / "query.json").write_text(json.dumps(table))
    (tmp_path / "text.json").write_text(json.dumps("hat, !bag?"))
    ways = ["hat, !bag?", json.dumps(table), f"@{tmp_path / 'query.json'}", f"@{tmp_path / 'text.json'}"]
    first, *others = [asked(gallery, way)["hits"] for way in ways]
    assert all(other == first for other in others)


def test_a_sentence_is_read_word_by_word(gallery: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ranking is that of the query it amounts to; what each word was taken for is told."""
    monkeypatch.setenv("COLUMNS", "200")
    said = "a young person with a red hat, no bag"
    document = asked(gallery, said)
    assert document["hits"] == asked(gallery, "young, hat, !bag")["hits"]
    query = document["query"]
    assert isinstance(query, dict)
    assert [piece["text"] for piece in query["understood"] if piece["part"] == "ignored"] == ["red"]
    told = runner.invoke(app, [str(gallery), said]).stdout
    assert "hat [hat]" in told
    assert "red [ignored]" in told


def test_witnesses_are_pooled(gallery: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of a description; what they say, where they conflict and what hangs on each is told."""
    monkeypatch.setenv("COLUMNS", "200")
    options = [
        "--witness",
        "A: young, hat, !bag",
        "--witness",
        "B~0.6: no hat on her head, young",
        "--top",
        "3",
    ]
    result = runner.invoke(app, [str(gallery), *options, "--json"])
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    told = document["witnesses"]
    assert [(one["name"], one["weight"], one["query"]) for one in told["said"]] == [
        ("A", 1.0, "young, hat, !bag"),
        ("B", 0.6, "!hat, young"),
    ]
    verdicts = {row["label"]: row["verdict"] for row in told["comparisons"]}
    assert verdicts == {"young": "agree", "hat": "conflict", "bag": "one"}
    assert {name: len(ranks) for name, ranks in told["ranks_without"].items()} == {"A": 3, "B": 3}
    shown = runner.invoke(app, [str(gallery), *options]).stdout
    assert "conflict" in shown
    assert "rank without" in shown
    for wrong in ([str(gallery)], [str(gallery), "hat", "--witness", "A: hat"]):
        assert runner.invoke(app, wrong).exit_code == 2


def test_what_if_something_had_not_been_said(gallery: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ranks of the hits in a search without it."""
    monkeypatch.setenv("COLUMNS", "200")
    document = asked(gallery, "hat, !bag, scarf", "--what-if", "--top", "3")
    hits = document["hits"]
    without = document["ranks_without"]
    assert isinstance(hits, list)
    assert isinstance(without, dict)
    assert list(without) == ["hat", "!bag", "scarf"]
    other = asked(gallery, "hat, scarf")["hits"]
    assert isinstance(other, list)
    ranks = {hit["key"]: hit["rank"] for hit in other}
    assert without["!bag"] == [ranks[hit["key"]] for hit in hits]
    shown = runner.invoke(app, [str(gallery), "hat, !bag, scarf", "--what-if", "--top", "3"]).stdout
    opened = Gallery.open(gallery)
    query = parse_query("hat, !bag, scarf", opened.schema)
    ranking = search_gallery(opened, query, top=3)
    lines = what_if_lines(ranking, ranks_without_terms(opened, query, ranking), opened.schema)
    assert all(line in shown for line in lines)
    assert asked(gallery, "hat", "--what-if")["ranks_without"] == {}


def test_what_each_thing_adds_is_told(gallery: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In JSON the parts sum to the distance; people see them behind a plus."""
    monkeypatch.setenv("COLUMNS", "200")
    hits = asked(gallery, "hat, !bag, scarf~0.5")["hits"]
    assert isinstance(hits, list)
    for hit in hits:
        parts = [reason["contribution"] for reason in hit["reasons"]] + [hit["embedding_contribution"]]
        assert sum(parts) == pytest.approx(hit["distance"], rel=1e-5)
    shown = runner.invoke(app, [str(gallery), "hat, !bag, scarf~0.5", "--top", "1"]).stdout
    assert f"+{hits[0]['embedding_contribution']:.3f}" in shown
    assert f"+{hits[0]['reasons'][1]['contribution']:.3f}" in shown
    assert "+" not in runner.invoke(app, [str(gallery), "hat", "--no-explain"]).stdout


def test_heat_maps_are_drawn_of_the_hits(gallery: Path, tmp_path: Path) -> None:
    """One picture by the run that filled the gallery; only the images of the hits are read."""
    out = tmp_path / "maps.png"
    options = ["--top", "2", "--heat-maps", str(out), "--run", str(gallery.parent / "run")]
    opened = Gallery.open(gallery)
    nearest = search_gallery(opened, parse_query("hat, !bag", opened.schema), top=6).hits
    away = [Path(hit.source) for hit in nearest[2:]]
    for path in away:
        path.rename(path.with_suffix(".away"))
    try:
        asked(gallery, "hat, !bag", *options)
        with Image.open(out) as sheet:
            assert sheet.size[1] > 2 * 224
        away.append(Path(nearest[0].source))
        away[-1].rename(away[-1].with_suffix(".away"))
        gone = runner.invoke(app, [str(gallery), "hat, !bag", *options])
        assert (gone.exit_code, gone.stdout) == (1, "")
        assert "that of hit 1 cannot be read" in " ".join(gone.stderr.split())
    finally:
        for path in away:
            path.with_suffix(".away").rename(path)


def test_heat_maps_need_the_run_of_the_gallery(gallery: Path, tmp_path: Path) -> None:
    """Without a run, or with another one, nothing is drawn, and it is said why."""
    out = tmp_path / "maps.png"
    for wrong in (["--heat-maps", str(out)], ["--run", "somewhere"]):
        result = runner.invoke(app, [str(gallery), "hat", *wrong], env={"COLUMNS": "200"})
        assert result.exit_code == 2
        assert "belong together" in result.stderr
    small_retriever(seed=1).save_pretrained(tmp_path / "other")
    other = ["--heat-maps", str(out), "--run", str(tmp_path / "other")]
    result = runner.invoke(app, [str(gallery), "hat", *other])
    assert result.exit_code == 1
    assert "heat maps must come from the model that found the hits" in " ".join(result.stderr.split())
    assert not out.exists()


def test_the_next_question_is_told(gallery: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only open attributes are asked for."""
    monkeypatch.setenv("COLUMNS", "200")
    questions = asked(gallery, "hat, !bag", "--ask")["questions"]
    assert isinstance(questions, list)
    assert len(questions) == 5
    assert not {"hat", "bag"} & {question["label"] for question in questions}
    assert "ask next" in runner.invoke(app, [str(gallery), "hat", "--ask"]).stdout
    said = ["--witness", "A: !hat, young", "--witness", "B: hat, young"]
    told = json.loads(runner.invoke(app, [str(gallery), *said, "--ask", "--json"]).stdout)["questions"]
    assert not {"hat", "young"} & {question["label"] for question in told}


def test_an_approximate_answer_says_how_good_it_is(gallery: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an index it is exact and says why; the hits are those of the exact search then."""
    monkeypatch.setenv("COLUMNS", "200")
    document = asked(gallery, "hat, !bag", "--approximate")
    told = document["approximate"]
    assert isinstance(told, dict)
    assert (told["recall"], told["looked_at"]) == (1.0, 6)
    assert told["exact_because"]
    assert document["hits"] == asked(gallery, "hat, !bag")["hits"]
    shown = runner.invoke(app, [str(gallery), "hat", "--approximate"]).stdout
    assert "100.0% of the exact answer" in shown
    assert runner.invoke(app, [str(gallery), "--witness", "A: hat", "--approximate"]).exit_code == 2


def test_fusion_can_be_chosen(gallery: Path) -> None:
    """Weight and normalisation reach the search and are reported."""
    document = asked(gallery, "hat", "--fusion-weight", "0.7", "--normalisation", "static")
    assert document["fusion"] == {
        "attribute_weight": 0.7,
        "embedding_weight": 1.0,
        "normalisation": "static",
    }
    opened = Gallery.open(gallery)
    expected = search_gallery(
        opened, parse_query("hat", opened.schema), fusion=Fusion(0.7, 1.0, Normalisation.STATIC)
    )
    hits = document["hits"]
    assert isinstance(hits, list)
    assert [hit["distance"] for hit in hits] == [hit.distance for hit in expected.hits]


def test_a_filter_narrows_the_search(gallery: Path) -> None:
    """Only rows that meet every condition are ranked; none is no failure, a mistyped column is one."""
    document = asked(gallery, "hat", "--where", "source~crop-00", "--where", "height>=1")
    assert document["where"] == ["source~crop-00", "height>=1"]
    hits = document["hits"]
    assert isinstance(hits, list)
    assert len(hits) == 6
    nothing = runner.invoke(app, [str(gallery), "hat", "--where", "camera=C1"])
    assert nothing.exit_code == 0
    assert "none of 6 rows" in nothing.stdout
    wrong = runner.invoke(app, [str(gallery), "hat", "--where", "camra=C1"])
    assert wrong.exit_code == 1
    assert "camera" in wrong.stderr


def test_people_get_a_table(gallery: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rank, distance, image (brackets and all) and a mark for each thing asked."""
    monkeypatch.setenv("COLUMNS", "200")
    result = runner.invoke(app, [str(gallery), "hat, !bag"])
    assert result.exit_code == 0
    assert "[in]" in result.stdout
    assert "not bag" in result.stdout
    assert result.stdout.count("✓") + result.stdout.count("✗") == 12
    plain = runner.invoke(app, [str(gallery), "hat, !bag", "--no-explain", "--top", "2"])
    assert "✓" not in plain.stdout
    assert "crop-" in plain.stdout


def test_long_descriptions_are_summed_up(gallery: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More things than columns: how many are met, and what costs most."""
    monkeypatch.setenv("COLUMNS", "200")
    full = "young, !adult, !old, hat, !scarf, !nothing, backpack, !bag"
    result = runner.invoke(app, [str(gallery), full])
    assert result.exit_code == 0
    assert "/8" in result.stdout


def test_a_sheet_is_written(gallery: Path, tmp_path: Path) -> None:
    """A picture lands where asked, and stdout stays one JSON document without the reasons declined."""
    document = asked(gallery, "hat", "--sheet", str(tmp_path / "out.png"), "--no-explain")
    with Image.open(tmp_path / "out.png") as sheet:
        assert sheet.width > 200
    hits = document["hits"]
    assert isinstance(hits, list)
    assert "reasons" not in hits[0]


def test_failures_exit_with_1(gallery: Path, tmp_path: Path) -> None:
    """A typo, an unreadable description, no gallery: the message is on stderr, stdout stays empty."""
    (tmp_path / "bad.json").write_text("{hat")
    for arguments, told in (
        ([str(gallery), "bakpack"], "backpack"),
        ([str(gallery), ""], "empty"),
        ([str(gallery), "{hat"], "not JSON"),
        ([str(gallery), f"@{tmp_path / 'bad.json'}"], "bad.json"),
        ([str(gallery), f"@{tmp_path / 'none.json'}"], "none.json"),
        ([str(tmp_path), "hat"], "not a gallery"),
        ([str(gallery), "hat", "--sheet", "/dev/null/x.png"], "x.png"),
    ):
        result = runner.invoke(app, [*arguments, "--json"])
        assert (result.exit_code, result.stdout) == (1, ""), arguments
        assert told in result.stderr


def test_wrong_usage_exits_with_2(gallery: Path) -> None:
    """What the command line itself can see."""
    for wrong in (
        ["--top", "0"],
        ["--fusion-weight", "-1"],
        ["--normalisation", "none"],
        ["--sheet", "x.pdf"],
        ["--unknown"],
    ):
        assert runner.invoke(app, [str(gallery), "hat", *wrong]).exit_code == 2
