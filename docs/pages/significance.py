"""The section on which attributes matter, from the record of ``attrieve significance``."""

import json
from pathlib import Path
from typing import Any

from attrieve.evaluation.attribute_figures import significance_figures
from pages.markdown import signed, table
from pages.rows import BACKBONES

Document = dict[str, Any]
MOST = 5
"""Attributes named in the text at each end."""


def significance_section(path: Path, figures: dict[str, str]) -> str:
    """Return the section made from a record, and add its figures.

    Args:
        path: of the record; a missing one is said to be missing.
        figures: SVG by file name, added to.
    """
    title = "## Attribute significance\n\n"
    if not path.exists():
        return f"{title}**Not run.** `attrieve significance` has left no record yet.\n"
    record: Document = json.loads(path.read_text("utf-8"))
    figures |= significance_figures(record)
    return title + "\n".join([_origin(record), _left_out(record), _named(record), _ceiling(record)])


def _origin(record: Document) -> str:
    backbone = BACKBONES.get(record["backbone"], record["backbone"])
    return (
        f"Model `{record['name']}` ({backbone}), seed {record['seed']}, split `{record['data']['split']}`, "
        f"{record['queries']['unique']} unique queries, ranked by the `{record['distance']}` distance"
        f"{', mirrored images averaged in' if record['flip'] else ''}; code at "
        f"{str(record['commit'])[:10]}. One seed: intervals are over queries (bootstrap, paired).\n"
    )


def _left_out(record: Document) -> str:
    effects = record["leave_one_out"]
    helps = sorted((one for one in effects if one["verdict"] == "helps"), key=_change)
    hurts = sorted((one for one in effects if one["verdict"] == "hurts"), key=_change, reverse=True)
    return (
        "### Which attributes help, which hurt\n\n"
        "Each attribute in turn is left out of every description; who is relevant stays the same. Of "
        f"{len(effects)} attributes, {len(helps)} help beyond their interval{_listed(helps)}, {len(hurts)} "
        f"hurt{_listed(hurts)}, and for {len(effects) - len(helps) - len(hurts)} it is not decided. With "
        f"nothing behind any of them, {0.05 * len(effects):.0f} would be expected to look decided. Beside "
        "each name: the share of test images that have it.\n\n"
        "![Change in mAP when an attribute is left out](figures/attribute-left-out.svg)\n"
    )


def _listed(effects: list[Document]) -> str:
    named = [f"`{one['attribute']}` {signed(_change(one))}" for one in effects[:MOST]]
    if not named:
        return ""
    return f" ({'most: ' if len(effects) > MOST else ''}{', '.join(named)} when left out)"


def _change(effect: Document) -> float:
    return float(effect["change"]["mean"])


def _named(record: Document) -> str:
    lines = []
    for agreeing, exact in zip(record["named"]["agreeing"], record["named"]["exact"], strict=True):
        cells = [_interval(agreeing["map"]), f"{agreeing['chance_map']:.1f}", _interval(agreeing["rank1"])]
        cells += [f"{agreeing['relevant']:.0f}", _interval(exact["map"]), _interval(exact["rank1"])]
        lines.append([str(agreeing["named"]), *cells])
    heading = ["named", "agreeing: mAP", "by chance", "agreeing: Rank-1", "persons that agree"]
    return (
        "### How much a description has to say\n\n"
        f"Descriptions that name some of the attributes, {record['draws']} random choices per query. "
        '"Agreeing": right are all persons that agree on the named attributes, a question that gets harder '
        'with every word, and whose score by chance falls too. "Exact": right are only those that agree on '
        "all attributes, named or not.\n\n"
        "![mAP and Rank-1 over the number of named attributes](figures/attribute-named.svg)\n\n"
        + table([*heading, "exact: mAP", "exact: Rank-1"], lines)
    )


def _interval(found: Document) -> str:
    return f"{found['mean']:.1f} [{found['low']:.1f}, {found['high']:.1f}]"


def _ceiling(record: Document) -> str:
    if not record.get("ceiling"):
        return ""
    first, last = record["ceiling"][0]["scores"], record["ceiling"][-1]["scores"]
    best = max(record["truth"], key=_change)
    middle = (first["unique"]["map"] + last["unique"]["map"]) / 2
    half = next(point for point in record["ceiling"] if point["scores"]["unique"]["map"] >= middle)
    others = ", ".join(
        f"{score['map']:.1f} under `{protocol}`" for protocol, score in last.items() if protocol != "unique"
    )
    return (
        "### What a perfect classifier would reach\n\n"
        f"The model as it is reaches mAP {first['unique']['map']:.1f}. Told the truth of one attribute, it "
        f"gains most by `{best['attribute']}` ({signed(_change(best))}); half of the way to the ceiling "
        f"takes {half['perfect']} perfect attributes, chosen by what each gains alone. With all "
        f"{record['ceiling'][-1]['perfect']} perfect it reaches {last['unique']['map']:.1f}, but {others}, "
        "where relevance asks for more than these attributes tell.\n\n"
        "![Gain by perfect attributes, one and many](figures/attribute-ceiling.svg)\n"
    )
