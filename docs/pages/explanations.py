"""Tables on explanations: what heat maps point at, and what they cost."""

from typing import Any

from pages.markdown import table

NOTHING = "*No result has been recorded yet.*\n"


def pointing_game(records: list[dict[str, Any]]) -> str:
    """Return hits and energy of every method and baseline."""
    text = ""
    for record in records:
        height, width = (record["drawing"][side] for side in ("height_px", "width_px"))
        rows = [
            _row(words, record[name])
            for name, words in (
                ("anywhere", "a point anywhere"),
                ("centre", "middle of the image"),
                ("mean_region", "mean region of the attribute"),
            )
        ]
        for run in record["runs"]:
            name, grid = run["run"], f"{run['grid'][0]}x{run['grid'][1]}"
            rows.append(_row(f"{name}: mean region, at {grid}", run["mean_region_at_grid"]))
            for method, scores in run["methods"].items():
                rows.append(_row(f"{name}: {method.replace('_', ' ')}", scores))
            rows.append(_row(f"{name}: true region, at {grid}", run["true_region_at_grid"]))
            known = run["recognised"]
            for method, scores in known["methods"].items():
                if scores:
                    rows.append(_row(f"{name}, recognised: {method.replace('_', ' ')}", scores))
            if known["mean_region_at_grid"]:
                rows.append(_row(f"{name}, recognised: mean region", known["mean_region_at_grid"]))
        heading = ["map", "hits, %", "above the mean region", "energy inside, %", "above the mean region"]
        text += table(heading, rows)
        text += (
            f"\n`{record['command']}`: {record['drawing']['images']} drawn people of {height}x{width}, seed "
            f"{record['drawing']['seed']}, difficulty {record['drawing']['difficulty']:g}; "
            f"{len(record['names'])} attributes with a place; tolerance {record['tolerance_px']:g} pixels; "
            f"mean regions from {record['prior_images']} others. Means over attributes, 95 % bootstrap over "
            f"images. {record['machine']['processor']}, code at {str(record['machine']['commit'])[:10]}.\n"
        )
    return text or NOTHING


def pointing_game_attributes(records: list[dict[str, Any]]) -> str:
    """Return, attribute by attribute, the hits of the default maps beside the mean region."""
    text = ""
    for record in records:
        heading = ["attribute", "seen"]
        columns: list[list[dict[str, float]]] = []
        for run in record["runs"]:
            heading += [f"{run['run']}: {run['default'].replace('_', ' ')}", "mean region"]
            columns += [run["attributes"][run["default"]], run["attributes"]["mean_region_at_grid"]]
        rows = [
            [name, f"{seen:,}", *(f"{100 * column[place]['hit']:.0f}" for column in columns)]
            for place, (name, seen) in enumerate(zip(record["names"], record["seen"], strict=True))
        ]
        text += table(heading, rows)
    return text or NOTHING


def explanation_cost(records: list[dict[str, Any]]) -> str:
    """Return seconds for 20 hits, and the ratio to the bare forward pass."""
    text = ""
    for record in records:
        rows = [
            [
                f"{row['backbone']}, {row['height_px']}x{row['width_px']}, {row['head']} head",
                f"{row['forward']['median_s']:.2f} s",
                f"{row['explain']['median_s']:.2f} s",
                f"{row['aim_s']:g} s",
                f"{row['cpu_to_forward']['explain']:.2f}",
                f"{row['sheet']['median_s']:.2f} s",
            ]
            for row in record["models"]
        ]
        heading = [
            "model",
            "forward pass",
            "explain",
            "aim, at most",
            "processor time, ratio",
            "draw the sheet",
        ]
        text += table(heading, rows)
        machine = record["machine"]
        text += (
            f"\n`{record['command']}`: {record['hits']} hits, {record['attributes']} attributes asked, "
            f"medians, {record['threads']} threads; {machine['processor']}, {machine['cores']} cores, load "
            f"{machine['load_average']}, code at {str(machine['commit'])[:10]}.\n"
        )
    return text or NOTHING


def _row(name: str, scores: dict[str, Any]) -> list[str]:
    cells = [name]
    for score in ("hit", "energy"):
        cells.append(_interval(scores[score], sign=False))
        above = scores.get(f"{score}_above_mean_region")
        cells.append("" if above is None else _interval(above, sign=True))
    return cells


def _interval(found: dict[str, float], *, sign: bool) -> str:
    mean, low, high = (100 * found[key] for key in ("mean", "low", "high"))
    return f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]" if sign else f"{mean:.1f} [{low:.1f}, {high:.1f}]"
