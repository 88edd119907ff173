"""Charts of the page as SVG: the same text for the same numbers, whenever drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from attrieve.evaluation.charts import AMBER, TEAL, VIOLET, chart_style, clear_frame, svg
from pages.intervals import estimate
from pages.records import SPLITS, Results
from pages.rows import BACKBONES, BUDGETS, Row, table_4_2, table_4_3

COLOURS = {"paper": TEAL, "sal": AMBER}
MARKERS = {"paper": "o", "sal": "s"}


@dataclass(frozen=True)
class _Line:
    """A line of the chart: where it stands, and whose it is."""

    height: float
    row: Row


def rows_chart(results: Results) -> str:
    """Draw mAP and Rank-1 of every row with intervals over seeds, beside the paper's values."""
    lines, gaps = _lines(results)
    with chart_style():
        figure = Figure(
            figsize=(9.6, 0.36 * -lines[-1].height + 1.5), layout="constrained", facecolor="white"
        )
        panels = figure.subplots(1, 2, sharey=True)
        for axes, metric, title in zip(
            panels,
            ("map", "rank1"),
            ("mAP in %, mean and 95 % interval over seeds", "Rank-1 in %"),
            strict=True,
        ):
            _panel(axes, results, lines, metric)
            axes.set_title(title, fontsize=10, loc="left")
            for gap in gaps:
                axes.axhline(gap, color="#9ca3af", linewidth=0.7, linestyle=(0, (4, 3)))
        panels[0].set_yticks([line.height for line in lines], [line.row.label for line in lines], fontsize=9)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8.5, frameon=False)
        return svg(figure)


def _lines(results: Results) -> tuple[list[_Line], list[float]]:
    """Return the rows from top to bottom, and where a rule parts them."""
    first, second = table_4_2(results.budget)
    groups: Sequence[Sequence[Row]] = [first, second, table_4_3(results.budget)]
    lines, gaps, height = [], [], 0.0
    for group in groups:
        for row in group:
            height -= 1.0
            lines.append(_Line(height, row))
        gaps.append(height - 0.75)
        height -= 0.5
    return lines, gaps[:-1]


def _panel(axes: Any, results: Results, lines: list[_Line], metric: str) -> None:
    for number, split in enumerate(SPLITS):
        _dots(axes, results, lines, metric, split, shift=0.17 - 0.34 * number)
    said = [(getattr(line.row.paper, metric), line.height) for line in lines if line.row.paper]
    axes.scatter(
        *zip(*said, strict=True),
        marker="D",
        s=34,
        facecolors="white",
        edgecolors=VIOLET,
        linewidths=1.3,
        zorder=3,
        label=f"the paper ({' and '.join(BACKBONES[name] for name in BUDGETS[0].backbones)})",
    )
    axes.set_xlim(*_reach(results, lines, metric))
    clear_frame(axes, grid="x")
    axes.set_ylim(lines[-1].height - 0.7, -0.3)
    axes.tick_params(axis="y", length=0)


def _reach(results: Results, lines: list[_Line], metric: str) -> tuple[float, float]:
    """Return limits around all values; an interval of two seeds may leave them."""
    values = [getattr(line.row.paper, metric) for line in lines if line.row.paper]
    for split in SPLITS:
        for line in lines:
            values += results.sample(split, line.row.name, metric).values()
    room = max(2.0, 0.25 * (max(values) - min(values)))
    return max(0.0, min(values) - room), max(values) + room


def _dots(axes: Any, results: Results, lines: list[_Line], metric: str, split: str, shift: float) -> None:
    colour, label = COLOURS[split], f"ours, {SPLITS[split]}"
    for line in lines:
        sample = results.sample(split, line.row.name, metric)
        found = estimate(sample)
        if found is None:
            continue
        height = line.height + shift
        values = [sample[seed] for seed in sorted(sample)]
        axes.scatter(values, [height] * len(values), s=7, color=colour, alpha=0.45, linewidths=0, zorder=3)
        axes.errorbar(
            [found.mean],
            [height],
            xerr=None if found.half is None else [found.half],
            fmt=MARKERS[split],
            color=colour,
            markersize=5.5,
            elinewidth=1.5,
            capsize=2.5,
            zorder=4,
            label=label,
        )
        label = "_nolegend_"
