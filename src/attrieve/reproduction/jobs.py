"""The independent pieces of a reproduction: one row, one split, one seed each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from attrieve.models.checkpoint import WEIGHTS_FILE
from attrieve.reproduction.recipes import PlannedRow, job_recipe
from attrieve.training.config import Recipe

JobKey = tuple[str, str, int]
"""Split, row, seed."""


@dataclass(frozen=True)
class Job:
    """One training with its measurement.

    Args:
        split: a named split.
        row: what to train.
        seed: of everything random.
        recipe: the row's, with split, seed and start filled in.
    """

    split: str
    row: PlannedRow
    seed: int
    recipe: Recipe

    @property
    def key(self) -> JobKey:
        """Split, row and seed."""
        return self.split, self.row.name, self.seed

    @property
    def start(self) -> JobKey | None:
        """The job this one goes on from, if there is one."""
        return None if self.row.start is None else (self.split, self.row.start, self.seed)

    def __str__(self) -> str:
        return name_of(self.key)


@dataclass(frozen=True)
class Places:
    """Where everything of a reproduction lies.

    Args:
        out: run folders and locks.
        record: result records.
    """

    out: Path
    record: Path

    def run(self, key: JobKey) -> Path:
        """Return the run folder of a job."""
        return self.out / name_of(key)

    def record_file(self, key: JobKey) -> Path:
        """Return the result record of a job."""
        split, row, seed = key
        return self.record / split / f"{row}-seed-{seed}.json"

    def lock(self, key: JobKey) -> Path:
        """Return the lock file that whoever does this job holds."""
        return self.out / "locks" / f"{'--'.join(map(str, key))}.lock"

    def is_trained(self, key: JobKey) -> bool:
        """Whether a job's training is finished; its weights are written last."""
        return (self.run(key) / WEIGHTS_FILE).exists()


def name_of(key: JobKey) -> str:
    """Return a job's name, which is also where its run lies.

    >>> name_of(("paper", "attributes-resnet50", 0))
    'paper/attributes-resnet50/seed-0'
    """
    split, row, seed = key
    return f"{split}/{row}/seed-{seed}"


def make_jobs(
    rows: Sequence[PlannedRow], splits: Sequence[str], seeds: int, *, first_seed: int = 0
) -> Mapping[JobKey, Job]:
    """Return all jobs in the order they are taken: seed by seed, each after the one it starts from.

    Args:
        rows: in an order in which each comes after the row it starts from.
        splits: named splits.
        seeds: how many.
        first_seed: the first of them; the others follow it one by one.
    """
    jobs = [
        Job(split, row, seed, job_recipe(row, split, seed))
        for seed in range(first_seed, first_seed + seeds)
        for split in splits
        for row in rows
    ]
    return {job.key: job for job in jobs}
