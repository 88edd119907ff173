"""Learning curves are what the journal says."""

from pathlib import Path

import pytest

from attrieve.demonstration.charts import learning_curves
from attrieve.demonstration.journals import Curve, read_curves, smoothed


def test_columns_over_epochs(tmp_path: Path) -> None:
    path = tmp_path / "journal.csv"
    path.write_text("epoch,step,rate,par\n0,10,0.1,30.5\n1,30,0.2,20.25\n")
    curves = read_curves(path, steps_per_epoch=20)
    assert set(curves) == {"rate", "par"}
    assert curves["par"] == Curve((0.5, 1.5), (30.5, 20.25))


def test_a_run_too_short_for_a_line_has_no_curves(tmp_path: Path) -> None:
    assert read_curves(tmp_path / "journal.csv", steps_per_epoch=1) == {}
    (tmp_path / "journal.csv").write_text("epoch,step,par\n")
    assert read_curves(tmp_path / "journal.csv", steps_per_epoch=1) == {}
    assert learning_curves({"multi-task": {}}) is None


def test_smoothing_is_a_mean_of_what_came_before() -> None:
    values = (4.0, 8.0, 0.0, 2.0)
    by_hand = [sum(values[max(0, i - 2) : i + 1]) / len(values[max(0, i - 2) : i + 1]) for i in range(4)]
    assert smoothed(values, window=3) == pytest.approx(by_hand)


def test_the_chart_names_its_panels_and_models_and_is_the_same_every_time() -> None:
    curve = Curve((0.5, 1.0, 1.5), (3.0, 2.0, 1.0))
    curves = {"attributes": {"par": curve}, "multi-task": {"par": curve, "ma": curve}}
    chart = learning_curves(curves)
    assert chart is not None
    assert chart.startswith("<svg")
    assert "attribute recognition loss" in chart
    assert "alignment loss" in chart
    assert "semantic margin" not in chart
    assert chart == learning_curves(curves)
