"""Charts of the page of witnesses as SVG."""

from typing import Any

from matplotlib.figure import Figure

from attrieve.evaluation.charts import AMBER, INK, QUIET, TEAL, VIOLET, chart_style, clear_frame, svg
from attrieve.evaluation.testimony_distances import BASELINE, DISTANCES, JOINED, SEARCH_BASELINE
from attrieve.evaluation.testimony_report import FEW

Record = dict[str, Any]

LINES = {
    JOINED: (TEAL, "-"),
    "joint": (TEAL, "--"),
    "likelihood": (VIOLET, "-"),
    BASELINE: (INK, "-"),
    "fused-expected": (AMBER, "-"),
    SEARCH_BASELINE: (AMBER, ":"),
}
"""Distances that are drawn, with colour and stroke."""


def named_chart(record: Record, metric: str, title: str) -> str:
    """Draw a metric over the number of named attributes: both choices, both ideas of who is right."""
    panels = [
        ("uniform", "fulfils", "Any attributes; right: who has all of it"),
        ("remarkable", "fulfils", "Remarkable first; right: who has all of it"),
        ("uniform", "exact", "Any attributes; right: exact description"),
        ("remarkable", "exact", "Remarkable first; right: exact description"),
    ]
    with chart_style():
        figure = Figure(figsize=(9.6, 6.6), layout="constrained")
        for axes, (choice, relevance, name) in zip(figure.subplots(2, 2).flat, panels, strict=True):
            rows = [r for r in record["named"] if r["choice"] == choice and r["relevance"] == relevance]
            _lines(axes, [row["named"] for row in rows], rows, metric)
            axes.set_title(name)
            axes.set_xlabel("named attributes")
            axes.set_ylabel(title)
        _legend(figure)
        return svg(figure)


def trouble_chart(record: Record) -> str:
    """Draw mAP over the share of wrong answers, certain and doubtful."""
    full = record["full"]["named"]
    panels = [
        ("errors", full, "exact", None, f"{full} named, errors unknown"),
        ("errors", FEW, "fulfils", None, f"{FEW} named, errors unknown"),
        ("doubt", full, "exact", "stated", f"{full} named, doubt stated"),
        ("doubt", full, "exact", "ignored", f"{full} named, doubt ignored"),
    ]
    with chart_style():
        figure = Figure(figsize=(10.6, 3.4), layout="constrained")
        for axes, (what, named, relevance, told, name) in zip(figure.subplots(1, 4), panels, strict=True):
            rows = [
                row
                for row in record[what]
                if (row["named"], row["relevance"], row.get("certainty")) == (named, relevance, told)
            ]
            _lines(axes, [100 * row["wrong"] for row in rows], rows, "map")
            axes.set_title(name)
            axes.set_xlabel("wrong answers in %")
        _legend(figure)
        return svg(figure)


def calibration_chart(record: Record) -> str:
    """Draw what was said against what happened, all answers of the test part together."""
    lines = (
        ("none", QUIET, "as the model says it"),
        ("curves", AMBER, "a curve per attribute"),
        ("joint", TEAL, "all attributes jointly"),
    )
    with chart_style():
        figure = Figure(figsize=(4.6, 4.4), layout="constrained")
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=QUIET, linewidth=0.8, linestyle=(0, (2, 2)))
        for name, colour, words in lines:
            diagram = record["calibration"][name]["diagram"]
            axes.plot(
                diagram["stated"], diagram["happened"], color=colour, marker="o", markersize=4, label=words
            )
        axes.set_xlabel("probability stated")
        axes.set_ylabel("share that is yes")
        clear_frame(axes, grid="both", sides=("bottom", "left"))
        axes.legend(loc="upper left")
        return svg(figure)


def _lines(axes: Any, x: list[float], rows: list[Record], metric: str) -> None:
    for name, (colour, stroke) in LINES.items():
        if not rows or name not in rows[0]["distances"]:
            continue
        triples = [row["distances"][name][metric] for row in rows]
        axes.plot(
            x, [t[0] for t in triples], color=colour, linestyle=stroke, linewidth=1.6, label=DISTANCES[name]
        )
        known = [(place, triple) for place, triple in zip(x, triples, strict=True) if len(triple) == 3]
        if name in (BASELINE, JOINED) and known:
            places, lows, highs = zip(*((place, low, high) for place, (_, low, high) in known), strict=True)
            axes.fill_between(places, lows, highs, color=colour, alpha=0.12, linewidth=0)
    axes.set_ylim(bottom=0)
    clear_frame(axes, grid="y", sides=("bottom", "left"))


def _legend(figure: Figure) -> None:
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
