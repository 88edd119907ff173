"""Rows the paper does not have: our best combination, its ablations, and trials."""

from pages import rows
from pages.intervals import Estimate, difference, difference_over_queries, estimate
from pages.markdown import bracket, points, table, value
from pages.records import Results, Sample, start_of

AIM_RATIO = 1.3
"""How many times the mAP of our own reproduction of the paper's best row the best recipe should reach."""
AIM_IMAGENET = rows.Scores(30.0, 28.0)
AIM_SCRATCH = 20.0
ABLATION = "ablation-"
BEST = "best"


def best_row(results: Results) -> str | None:
    """Return the row of the best recipe, by name first and by mAP among several."""
    named = [name for name in results.extra_rows if name.startswith(BEST)]
    scored = [(estimate(results.sample("paper", name, "map")), name) for name in named]
    known = [(found.mean, name) for found, name in scored if found is not None]
    return max(known)[1] if known else None


def beyond_section(results: Results) -> str:
    """Return the extra rows against our reproduction of the paper at the same initialisation."""
    extra = [name for name in results.extra_rows if not name.startswith(ABLATION)]
    if not extra:
        return ""
    text = (
        "### Beyond the paper\n\nAgainst our own reproduction of the paper's best row, paired by seed; a row "
        "that starts from other weights than that one is held against the best row of the tables that "
        f"starts like itself. The aims, on the paper's split: {AIM_RATIO} times the mAP with intervals that "
        f"do not touch; from ImageNet mAP {AIM_IMAGENET.map:.0f} and Rank-1 {AIM_IMAGENET.rank1:.0f}; from "
        f"scratch mAP {AIM_SCRATCH:.0f}.\n\n"
    )
    for split in results.splits:
        lines = [_beyond_line(results, split, name) for name in extra if results.seeds(split, name)]
        if lines:
            heading = ["row", "seeds", "mAP", "Rank-1", "against", "mAP gained", "Rank-1 gained"]
            text += f"Split `{split}`:\n\n" + table([*heading, "times the mAP", "aims"], lines) + "\n"
    return text.rstrip("\n") + "\n"


def _beyond_line(results: Results, split: str, name: str) -> list[str]:
    reference = _reference(results, split, name)
    metrics = ("map", "rank1")
    own = {metric: results.sample(split, name, metric) for metric in metrics}
    scores = [value(estimate(own[metric])) for metric in metrics]
    aims = _own_aim(results, split, name)
    cells = ["", "", "", ""]
    if reference is not None:
        other = {metric: results.sample(split, reference, metric) for metric in metrics}
        gains = [points(difference(own[metric], other[metric])) for metric in metrics]
        ratio, reached = _ratio_aim(estimate(own["map"]), estimate(other["map"]))
        cells = [f"`{reference}`", *gains, ratio]
        aims = [reached, *aims] if split == "paper" else aims
    return [f"`{name}`", str(len(own["map"])), *scores, *cells, "; ".join(aims)]


def _reference(results: Results, split: str, name: str) -> str | None:
    """Return the paper's best row if it starts like a row, else the best of the tables that does."""
    start = _start(results, split, name)
    best = rows.row(rows.EVERYTHING, results.budget, 0).name
    if _start(results, split, best) == start:
        return best
    alike = [row.name for row in rows.all_rows(results.budget) if _start(results, split, row.name) == start]
    scored = [(estimate(results.sample(split, row, "map")), row) for row in alike]
    known = [(found.mean, row) for found, row in scored if found is not None]
    return max(known)[1] if known else None


def _start(results: Results, split: str, name: str) -> str | None:
    starts = {start_of(record) for record in results.seeds(split, name).values()}
    return " and ".join(sorted(starts)) or None


def _ratio_aim(own: Estimate | None, other: Estimate | None) -> tuple[str, str]:
    """Return the ratio of two means, and whether it reaches the aim with intervals apart."""
    if own is None or other is None or other.mean <= 0:
        return "", ""
    ratio = own.mean / other.mean
    said = f"{AIM_RATIO} times"
    if ratio < AIM_RATIO:
        return f"{ratio:.2f}", f"{said}: missed"
    if own.interval is None or other.interval is None:
        return f"{ratio:.2f}", f"{said}: reached by the mean, one seed, no interval"
    apart = own.interval.low > other.interval.high
    return f"{ratio:.2f}", f"{said}: {'reached' if apart else 'reached by the mean, intervals touch'}"


def _own_aim(results: Results, split: str, name: str) -> list[str]:
    """Return whether the mean reaches the aim for where the row starts; nothing on other splits."""
    scores = [estimate(results.sample(split, name, metric)) for metric in ("map", "rank1")]
    reached, rank1 = (0.0 if found is None else found.mean for found in scores)
    start = _start(results, split, name)
    if split != "paper" or start not in ("from scratch", "from ImageNet"):
        return []
    if start == "from scratch":
        return [f"mAP {AIM_SCRATCH:.0f}: {'reached' if reached >= AIM_SCRATCH else 'missed'}"]
    met = reached >= AIM_IMAGENET.map and rank1 >= AIM_IMAGENET.rank1
    said = f"mAP {AIM_IMAGENET.map:.0f} / Rank-1 {AIM_IMAGENET.rank1:.0f}"
    return [f"{said}: {'reached' if met else 'missed'}"]


def ablation_section(results: Results) -> str:
    """Return what each switch of the best recipe is worth: the ablation against the best row."""
    ablations = [name for name in results.extra_rows if name.startswith(ABLATION)]
    best = best_row(results)
    if not ablations:
        return ""
    text = "### Ablations\n\n"
    if best is None:
        text += "The best recipe itself has not been run, so there is nothing to compare with.\n\n"
    else:
        text += (
            f"Each row changes one thing of `{best}`; differences are paired by seed, and in brackets stand "
            "95 % bootstrap intervals over the queries, seeds averaged. All were run once the recipe was "
            "fixed; nothing was chosen by them.\n\n"
        )
    for split in results.splits:
        lines = []
        for name in ablations:
            own = {metric: results.sample(split, name, metric) for metric in ("map", "rank1")}
            if own["map"]:
                lines.append(_ablation_line(results, split, name, own, best))
        if lines:
            heading = ["row", "seeds", "mAP", "Rank-1", "mAP to the best", "Rank-1 to the best"]
            heading += ["mAP to the best, over queries", "what is changed"]
            text += f"Split `{split}`:\n\n" + table(heading, lines) + "\n"
    return text.rstrip("\n") + "\n"


def _ablation_line(
    results: Results, split: str, name: str, own: dict[str, Sample], best: str | None
) -> list[str]:
    scores = [value(estimate(sample)) for sample in own.values()]
    about = {record["recipe"].get("about", "") for record in results.seeds(split, name).values()}
    told = " or ".join(sorted(text.removeprefix(f"{BEST}, but: ") for text in about))
    if best is None:
        return [f"`{name}`", str(len(own["map"])), *scores, "", "", "", told]
    changes = [
        points(difference(sample, results.sample(split, best, metric))) for metric, sample in own.items()
    ]
    over_queries = difference_over_queries(
        results.average_precision(split, name), results.average_precision(split, best)
    )
    return [f"`{name}`", str(len(own["map"])), *scores, *changes, bracket(over_queries), told]
