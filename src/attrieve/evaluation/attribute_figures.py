"""Figures of attribute significance, drawn from the document of a result record."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from attrieve.evaluation.charts import AMBER, INK, QUIET, TEAL, chart_style, clear_frame, svg

Document = Mapping[str, Any]
_EFFECTS = {"helps": TEAL, "hurts": AMBER, "undecided": "#9ca3af"}


def significance_figures(document: Document) -> dict[str, str]:
    """Return the figures of a document by file name, as SVG: one per question that was answered.

    Args:
        document: as ``attrieve significance --json`` prints it.
    """
    figures = {
        "attribute-left-out.svg": left_out_figure(document["leave_one_out"]),
        "attribute-named.svg": named_figure(document["named"]),
    }
    if document.get("ceiling"):
        figures["attribute-ceiling.svg"] = ceiling_figure(document["truth"], document["ceiling"])
    return figures


def left_out_figure(effects: Sequence[Document]) -> str:
    """Draw the change in mAP when each attribute is left out, what helps most on top."""
    ordered = sorted(effects, key=lambda one: one["change"]["mean"])
    with chart_style():
        figure = Figure(figsize=(7.2, 0.21 * len(ordered) + 1.2), layout="constrained")
        axes = figure.subplots()
        for verdict, colour in _EFFECTS.items():
            chosen = [(place, one) for place, one in enumerate(ordered) if one["verdict"] == verdict]
            _effects(axes, chosen, "change", colour, verdict)
        axes.axvline(0, color=QUIET, linewidth=0.9)
        _name_rows(axes, ordered)
        axes.set_xlabel("change in mAP when left out, points; 95 % interval over queries")
        axes.legend(loc="upper right")
        return svg(figure)


def named_figure(curves: Document) -> str:
    """Draw mAP and Rank-1 over the number of named attributes, for both ideas of who is right."""
    lines = (
        ("agreeing", "right: agrees on the named attributes", TEAL, "o"),
        ("exact", "right: agrees on all attributes", AMBER, "s"),
    )
    with chart_style():
        figure = Figure(figsize=(8.6, 3.5), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        for axes, metric, title in zip(panels, ("map", "rank1"), ("mAP in %", "Rank-1 in %"), strict=True):
            for key, label, colour, marker in lines:
                _curve(axes, curves[key], metric, label, colour, marker)
            _count_axis(axes, [point["named"] for point in curves["exact"]])
            axes.set_title(title)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2)
        return svg(figure)


def ceiling_figure(truth: Sequence[Document], ceiling: Sequence[Document]) -> str:
    """Draw what the truth of one attribute is worth, and what more and more perfect ones reach."""
    ordered = sorted(truth, key=lambda one: -one["change"]["mean"])
    with chart_style():
        figure = Figure(figsize=(10.2, 0.21 * len(ordered) + 1.2), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.05))
        _effects(left, list(enumerate(ordered)), "change", TEAL, None)
        left.axvline(0, color=QUIET, linewidth=0.9)
        _name_rows(left, ordered)
        left.set_title("One attribute perfect")
        left.set_xlabel("gain in mAP, points; 95 % interval over queries")
        _ceiling_line(right, ceiling, "unique", TEAL, "o", start=(5, 4))
        _ceiling_line(right, ceiling, "categories", AMBER, "s", start=(5, -10))
        right.set_title("More and more perfect, the most rewarding first")
        right.set_xlabel("attributes predicted perfectly")
        right.set_ylabel("mAP in %")
        right.set_ylim(0, 104)
        clear_frame(right, grid="y", sides=("bottom", "left"))
        right.legend(loc="lower right", title="protocol", title_fontsize=8.5, alignment="left")
        return svg(figure)


def _effects(
    axes: Any, placed: Sequence[tuple[int, Document]], key: str, colour: str, label: str | None
) -> None:
    if not placed:
        return
    means = [one[key]["mean"] for _, one in placed]
    axes.errorbar(
        means,
        [place for place, _ in placed],
        xerr=[
            [one[key]["mean"] - one[key]["low"] for _, one in placed],
            [one[key]["high"] - one[key]["mean"] for _, one in placed],
        ],
        fmt="o",
        color=colour,
        markersize=4.5,
        elinewidth=1.4,
        label=label,
    )


def _name_rows(axes: Any, ordered: Sequence[Document]) -> None:
    names = [f"{one['attribute']} ({100 * one['share']:.0f} %)" for one in ordered]
    axes.set_yticks(range(len(ordered)), names)
    axes.set_ylim(len(ordered) - 0.4, -0.6)
    clear_frame(axes, grid="x")
    axes.tick_params(axis="y", length=0)


def _curve(axes: Any, points: Sequence[Document], metric: str, label: str, colour: str, marker: str) -> None:
    named = [point["named"] for point in points]
    axes.fill_between(
        named,
        [point[metric]["low"] for point in points],
        [point[metric]["high"] for point in points],
        color=colour,
        alpha=0.16,
        linewidth=0,
    )
    means = [point[metric]["mean"] for point in points]
    axes.plot(named, means, color=colour, marker=marker, markersize=5, linewidth=1.7, label=label)
    if metric == "map":
        chance = [point["chance_map"] for point in points]
        axes.plot(
            named, chance, color=colour, linestyle=(0, (2, 2)), linewidth=1.1, label="the same by chance"
        )


def _count_axis(axes: Any, counts: Sequence[int]) -> None:
    axes.set_xscale("log", base=2)
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.minorticks_off()
    axes.set_ylim(0, 103)
    axes.set_xlabel("named attributes")
    clear_frame(axes, grid="y", sides=("bottom", "left"))


def _ceiling_line(
    axes: Any, ceiling: Sequence[Document], protocol: str, colour: str, marker: str, *, start: tuple[int, int]
) -> None:
    perfect = [point["perfect"] for point in ceiling]
    reached = [point["scores"][protocol]["map"] for point in ceiling]
    axes.plot(perfect, reached, color=colour, marker=marker, markersize=3.5, linewidth=1.6, label=protocol)
    for place, side in ((0, start), (-1, (-3, -13))):
        axes.annotate(
            f"{reached[place]:.1f}",
            (perfect[place], reached[place]),
            xytext=side,
            textcoords="offset points",
            fontsize=8.5,
            color=INK,
            ha="left" if place == 0 else "right",
        )
