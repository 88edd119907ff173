"""``attrieve data draw``: files, output and exit codes."""

import json

import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from attrieve.cli.draw import draw, read_size
from attrieve.errors import ConfigurationError

SMALL = ("--images", "6", "--size", "32x16", "--workers", "1")


def run(*arguments):
    app = typer.Typer()
    app.command()(draw)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_draws_a_folder_and_says_so_in_json(tmp_path):
    result = run(tmp_path, *SMALL, "--format", "jpg", "--sheet", tmp_path / "sheet.png", "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["images"] == len(list((tmp_path / "PETA" / "images").glob("*.jpg"))) == 6
    assert (report["height_px"], report["width_px"]) == (32, 16)
    assert 1 <= report["persons"] <= 6
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 6 * 16


def test_says_what_was_drawn(tmp_path):
    result = run(tmp_path, *SMALL)
    assert result.exit_code == 0
    assert result.stdout.startswith("6 pictures of ")
    assert (tmp_path / "PETA" / "PETA.mat").is_file()


def test_same_seed_same_files(tmp_path):
    for name, seed in (("one", 3), ("again", 3), ("other", 4)):
        run(tmp_path / name, *SMALL, "--seed", seed)
    one, again, other = (
        (tmp_path / name / "PETA/images/00002.png").read_bytes() for name in ("one", "again", "other")
    )
    assert one == again != other


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--size", "large"), "256x128"),
        (("--format", "gif"), "png or jpg"),
        (("--difficulty", "2"), "difficulty"),
        (("--images", "0"), "images"),
    ],
)
def test_mistakes_exit_with_one_and_a_reason(tmp_path, arguments, message):
    result = run(tmp_path, *SMALL, *arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stdout == ""
    assert not (tmp_path / "PETA").exists()


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    precious = tmp_path / "PETA" / "notes.txt"
    precious.parent.mkdir()
    precious.write_text("mine", "utf-8")
    result = run(tmp_path, *SMALL)
    assert result.exit_code == 1
    assert precious.read_text("utf-8") == "mine"


@pytest.mark.parametrize(("text", "size"), [("256x128", (256, 128)), (" 64X32 ", (64, 32))])
def test_sizes_read_height_first(text, size):
    assert read_size(text) == size


@pytest.mark.parametrize("text", ["", "256", "x", "256x", "-1x2", "1.5x2"])
def test_other_sizes_are_refused(text):
    with pytest.raises(ConfigurationError, match="height x width"):
        read_size(text)
