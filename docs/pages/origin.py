"""Where the numbers of the page come from: data, networks, machine, what was lost, what it cost."""

from collections import Counter
from typing import Any

from pages import rows
from pages.intervals import estimate
from pages.markdown import table
from pages.records import Record, Results, cost_of, is_done, start_of


def data_sentence(results: Results, split: str) -> str:
    """Return which part of PETA a split is, with its counts."""
    counts = _distinct(
        f"{record['data']['train_images']:,} training and {record['data']['test_images']:,} test images"
        for name, _, _, record in results.everything
        if name == split and is_done(record)
    )
    return f"real PETA, split `{split}`: {' or '.join(counts) or 'not run'}"


def origin_section(results: Results) -> str:
    """Return what was run on what, plainly."""
    records = [record for *_, record in results.everything]
    machines = _distinct(_machine(record["machine"]) for record in records if "machine" in record)
    commits = _distinct(str(record["commit"])[:10] for record in records if record.get("commit"))
    seeds = sorted({seed for _, _, seed, _ in results.everything})
    lines = [
        "### What was run\n",
        f"* Data: {'; '.join(data_sentence(results, split) for split in results.splits)}.",
        f"* Seeds: {', '.join(map(str, seeds))}.",
        f"* Machine: {'; '.join(machines)}. Code at {', '.join(commits)}.",
        *_plain_words(results),
        "",
        _runs_table(results),
    ]
    return "\n".join(lines)


def _plain_words(results: Results) -> list[str]:
    if results.budget is rows.FULL:
        return []
    first, second = results.budget.backbones
    said = []
    for name in (first, second):
        starts = _distinct(start_of(record) for record in _told(results, f"{rows.PAR.stem}-{name}"))
        said.append(f"{rows.BACKBONES[name]} {' or '.join(starts) or '(not run)'}")
    return [
        f"* These are not the paper's networks: {' and '.join(said)}, on images of 128x64 pixels, stand for "
        "ResNet-50 and PVTv2-b2 from ImageNet on larger images. Compare differences between rows with the "
        "paper's; the levels cannot be compared."
    ]


def _runs_table(results: Results) -> str:
    lines = []
    names = [row.name for row in rows.all_rows(results.budget)] + results.extra_rows
    for name in names:
        known = _told(results, name)
        counts = [str(len(results.seeds(split, name))) for split in results.splits]
        if not known:
            lines.append([f"`{name}`", "", "", "", *counts])
            continue
        starts = _distinct(start_of(record) for record in known)
        epochs = _distinct(_epochs(record) for record in known)
        lines.append([f"`{name}`", image_size(known), ", ".join(starts), ", ".join(epochs), *counts])
    heading = ["row", "image", "start", "epochs", *(f"seeds, split `{split}`" for split in results.splits)]
    return table(heading, lines)


def image_size(records: list[Record]) -> str:
    """Return the input size of some runs, height by width; several with commas."""
    models = [record["recipe"]["model"] for record in records]
    return ", ".join(_distinct(f"{model['height_px']}x{model['width_px']}" for model in models))


def _told(results: Results, name: str) -> list[Record]:
    """Return the records of a row that say how it was trained: finished ones if there are any."""
    known = [record for _, row, _, record in results.everything if row == name and "recipe" in record]
    return [record for record in known if is_done(record)] or known


def lost_section(results: Results) -> str:
    """Return every seed that came to no result, with the reason; none is dropped silently."""
    lost = [
        [f"`{row}`", f"`{split}`", str(seed), record.get("status", ""), _one_line(record.get("reason", ""))]
        for split in results.splits
        for row in results.records.get(split, {})
        for seed, record in results.lost(split, row).items()
    ]
    text = "### Seeds without a result\n\n"
    if not lost:
        return text + "None: every run that was recorded came to a result.\n"
    return text + table(["row", "split", "seed", "status", "reason"], lost)


def cost_section(results: Results) -> str:
    """Return how long each row trained."""
    lines = []
    for name in [row.name for row in rows.all_rows(results.budget)] + results.extra_rows:
        runs = {
            number: cost_of(record)
            for number, (_, row, _, record) in enumerate(results.everything)
            if row == name
        }
        seconds = estimate({key: cost[0] / 60 for key, cost in runs.items() if cost[0]})
        rate = estimate({key: cost[1] for key, cost in runs.items() if cost[1]})
        if seconds is not None or rate is not None:
            lines.append(
                [f"`{name}`", *("" if one is None else f"{one.mean:,.0f}" for one in (seconds, rate))]
            )
    if not lines:
        return "### Cost\n\n*Not recorded.*\n"
    return "### Cost\n\nOne seed, on the mean.\n\n" + table(["row", "minutes", "images/s"], lines)


def _epochs(record: Record) -> str:
    own = str(record["recipe"]["training"]["epochs"])
    first = record.get("first_stage")
    return f"{first['training']['epochs']} + {own}" if first else own


def _machine(facts: dict[str, Any]) -> str:
    device = facts.get("accelerator") or f"{facts['cores']} cores, no GPU"
    return f"{facts['processor']}, {device}, torch {facts['torch']}"


def _distinct(values: Any) -> list[str]:
    """Return the different values, most frequent first."""
    return [value for value, _ in sorted(Counter(values).items(), key=lambda item: (-item[1], item[0]))]


def _one_line(text: str) -> str:
    return " ".join(str(text).split()).replace("|", "/")
