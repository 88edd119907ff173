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


GROWING = parse_recipe(
    {
        "model": {"kind": "attributes", "head": "pooled", "height_px": 64, "width_px": 32},
        "training": {"batch": 10, "epochs": 6, "sizes": [[32, 16, 3], [48, 32, 1]]},
    }
)
"""Three epochs at a quarter of the pixels, one at three quarters, two whole."""


def seconds_left(journal: Path, train_images: int) -> float:
    pace = read_pace(journal, GROWING)
    rate = mean_rate([pace] if pace else [])
    assert rate is not None
    return images_left(GROWING, train_images, pace) / rate


def test_smaller_images_count_by_their_pixels(tmp_path: Path) -> None:
    """A machine that sees 2,048,000 pixels a second, so 1000, 4000 or 1333 images: at every line the time
    left is that of the lines to come, where images by images would tell less than half of it at first."""
    train_images, lines, costs = 4000, [], []
    for epoch, share in enumerate([1 / 4, 1 / 4, 1 / 4, 3 / 4, 1, 1]):
        for half in (1, 2):
            rate = 1000 / share
            lines.append(f"{epoch},{(2 * epoch + half) * 200},1,{rate},2")
            costs.append(2000 / rate)
    for known in range(1, len(lines) + 1):
        (tmp_path / "journal.csv").write_text(HEADING + "\n".join(lines[:known]) + "\n", "utf-8")
        assert seconds_left(tmp_path, train_images) == pytest.approx(sum(costs[known:]), abs=1e-6)
    assert images_left(GROWING, train_images, None) == pytest.approx(3000 + 3000 + 8000)


def test_images_per_second_are_those_that_were_seen(tmp_path: Path) -> None:
    """200 small ones in 1 s are 200 a second, and the work of 50."""
    (tmp_path / "journal.csv").write_text(HEADING + "0,20,1,200.0,2\n", "utf-8")
    pace = read_pace(tmp_path, GROWING)
    assert pace is not None
    assert (pace.images_per_second, pace.whole_images) == (200.0, 50.0)
    assert mean_rate([pace]) == 50.0
