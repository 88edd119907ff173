"""The records of a budget: what each row scored, seed by seed."""

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pages.rows import Budget, all_rows

Record = dict[str, Any]
Sample = dict[int, float]
"""One number per seed."""

SPLITS = {"paper": "the paper's split", "sal": "SAL's published split"}
KIND_DISTANCE = {"attributes": "attributes", "embedding": "embedding", "multi_task": "fused"}


@dataclass(frozen=True)
class Results:
    """All records of one budget.

    Args:
        budget: where they come from.
        records: by split, then by row, then by seed.
    """

    budget: Budget
    records: dict[str, dict[str, dict[int, Record]]]

    @classmethod
    def read(cls, root: Path, budget: Budget) -> "Results":
        """Read ``root/<budget folder>/<split>/<row>-seed-<S>.json``; a folder that is missing is empty."""
        found: dict[str, dict[str, dict[int, Record]]] = defaultdict(lambda: defaultdict(dict))
        for path in sorted((root / budget.folder).glob("*/*-seed-*.json")):
            record = json.loads(path.read_text("utf-8"))
            stem, seed = path.stem.rsplit("-seed-", 1)
            found[path.parent.name][record.get("row", stem)][int(seed)] = record
        return cls(budget, {split: dict(rows) for split, rows in found.items()})

    @property
    def everything(self) -> list[tuple[str, str, int, Record]]:
        """Every record with its split, row and seed."""
        return [
            (split, row, seed, record)
            for split, rows in sorted(self.records.items())
            for row, seeds in sorted(rows.items())
            for seed, record in sorted(seeds.items())
        ]

    @property
    def splits(self) -> list[str]:
        """The two splits of the paper's authors, then any other that was run."""
        return [*SPLITS, *sorted(set(self.records) - set(SPLITS))]

    @property
    def extra_rows(self) -> list[str]:
        """Rows that the paper does not have."""
        known = {row.name for row in all_rows(self.budget)}
        return sorted({row for _, row, _, _ in self.everything} - known)

    def seeds(self, split: str, row: str) -> dict[int, Record]:
        """Return the records of a row that came to a result."""
        runs = self.records.get(split, {}).get(row, {})
        return {seed: record for seed, record in runs.items() if is_done(record)}

    def lost(self, split: str, row: str) -> dict[int, Record]:
        """Return the records of a row that diverged or failed."""
        runs = self.records.get(split, {}).get(row, {})
        return {seed: record for seed, record in runs.items() if not is_done(record)}

    def distances(self, split: str, row: str) -> list[str]:
        """Return the distances a row was measured by."""
        names = {
            name: None
            for record in self.seeds(split, row).values()
            for name in record["metrics"]["retrieval"].get("unique", {})
        }
        return list(names)

    def sample(
        self,
        split: str,
        row: str,
        metric: str,
        *,
        protocol: str = "unique",
        distance: str | None = None,
        part: str = "overall",
    ) -> Sample:
        """Return a metric of a row by seed; seeds for which it is not defined are left out.

        Args:
            split: name of the split.
            row: name of the row.
            metric: as records call it: map, rank1 and so on, in percent.
            protocol: how queries are posed.
            distance: None for the one the row ranks by.
            part: overall, seen or unseen queries.
        """
        values = {}
        for seed, record in self.seeds(split, row).items():
            chosen = distance or main_distance(record)
            scores = record["metrics"]["retrieval"].get(protocol, {}).get(chosen, {}).get(part)
            if scores is not None and scores.get(metric) is not None:
                values[seed] = float(scores[metric])
        return values

    def average_precision(self, split: str, row: str) -> dict[int, list[float]]:
        """Return the average precision of each unique query by seed, where it was kept."""
        kept = {}
        for seed, record in self.seeds(split, row).items():
            values = record.get("average_precision", {}).get(main_distance(record))
            if values:
                kept[seed] = [float(value) for value in values]
        return kept


def is_done(record: Record) -> bool:
    """Return whether a record holds a result."""
    return record.get("status", "done") == "done" and "metrics" in record


def main_distance(record: Record) -> str:
    """Return the distance a row ranks by: its own choice, else fused if it has both branches."""
    stated = record.get("distance")
    if isinstance(stated, str):
        return stated
    return KIND_DISTANCE[record["recipe"]["model"]["kind"]]


def start_of(record: Record) -> str:
    """Return where the weights of a run, or of the run it goes on from, started."""
    stage = record.get("first_stage") or record.get("recipe") or {}
    initialisation = stage.get("initialisation", {})
    if initialisation.get("run") and not record.get("first_stage"):
        return "from another run"  # whose recipe was not at hand, as for a run that failed
    weights = str(initialisation.get("weights", "none"))
    if weights == "none":
        return "from scratch"
    return "from ImageNet" if "imagenet" in weights.lower() else f"from weights `{Path(weights).stem}`"


def cost_of(record: Record) -> tuple[float | None, float | None]:
    """Return the seconds a training took and its images per second, None where not recorded."""
    return record.get("training_seconds"), record.get("images_per_second")
