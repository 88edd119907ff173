"""Rates and times from journals."""

from pathlib import Path

import pytest

from attrieve.reproduction.pace import Pace, images_left, mean_rate, read_pace
from attrieve.training.config import parse_recipe

RECIPE = parse_recipe({"training": {"batch": 8, "accumulate": 2, "epochs": 3}})
HEADING = "epoch,step,rate,images_per_second,loss\n"


def test_time_is_images_by_rate_line_by_line(tmp_path: Path) -> None:
    """10 steps of 16 images at 80 a second take 2 s, 5 more at 40 take 2 s; a cut-off line counts nothing."""
    (tmp_path / "journal.csv").write_text(HEADING + "0,10,1,80.0,2\n1,15,1,40.0,2\n1,2", "utf-8")
    pace = read_pace(tmp_path, RECIPE)
    assert pace == Pace(images=240, seconds=4.0, step=15, epoch=1)
    assert pace is not None
    assert pace.images_per_second == 60.0
    assert images_left(RECIPE, 100, pace) == 60
    assert images_left(RECIPE, 100, None) == 300


@pytest.mark.parametrize("text", [None, "", HEADING, HEADING + "0,10,1,nothing,2\n"])
def test_before_the_first_line_nothing_is_known(text: str | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "journal.csv").write_text(text, "utf-8")
    assert read_pace(tmp_path, RECIPE) is None


def test_a_mean_rate_weighs_runs_by_their_time() -> None:
    """90 images in 3 s and 10 in 1 s are 100 in 4 s."""
    assert mean_rate([Pace(90, 3.0, 1, 0), Pace(10, 1.0, 1, 0)]) == 25.0
    assert mean_rate([]) is None
