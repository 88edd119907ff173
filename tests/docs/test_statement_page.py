"""Every command of docs/from-statement-to-search.md is run, in the order of the page, on drawn people."""

import functools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import statement
import tomli_w
import torch
from PIL import Image
from typer.testing import CliRunner

from attrieve.cli.main import app
from attrieve.data.label_table import read_label_table
from attrieve.data.peta import read_peta
from attrieve.data.synthetic import DrawnPeopleConfig, write_peta_layout
from attrieve.gallery import calibrating
from attrieve.gallery.ingest import index_images
from attrieve.gallery.store import Gallery
from attrieve.models.retriever import Retriever
from attrieve.schema import load_vocabulary
from attrieve.schema.sentence import read_statement
from attrieve.training.people import load_people
from gallery.decided import decided
from models.tiny import tiny_backbone, tiny_settings

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "from-statement-to-search.md").read_text("utf-8")
SCHEMA = load_vocabulary("peta35")
KEY = re.compile(r"\b[0-9a-f]{16}\b")


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder as `attrieve demo` leaves it, with a model that learnt nothing and few people."""
    with tiny_backbone():
        people = tmp_path / "demo" / "people"
        write_peta_layout(people, DrawnPeopleConfig(images=60, seed=3, height_px=64, width_px=32), workers=1)
        persons = read_peta(people).persons.select(SCHEMA)
        sources = [person.image for person in persons.persons[:24]]
        with torch.random.fork_rng():
            torch.manual_seed(0)
            run = Retriever(tiny_settings(head="pooled"), SCHEMA, name="multi-task")
        values = torch.from_numpy(persons.values)
        run.query.remember_training(
            values, torch.ones(len(values), dtype=torch.int64), values.float().mean(dim=0)
        )
        decided(run.eval(), sources)
        folder = tmp_path / "demo" / "runs" / "multi-task"
        run.save_pretrained(folder)
        recipe = {
            "name": "small",
            "data": {"test_categories": 10},
            "model": tiny_settings(head="pooled").model_dump(mode="json"),
        }
        (folder / "recipe.toml").write_bytes(tomli_w.dumps(recipe).encode())
        index_images(run, tmp_path / "demo" / "gallery", sources)
        # fewer simulated descriptions than the thousands a calibration is fitted on: the rest is as it is
        few = functools.partial(calibrating.calibrate_run, descriptions=40)
        monkeypatch.setattr(calibrating, "calibrate_run", few)
        gallery = str(tmp_path / "demo" / "gallery")
        for words in (
            ["calibrate", str(folder), "--data", str(people), "--part", "test-half"],
            ["gallery", "calibrate", gallery, "--run", str(folder)],
        ):
            done = CliRunner().invoke(app, words)
            assert done.exit_code == 0, done.output
        monkeypatch.chdir(tmp_path)
        yield tmp_path


def test_every_command_shown_works(demo: Path) -> None:
    """Exit code 0 for each; the keys of the page stand for rows of this gallery; what is written is there."""
    here = iter(f"{key:016x}" for key in Gallery.open(demo / "demo" / "gallery").columns.key.tolist())
    stands_for: dict[str, str] = {}
    shown = statement.commands(TEXT)
    assert len(shown) >= 10
    for line in shown:
        for key in KEY.findall(line):
            stands_for.setdefault(key, next(here))
        program, *arguments = shlex.split(KEY.sub(lambda match: stands_for[match[0]], line))
        assert program == "attrieve", line
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, f"{line}\n{result.output}\n{result.exception!r}"
    for picture in statement.PICTURE.findall(TEXT):
        with Image.open(demo / picture) as image:
            assert image.width > 100
        assert (DOCS / "images" / picture).is_file()
    labels = read_label_table(demo / "labels.csv", SCHEMA)
    assert {person.image.path for person in labels.persons} <= set((demo / "demo" / "people").rglob("*.png"))
    assert (labels.values >= 0).any()
    assert (labels.values < 0).any()
    learnt = load_people(labels, 64, 32, workers=1)
    assert len(learnt) == len(labels)
    assert learnt.values.tolist() == labels.values.tolist()


def test_every_option_the_page_is_about_is_shown() -> None:
    """From the statement to the labels."""
    shown = " ".join(statement.commands(TEXT))
    for option in (
        "--witness",
        "--what-if",
        "--ask",
        "--heat-maps",
        "--marks",
        "--right",
        "--wrong",
        "--unmark",
    ):
        assert option in shown
    assert "--like" in shown
    assert "marks export" in shown


def test_the_small_language_says_what_the_sentence_says() -> None:
    """The page claims that both are the same."""
    said = next(line for line in statement.commands(TEXT) if "maybe a jacket" in line)
    claimed = re.search(r"The same can be typed: `([^`]+)`", TEXT)
    assert claimed is not None
    sentence = read_statement(shlex.split(said)[3], SCHEMA).query
    assert set(sentence.terms) == set(read_statement(claimed[1], SCHEMA).query.terms)


def test_what_commands_print_is_put_into_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that the block before printed, in order; blocks of other languages stay."""
    monkeypatch.setattr(statement, "run", lambda line, _: f"ran {line}")
    page = "```\na 1\n```\n```\nb\nc\n```\n```python\nx\n```\n```text\nold\n```\n```\nd\n```\n"
    made = statement.filled(page, tmp_path)
    assert made == page.replace("old", "ran b\n\nran c")
    assert statement.filled(made, tmp_path) == made
    picture = tmp_path / "wide.png"
    Image.new("RGB", (1600, 200), "navy").save(picture)
    statement.small(picture, tmp_path / "small.png")
    with Image.open(tmp_path / "small.png") as image:
        assert image.size == (760, 95)
