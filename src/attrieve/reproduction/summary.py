"""The result of a reproduction: each line of the paper's tables with its mean and interval."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

from attrieve.evaluation.significance import mean_interval
from attrieve.reproduction.jobs import Job, JobKey, name_of
from attrieve.reproduction.records import Outcome, Status, natural_distance
from attrieve.reproduction.rows import LINES, Budget, PaperScore

BEYOND = "beyond"
"""The table of rows that are not the paper's."""


@dataclass(frozen=True)
class _Place:
    """A line to be told: where it stands and what the paper has there."""

    table: str
    label: str
    row: str
    paper: PaperScore | None


def summarise(
    jobs: Mapping[JobKey, Job], outcomes: Mapping[JobKey, Outcome | None], budget: Budget
) -> dict[str, Any]:
    """Return what a reproduction found, as plain values for JSON.

    Scores are percent by protocol ``unique`` and each model's own distance, with Student's 95 % interval
    over seeds, or null for one with fewer than two.

    Args:
        jobs: all of them.
        outcomes: what their records say; None for a job without one.
        budget: of the reproduction.
    """
    splits = tuple(dict.fromkeys(split for split, _, _ in jobs))
    rows = tuple(dict.fromkeys(row for _, row, _ in jobs))
    return {
        "budget": budget.value,
        "protocol": "unique",
        "splits": [
            {
                "split": split,
                "lines": [_line(split, place, jobs, outcomes) for place in _places(rows, budget)],
            }
            for split in splits
        ],
        "jobs": {
            status.value: sum(o is not None and o.status is status for o in outcomes.values())
            for status in Status
        }
        | {"open": sum(outcome is None for outcome in outcomes.values())},
        "not_done": [
            {"job": name_of(key), "status": outcome.status.value, "reason": outcome.reason}
            for key, outcome in outcomes.items()
            if outcome is not None and outcome.status is not Status.DONE
        ],
    }


def summary_tables(document: Mapping[str, Any]) -> list[Table]:
    """Return the result for people, one table per split."""
    return [_table(split) for split in document["splits"]]


def _places(rows: Sequence[str], budget: Budget) -> Iterable[_Place]:
    """Yield the paper's lines as far as their rows take part, then all other rows."""
    told = set()
    for line in LINES:
        row = line.row(budget)
        if row in rows:
            told.add(row)
            yield _Place(line.table, line.label, row, line.paper)
    for row in rows:
        if row not in told:
            yield _Place(BEYOND, row, row, None)


def _line(
    split: str, place: _Place, jobs: Mapping[JobKey, Job], outcomes: Mapping[JobKey, Outcome | None]
) -> dict[str, Any]:
    keys = [key for key in jobs if key[:2] == (split, place.row)]
    found = {key[2]: outcomes[key] for key in keys}
    done = [o for o in found.values() if o is not None and o.status is Status.DONE]
    return {
        "table": place.table,
        "label": place.label,
        "row": place.row,
        "distance": natural_distance(jobs[keys[0]].recipe),
        "paper": None if place.paper is None else asdict(place.paper),
        "map": _mean([o.map for o in done if o.map is not None]),
        "rank1": _mean([o.rank1 for o in done if o.rank1 is not None]),
        "seeds": {str(seed): _seed(outcome) for seed, outcome in found.items()},
    }


def _seed(outcome: Outcome | None) -> dict[str, Any]:
    if outcome is None:
        return {"status": "open"}
    if outcome.status is Status.DONE:
        return {"status": outcome.status.value, "map": outcome.map, "rank1": outcome.rank1}
    return {"status": outcome.status.value, "reason": outcome.reason}


def _mean(values: Sequence[float]) -> dict[str, float | None] | None:
    if not values:
        return None
    if len(values) == 1:
        return {"mean": values[0], "low": None, "high": None}
    interval = mean_interval(values)
    return {"mean": interval.mean, "low": interval.low, "high": interval.high}


def _table(split: Mapping[str, Any]) -> Table:
    caption = "percent, protocol unique; mean over seeds with its 95 % interval"
    table = Table(title=f"split {split['split']}", caption=caption)
    for heading in ("table", "line", "row"):
        table.add_column(heading, overflow="fold")
    for heading in ("seeds", "mAP", "paper", "Rank-1", "paper"):
        table.add_column(heading, justify="right")
    for line in split["lines"]:
        paper = line["paper"]
        done = sum(seed["status"] == Status.DONE.value for seed in line["seeds"].values())
        table.add_row(
            line["table"],
            line["label"],
            line["row"],
            f"{done}/{len(line['seeds'])}",
            _with_interval(line["map"]),
            "" if paper is None else f"{paper['map']:.1f}",
            _with_interval(line["rank1"]),
            "" if paper is None else f"{paper['rank1']:.1f}",
        )
    return table


def _with_interval(mean: Mapping[str, float | None] | None) -> str:
    if mean is None:
        return "-"
    if mean["low"] is None or mean["high"] is None:
        return f"{mean['mean']:.1f}"
    return f"{mean['mean']:.1f} ({mean['low']:.1f} .. {mean['high']:.1f})"
