"""Three models and chance side by side, and what can be said of them in a sentence."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from attrieve.demonstration.recipes import ATTRIBUTES, EMBEDDING, MULTI_TASK
from attrieve.evaluation import EvaluationReport, PairedDifference, Protocol, paired_difference
from attrieve.evaluation.retrieval import RetrievalMetrics

FUSED = "fused"
SCORES = ("map", "rank1", "rank5", "minp", "madm")
COMPARED = Protocol.UNIQUE


@dataclass(frozen=True)
class Entrant:
    """One row of the comparison: a model, and the distance it ranks by."""

    model: str
    distance: str
    label: str


ENTRANTS = (
    Entrant(ATTRIBUTES, "attributes", "attribute baseline"),
    Entrant(EMBEDDING, "embedding", "embedding baseline"),
    Entrant(MULTI_TASK, "attributes", "multi-task, attributes only"),
    Entrant(MULTI_TASK, "embedding", "multi-task, embedding only"),
    Entrant(MULTI_TASK, FUSED, "multi-task, fused"),
)


def comparison_rows(
    chance: Mapping[str, float | None], reports: Mapping[str, EvaluationReport]
) -> list[dict[str, Any]]:
    """Return chance and every entrant with its scores in percent, under the protocol ``unique``."""
    rows: list[dict[str, Any]] = [
        {"model": None, "distance": "random", "label": "random ranking", **_chosen(chance)}
    ]
    for entrant in ENTRANTS:
        scores = asdict(_metrics(reports, entrant).overall)
        rows.append({**asdict(entrant), **_chosen(scores)})
    return rows


def verdict(chance: Mapping[str, float | None], reports: Mapping[str, EvaluationReport]) -> dict[str, Any]:
    """Say how fused search stands to both baselines and to chance; every word follows from the numbers."""
    fused = _metrics(reports, ENTRANTS[-1])
    baselines = {entrant.model: _metrics(reports, entrant) for entrant in ENTRANTS[:2]}
    differences = {
        name: paired_difference(
            (100 * fused.per_query.average_precision).tolist(),
            (100 * baseline.per_query.average_precision).tolist(),
        )
        for name, baseline in baselines.items()
    }
    random = chance["map"] or 0.0
    scores = {name: baseline.overall.map for name, baseline in baselines.items()}
    return {
        "ahead_of_both_baselines": all(d.interval.mean > 0 for d in differences.values()),
        "times_random": fused.overall.map / random if random else None,
        "differences": {name: _difference_json(found) for name, found in differences.items()},
        "sentence": verdict_sentence(fused.overall.map, scores, differences, random),
    }


def verdict_sentence(
    fused: float,
    baselines: Mapping[str, float],
    differences: Mapping[str, PairedDifference],
    random: float,
) -> str:
    """Put the comparison into words.

    Args:
        fused: mAP of the multi-task model's fused search, in percent.
        baselines: mAP of each baseline by name, in percent.
        differences: fused minus baseline, over queries, in points.
        random: mAP of a random ranking, in percent.
    """
    ahead = [name for name, found in differences.items() if found.interval.mean > 0]
    behind = [name for name in differences if name not in ahead]
    if not behind:
        opening = "Fused search of the multi-task model is ahead of both baselines"
    elif not ahead:
        opening = "Fused search of the multi-task model does not beat either baseline"
    else:
        opening = (
            f"Fused search of the multi-task model beats the {ahead[0]} baseline "
            f"but not the {behind[0]} baseline"
        )
    told = "; ".join(
        f"{name} baseline {baselines[name]:.1f} ({_difference_text(found)})"
        for name, found in differences.items()
    )
    times = f", {fused / random:.0f} times a random ranking ({random:.1f})" if random else ""
    return f"{opening}: mAP {fused:.1f}{times}, against {told}."


def _difference_text(found: PairedDifference) -> str:
    interval = found.interval
    sure = "" if found.excludes_zero else ", which does not exclude zero"
    reach = f"95% interval over queries {interval.low:+.1f} to {interval.high:+.1f}"
    return f"fused {interval.mean:+.1f}, {reach}{sure}"


def _difference_json(found: PairedDifference) -> dict[str, Any]:
    return {**asdict(found.interval), "p_value": found.p_value, "excludes_zero": found.excludes_zero}


def _metrics(reports: Mapping[str, EvaluationReport], entrant: Entrant) -> RetrievalMetrics:
    return reports[entrant.model].retrieval[COMPARED][entrant.distance]


def _chosen(scores: Mapping[str, Any]) -> dict[str, float | None]:
    return {name: scores[name] for name in SCORES}
