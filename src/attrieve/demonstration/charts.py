"""Pictures of numbers for the report, as SVG that stands inside a page."""

import re
from collections.abc import Mapping
from io import StringIO
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from attrieve.demonstration.journals import Curve, smoothed
from attrieve.demonstration.recipes import ATTRIBUTES, EMBEDDING, MULTI_TASK

COLOURS = {ATTRIBUTES: "#b45309", EMBEDDING: "#6d28d9", MULTI_TASK: "#0f766e"}
"""Of each model, the same wherever it appears; dark enough to be read on white."""

DASHES = {ATTRIBUTES: (0, (5, 1.5)), EMBEDDING: (0, (2, 1.2)), MULTI_TASK: "solid"}
"""Lines differ in kind as well as in colour."""

PANELS = (("par", "attribute recognition loss"), ("ma", "alignment loss"), ("asmr", "semantic margin loss"))
_INK, _QUIET = "#1c1f23", "#6b7280"


def learning_curves(curves: Mapping[str, Mapping[str, Curve]]) -> str | None:
    """Draw each loss part over the epochs, models together; None if no journal has a line.

    Args:
        curves: by model, then by journal column.
    """
    panels = [(column, title) for column, title in PANELS if any(column in own for own in curves.values())]
    if not panels:
        return None
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "attrieve", "font.family": "sans-serif"}):
        figure = Figure(figsize=(3.35 * len(panels), 2.55), layout="constrained")
        for axes, (column, title) in zip(
            figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
        ):
            for model, own in curves.items():
                if column in own:
                    _line(axes, model, own[column])
            _finish(axes, title)
        return _svg(figure)


def _line(axes: Any, model: str, curve: Curve) -> None:
    colour = COLOURS[model]
    axes.plot(curve.epochs, curve.values, color=colour, alpha=0.22, linewidth=0.8)
    axes.plot(
        curve.epochs,
        smoothed(curve.values),
        color=colour,
        linestyle=DASHES[model],
        linewidth=1.7,
        label=model,
    )


def _finish(axes: Any, title: str) -> None:
    axes.set_title(title, fontsize=9.5, color=_INK, loc="left")
    axes.set_xlabel("epochs", fontsize=8.5, color=_QUIET)
    axes.tick_params(labelsize=8, colors=_QUIET)
    axes.grid(axis="y", color="#e5e7eb", linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color("#d1d5db")
    axes.legend(fontsize=8, frameon=False, labelcolor=_INK)


def _svg(figure: Figure) -> str:
    text = StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]  # without the XML declaration, to stand inside HTML
    return re.sub(r'(<svg [^>]*?)width="[^"]*" height="[^"]*"', r"\1", svg, count=1)
