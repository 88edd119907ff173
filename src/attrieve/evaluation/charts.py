"""How charts of measurements look: one style, and SVG that is the same text for the same numbers."""

from io import StringIO
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

INK, QUIET, FAINT, RULE = "#1c1f23", "#6b7280", "#e5e7eb", "#d1d5db"
"""Of text, of what stands back, of grids, of frames."""

TEAL, AMBER, VIOLET = "#0f766e", "#b45309", "#6d28d9"
"""Of data; dark enough to be read on white, and told apart without red and green."""


def chart_style() -> Any:
    """Return a context in which figures are drawn and written."""
    return mpl.rc_context(
        {
            "svg.fonttype": "none",
            "svg.hashsalt": "attrieve",
            "font.family": "sans-serif",
            "axes.edgecolor": RULE,
            "axes.labelcolor": QUIET,
            "axes.titlelocation": "left",
            "axes.titlesize": 10,
            "axes.labelsize": 9,
            "text.color": INK,
            "ytick.labelcolor": INK,
            "xtick.labelcolor": QUIET,
            "legend.frameon": False,
            "legend.fontsize": 8.5,
        }
    )


def clear_frame(axes: Any, *, grid: str, sides: tuple[str, ...] = ("bottom",)) -> None:
    """Leave of the frame only some sides, and draw a faint grid along one axis (``x`` or ``y``)."""
    axes.grid(axis=grid, color=FAINT, linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right", "bottom", "left"):
        axes.spines[side].set_visible(side in sides)
    axes.tick_params(labelsize=8.5, color=RULE)


def svg(figure: Figure) -> str:
    """Return a figure as SVG text without date or program, on white."""
    text = StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None}, facecolor="white")
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"
