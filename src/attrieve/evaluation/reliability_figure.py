"""Reliability diagrams as a picture: what was said and what happened, before and after calibration."""

from typing import Any

import numpy as np
from jaxtyping import Float, Int8
from matplotlib.figure import Figure
from torch import Tensor

from attrieve.evaluation.charts import AMBER, FAINT, INK, QUIET, TEAL, chart_style, clear_frame, svg
from attrieve.scoring.reliability import BINS, Binning, calibration_errors, reliability

LEAST_ANSWERS = 10
"""Bins of fewer answers are left out of the picture: their share says little."""


def reliability_figure(
    before: Float[Tensor, "person attribute"],
    after: Float[Tensor, "person attribute"],
    values: Int8[Tensor, "person attribute"],
    labels: tuple[str, ...],
) -> str:
    """Return an SVG picture: all answers in one diagram, and each attribute's calibration error.

    Args:
        before: probabilities of the model.
        after: calibrated, on people the curves did not see.
        values: 1 yes, 0 no, -1 unknown.
        labels: of the attributes.
    """
    with chart_style():
        figure = Figure(figsize=(9.5, max(4.2, 0.8 + 0.17 * len(labels))), layout="constrained")
        diagram, errors = figure.subplots(1, 2, width_ratios=(1.15, 1))
        diagram.plot([0, 1], [0, 1], color=FAINT, linewidth=1.2, zorder=1)
        for name, probability, colour, mark in (
            ("before", before, AMBER, "s"),
            ("after", after, TEAL, "o"),
        ):
            told = reliability(probability, values, bins=BINS, binning=Binning.WIDTH)
            shown = told.count >= LEAST_ANSWERS
            diagram.plot(
                told.stated[shown],
                told.happened[shown],
                color=colour,
                marker=mark,
                markersize=4,
                linewidth=1.4,
                label=f"{name}: error {told.error:.3f}",
            )
        diagram.set_xlabel("probability stated")
        diagram.set_ylabel("share that was so")
        diagram.set_title("All attributes together")
        diagram.set_xlim(0, 1)
        diagram.set_ylim(0, 1)
        diagram.set_aspect("equal")
        diagram.legend(loc="upper left")
        clear_frame(diagram, grid="both", sides=("bottom", "left"))
        _draw_errors(errors, before, after, values, labels)
        return svg(figure)


def _draw_errors(axes: Any, before: Tensor, after: Tensor, values: Tensor, labels: tuple[str, ...]) -> None:
    first = calibration_errors(before, values).numpy()
    last = calibration_errors(after, values).numpy()
    order = np.argsort(first)
    place = np.arange(len(labels))
    axes.hlines(place, last[order], first[order], color=FAINT, linewidth=2, zorder=1)
    axes.scatter(first[order], place, color=AMBER, marker="s", s=14, zorder=2)
    axes.scatter(last[order], place, color=TEAL, marker="o", s=16, zorder=2)
    axes.set_yticks(place, [labels[index] for index in order])
    axes.set_xlim(left=0)
    axes.set_xlabel("expected calibration error")
    axes.set_title(f"Each attribute; mean {first.mean():.3f} before, {last.mean():.3f} after", color=INK)
    clear_frame(axes, grid="x")
    axes.tick_params(axis="y", labelsize=7, labelcolor=QUIET)
