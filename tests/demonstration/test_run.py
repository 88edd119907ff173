"""A whole demonstration, tiny: the page against its numbers, the numbers against the drawings."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import torch
from scipy.io import loadmat

from attrieve.demonstration import DemonstrationSettings, run_demonstration
from attrieve.errors import ConfigurationError
from attrieve.gallery.search import search
from attrieve.gallery.store import Gallery
from attrieve.models.retriever import Retriever
from attrieve.schema import AttributeQuery, Term, load_vocabulary

SETTINGS = DemonstrationSettings(
    images=72,
    epochs=1,
    test_categories=5,
    height_px=64,
    width_px=32,
    first_epochs=1,
    changes=("model.height_px=64", "model.width_px=32", "training.batch=4", "training.precision='float32'"),
)


@dataclass
class Page(HTMLParser):
    """What a reader sees of a page, and what it would fetch."""

    source: str
    text: str = ""
    links: list[str] = field(default_factory=list)
    scripts: int = 0
    tiles: list[dict[str, Any]] = field(default_factory=list)
    _skip: bool = False

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.source)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        names = (given.get("class") or "").split()
        self.links += [str(given[name]) for name in ("src", "href", "xlink:href") if name in given]
        self.scripts += tag == "script"
        self._skip = tag == "style"
        if "hit" in names:
            self.tiles.append({"right": "right" in names, "chips": []})
        if "chip" in names:
            self.tiles[-1]["chips"].append({"right": "right" in names, "text": ""})

    def handle_endtag(self, tag: str) -> None:
        self._skip = False

    def handle_data(self, data: str) -> None:
        if not self._skip:
            self.text += " " + data
        if self.tiles and self.tiles[-1]["chips"]:
            self.tiles[-1]["chips"][-1]["text"] += data


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a tiny finished demonstration."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("demonstration") / "out"
    run_demonstration(SETTINGS, folder)
    yield folder
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def document(finished: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((finished / "demo.json").read_bytes())
    return content


@pytest.fixture(scope="module")
def page(finished: Path) -> Page:
    return Page((finished / "report.html").read_text("utf-8"))


def drawn_truth(folder: Path) -> dict[str, dict[str, int]]:
    """Labels by picture and attribute, straight from the annotation file."""
    record = loadmat(folder / "people" / "PETA" / "PETA.mat")["peta"][0, 0]
    names = [str(entry[0][0]) for entry in record["attribute"]]
    return {
        f"peta/{int(row[0]):05d}": dict(zip(names, row[4:].tolist(), strict=True)) for row in record["data"]
    }


def test_every_mark_says_what_was_drawn(finished: Path, document: dict[str, Any]) -> None:
    truth = drawn_truth(finished)
    marks = 0
    for example in document["examples"]:
        for hit in example["hits"]:
            drawn = truth[hit["person"]]
            for mark in hit["marks"]:
                assert mark["right"] == (drawn[mark["attribute"]] == int(mark["wanted"]))
                marks += 1
            decided = [mark["right"] for mark in hit["marks"] if mark["certainty"] == 1]
            assert hit["right"] == all(decided)
    assert marks > 35


def test_matches_and_their_ranks_are_those_of_the_whole_test_part(
    finished: Path, document: dict[str, Any]
) -> None:
    for example in document["examples"]:
        assert len(example["right_ranks"]) == example["matches"] >= 1
        assert example["pictures"] == document["data"]["test_pictures"]
        shown = [hit["rank"] for hit in example["hits"] if hit["right"]]
        assert shown == [rank for rank in example["right_ranks"] if rank <= len(example["hits"])]
        precisions = [(found + 1) / rank for found, rank in enumerate(example["right_ranks"])]
        assert example["average_precision"] == pytest.approx(100 * sum(precisions) / len(precisions))


def test_probabilities_are_those_the_model_gives(finished: Path, document: dict[str, Any]) -> None:
    retriever = Retriever.from_pretrained(finished / "runs" / "multi-task")
    hit = document["examples"][0]["hits"][0]
    number = hit["person"].removeprefix("peta/")
    seen = retriever.describe(finished / "people" / "PETA" / "images" / f"{number}.png")
    assert len(hit["marks"]) == len(load_vocabulary("peta35"))
    for mark in hit["marks"]:
        asked = seen[mark["attribute"]] if mark["wanted"] else 1 - seen[mark["attribute"]]
        assert mark["probability"] == pytest.approx(asked, abs=2e-3)


def test_the_gallery_is_calibrated_on_people_drawn_for_it(finished: Path, document: dict[str, Any]) -> None:
    """By the model that filled it; expected matches are the sum of P(match) over the whole gallery."""
    retriever = Retriever.from_pretrained(finished / "runs" / "multi-task")
    gallery = Gallery.open(finished / "gallery")
    assert gallery.query_side.calibration is not None
    assert gallery.query_side.calibration.model == retriever.fingerprint
    assert document["calibration"]["people"] == SETTINGS.calibration_drawing().images == 48
    for example in document["examples"]:
        terms = [
            Term(tuple(map(gallery.schema.index_of, term["attributes"])), term["wanted"], term["certainty"])
            for term in example["query"]
        ]
        query = AttributeQuery(gallery.schema, tuple(terms))
        found = search(gallery, query, top=len(gallery))
        total = sum(hit.match_probability for hit in found.hits)
        assert example["expected_matches"] == pytest.approx(total, rel=1e-3, abs=1e-4)
        shown = [hit["match_probability"] for hit in example["hits"]]
        assert shown == pytest.approx([hit.match_probability for hit in found.hits[: len(shown)]], rel=1e-4)
        assert all(0 <= probability <= 1 for probability in shown)


def test_people_of_the_calibration_are_in_no_other_part(finished: Path) -> None:
    """Their pictures are none of those that were learnt from or searched."""

    def pictures(folder: str) -> set[bytes]:
        return {path.read_bytes() for path in (finished / folder / "PETA" / "images").iterdir()}

    assert len(pictures("calibration-people")) == 48
    assert not pictures("calibration-people") & pictures("people")


def test_the_page_says_how_probable_a_match_is(page: Page, document: dict[str, Any]) -> None:
    """Of every hit shown, and how many are expected."""
    for example in document["examples"]:
        assert f"{example['expected_matches']:.1f} were expected to" in page.text
        for hit in example["hits"]:
            assert f"P(match) {hit['match_probability']:.2f}" in page.text
    assert "48 pictures of other drawn people" in page.text


def test_the_page_shows_the_comparison(page: Page, document: dict[str, Any]) -> None:
    rows = document["comparison"]["rows"]
    assert rows[0]["distance"] == "random"
    assert [row["label"] for row in rows[-1:]] == ["multi-task, fused"]
    for row in rows:
        numbers = " ".join(f"{row[name]:.1f}" for name in ("map", "rank1", "rank5", "minp", "madm"))
        assert f"{row['label']} {numbers}" in page.text


def test_the_page_says_what_was_found_and_that_nobody_is_real(page: Page, document: dict[str, Any]) -> None:
    assert document["verdict"]["sentence"] in page.text
    assert document["note"] == "Drawn people: says nothing about real ones."
    assert document["note"] in page.text
    scores = {(row["model"], row["distance"]): row["map"] for row in document["comparison"]["rows"]}
    fused = scores["multi-task", "fused"]
    ahead = fused > scores["attributes", "attributes"] and fused > scores["embedding", "embedding"]
    assert document["verdict"]["ahead_of_both_baselines"] == ahead
    assert ("is ahead of both baselines" in page.text) == ahead


def test_the_page_tells_counts_seed_and_steps(page: Page, document: dict[str, Any]) -> None:
    data = document["data"]
    assert data["train_pictures"] + data["test_pictures"] == data["pictures"] <= SETTINGS.images
    assert f"{data['train_pictures']} / {data['test_pictures']}" in page.text
    assert f"{SETTINGS.seed} seed" in page.text
    names = [step["name"] for step in document["steps"]]
    assert len(names) == 10
    for name in names:
        assert name in page.text


def test_the_tiles_show_the_hits_with_their_marks(page: Page, document: dict[str, Any]) -> None:
    hits = [(example, hit) for example in document["examples"] for hit in example["hits"]]
    assert [tile["right"] for tile in page.tiles] == [hit["right"] for _, hit in hits]
    for tile, (example, hit) in zip(page.tiles, hits, strict=True):
        shown = [m for m in hit["marks"] if not example["full"] or m["wanted"] or not m["right"]]
        assert [chip["right"] for chip in tile["chips"]] == [mark["right"] for mark in shown]
        for chip, mark in zip(tile["chips"], shown, strict=True):
            assert mark["label"] in chip["text"]
            assert f"{mark['probability']:.2f}" in chip["text"]
            asked = chip["text"].split(maxsplit=1)[1]
            assert asked.startswith(mark["label"]) == mark["wanted"]


def test_the_page_stands_alone(page: Page) -> None:
    assert page.scripts == 0
    outside = [link for link in page.links if not link.startswith(("data:", "#"))]
    assert outside == []
    assert not re.search(r"url\((?!#)", page.source)
    assert "@import" not in page.source


def test_the_page_draws_learning_curves(page: Page) -> None:
    assert "attribute recognition loss" in page.text
    assert "alignment loss" in page.text


def test_every_model_saw_the_same_pictures_as_often(document: dict[str, Any]) -> None:
    assert len({facts["pictures_seen"] for facts in document["models"].values()}) == 1


def test_every_protocol_was_evaluated(document: dict[str, Any]) -> None:
    for facts in document["models"].values():
        assert set(facts["metrics"]["retrieval"]) == {
            "unique",
            "categories",
            "representative_removed",
            "per_image",
        }


def test_a_finished_demonstration_is_read_not_repeated(finished: Path, document: dict[str, Any]) -> None:
    before = {path: path.stat().st_mtime_ns for path in sorted(finished.rglob("*"))}
    assert run_demonstration(SETTINGS, finished) == document
    assert {path: path.stat().st_mtime_ns for path in sorted(finished.rglob("*"))} == before


@pytest.mark.filterwarnings("ignore:The dirpath has changed")  # the folder is a copy of the finished one
def test_a_stopped_demonstration_goes_on_with_what_it_has(
    finished: Path, document: dict[str, Any], tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(finished, copy)
    for name in ("demo.json", "report.html"):
        (copy / name).unlink()
    # the last training was killed: its step is not finished, but its checkpoint is there
    shutil.rmtree(copy / "gallery")
    (copy / "runs" / "multi-task" / "model.safetensors").unlink()
    state = json.loads((copy / "state.json").read_text())
    names = [step["name"] for step in state["steps"]]
    for step in state["steps"][names.index("train: multi-task") :]:
        step["done"] = False
    (copy / "state.json").write_text(json.dumps(state))
    kept = [*sorted((copy / "people").rglob("*.png")), copy / "runs" / "attributes" / "model.safetensors"]
    before = {path: path.stat().st_mtime_ns for path in kept}
    again = run_demonstration(SETTINGS, copy)
    assert {path: path.stat().st_mtime_ns for path in kept} == before
    assert again["comparison"] == document["comparison"]
    assert [example["right_ranks"] for example in again["examples"]] == [
        example["right_ranks"] for example in document["examples"]
    ]
    stopped = {step["name"]: step["stopped"] for step in again["steps"]}
    assert stopped["train: multi-task"] == 1
    assert stopped["draw people"] == 0
    assert "stopped 1 time and continued" in Page((copy / "report.html").read_text("utf-8")).text


def test_a_folder_of_other_settings_is_refused(finished: Path) -> None:
    other = SETTINGS.model_copy(update={"seed": 1})
    with pytest.raises(ConfigurationError, match=r"seed \(0 there, 1 here\)"):
        run_demonstration(other, finished)
