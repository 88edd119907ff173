"""Which aims for descriptions by witnesses were reached, computed from the records."""

from typing import Any

from attrieve.evaluation.testimony_distances import DISTANCES
from attrieve.evaluation.testimony_report import FEW
from pages.markdown import signed, table

Record = dict[str, Any]

GROUP_LIKELIHOODS = ("likelihood", "tempered", "calibrated", "joint", "ranked")
TIMES_EUCLIDEAN = 1.15
TIMES_NAIVE = 1.15
SHARE_OF_ERROR = 1 / 3

EXPLAINED = """\
## Aims, reached and missed

The distance in each cell is the one with the highest mAP on validation people: for complete descriptions, for
partial ones, and for doubtful ones. *Reached* means that the number itself is on the right side of the aim,
*clearly* that its whole interval is; otherwise other queries might have given the other answer.
"""


def aims_section(records: list[Record]) -> str:
    """Return the table of aims, one column per run, and what the runs say together."""
    columns = [_cells(record) for record in records]
    aims = list(dict.fromkeys(aim for cells in columns for aim in cells))
    rows = [[aim, *(cells.get(aim, "") for cells in columns)] for aim in aims]
    return f"{EXPLAINED}\n{table(['aim', *run_names(records)], rows)}\n{_over_runs(records)}"


def run_names(records: list[Record]) -> list[str]:
    """Return what each run is called: model and seed, and the day of training if a seed was trained twice."""
    names = [f"{record['name']}, seed {record['seed']}" for record in records]
    return [
        f"{name}, trained {record['training']['started'][:10]}" if names.count(name) > 1 else name
        for name, record in zip(names, records, strict=True)
    ]


def _over_runs(records: list[Record]) -> str:
    """Return what the first aim comes to over all runs: other seeds change it more than the words say."""
    rows = []
    for name in GROUP_LIKELIHOODS:
        found = [
            record["full"]["ratio_to_paper"][name][0]
            for record in records
            if name in record["full"]["ratio_to_paper"]
        ]
        if len(found) > 1:
            mean = sum(found) / len(found)
            verdict = "reached" if mean >= TIMES_EUCLIDEAN else "missed"
            spread = f"{min(found):.2f} to {max(found):.2f}"
            rows.append([DISTANCES[name], str(len(found)), f"{mean:.3f}", spread, f"**{verdict}**"])
    if not rows:
        return ""
    head = ["times the mAP of the paper's Euclidean", "runs", "mean", "from, to", f"{TIMES_EUCLIDEAN} times"]
    return f"The first aim over all runs, complete descriptions:\n\n{table(head, rows)}"


def _cells(record: Record) -> dict[str, str]:
    """Return the verdict on every aim that can be judged by a run."""
    return _likelihood(record) | _partial(record) | _witnesses(record) | _calibration(record)


def _likelihood(record: Record) -> dict[str, str]:
    ratios, fit = record["full"]["ratio_to_paper"], record["fit"]
    known = [name for name in GROUP_LIKELIHOODS if name in ratios]  # an older record has fewer
    chosen = max(known, key=lambda name: fit["validation_map_full"][name])
    aim = f"group-structured likelihood at least {TIMES_EUCLIDEAN} times the mAP of the paper's Euclidean"
    ratio = _ratio(ratios[chosen], TIMES_EUCLIDEAN)
    cells = {f"{aim} distance, equal logits": f"{DISTANCES[chosen]}: {ratio}"}
    for name in known:
        cells[f"the same: {DISTANCES[name]}"] = _ratio(ratios[name], TIMES_EUCLIDEAN)
    return cells


def _partial(record: Record) -> dict[str, str]:
    chosen = record["fit"]["best_partial"]
    cells = {}
    for row in record["named"]:
        if row["named"] != FEW:
            continue
        right = "exact description" if row["relevance"] == "exact" else "who fulfils it"
        case = f"{row['choice']} choice, {right}"
        if "ratio_to_naive_search" in row:
            aim = f"with {FEW} named, {TIMES_NAIVE} times the mAP of the paper's fused distance, restricted"
            ratio = _ratio(row["ratio_to_naive_search"][chosen], TIMES_NAIVE)
            cells[f"{aim} ({case})"] = f"{DISTANCES[chosen]}: {ratio}"
        aim = f"with {FEW} named, the same against the paper's recognition distance, restricted"
        cells[f"{aim} ({case})"] = (
            f"{DISTANCES[chosen]}: {_ratio(row['ratio_to_paper'][chosen], TIMES_NAIVE)}"
        )
    return cells


def _witnesses(record: Record) -> dict[str, str]:
    chosen = record["fit"]["best_doubtful"]
    cells = {}
    for row in record["witnesses"]:
        if row["wrong"] != [0.2, 0.2, 0.2]:
            continue
        mean, low, high = row["to_one_of_ten_percent"][chosen]
        verdict = _verdict(mean > 0, clearly=low > 0 if mean > 0 else high < 0)
        cells[f"three witnesses who err in 20 % better than one in 10 %, {row['named']} named by each"] = (
            f"{DISTANCES[chosen]}: {signed(mean)} [{signed(low)}, {signed(high)}] points of mAP, {verdict}"
        )
    return cells


def _calibration(record: Record) -> dict[str, str]:
    found = record["calibration"]
    cells = {}
    for name, words in (("curves", "a curve per attribute"), ("joint", "jointly")):
        for key, how in (("mean_error", "equal width"), ("mean_error_equal_mass", "equal mass")):
            share = found[name][key] / found["none"][key]
            aim = f"mean calibration error at most a third of the uncalibrated, bins of {how}: {words}"
            cells[aim] = (
                f"{found['none'][key]:.2f} to {found[name][key]:.2f} points, {share:.2f} of it, "
                f"**{'reached' if share <= SHARE_OF_ERROR else 'missed'}**; true probabilities would show "
                f"{found[name]['mean_error_if_true']:.2f} by chance"
            )
        for key, how in (("debiased", "equal width"), ("debiased_equal_mass", "equal mass")):
            if key not in found[name]:
                continue  # written before it was measured
            triple = found[name][key.replace("debiased", "debiased_share")]
            if None in triple:
                continue  # too few people for an error beside chance
            share, low, high = triple
            reached = share <= SHARE_OF_ERROR
            clearly = high <= SHARE_OF_ERROR if reached else low > SHARE_OF_ERROR
            aim = f"the same, root mean square without what chance adds, bins of {how}: {words}"
            cells[aim] = (
                f"{found['none'][key]:.2f} to {found[name][key]:.2f} points, {share:.2f} "
                f"[{low:.2f}, {high:.2f}] of it, {_verdict(reached, clearly=clearly)}"
            )
    return cells


def _ratio(triple: list[float], least: float) -> str:
    ratio, low, high = triple
    reached = ratio >= least
    clearly = low >= least if reached else high < least
    return f"{ratio:.2f} [{low:.2f}, {high:.2f}], {_verdict(reached, clearly=clearly)}"


def _verdict(reached: bool, *, clearly: bool) -> str:
    word = "reached" if reached else "missed"
    return f"**clearly {word}**" if clearly else f"**{word}**, within chance"
