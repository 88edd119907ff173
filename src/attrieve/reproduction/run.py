"""A whole reproduction: take jobs until none is left, beside as many others as do the same."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from attrieve.data.file_lock import try_lock
from attrieve.data.files import write_atomically
from attrieve.errors import AttrieveError, ConfigurationError, NonFiniteLossError, StorageError
from attrieve.evaluation.record import write_record
from attrieve.models.retriever import Retriever
from attrieve.reproduction.board import EVALUATING, Board
from attrieve.reproduction.jobs import Job, JobKey, Places, make_jobs, name_of
from attrieve.reproduction.measure import measure_run, write_predictions
from attrieve.reproduction.people import SharedPeople
from attrieve.reproduction.recipes import plan_rows, recipes_folder
from attrieve.reproduction.records import (
    Outcome,
    Status,
    require_same_recipe,
    write_done,
    write_not_done,
)
from attrieve.reproduction.rows import Budget
from attrieve.reproduction.starting_weights import (
    same_but_for_spelling,
    train_alike,
    with_starting_weights,
)
from attrieve.reproduction.summary import summarise
from attrieve.reproduction.version import require_known_counts
from attrieve.training.card import PROVENANCE, write_card
from attrieve.training.config import Recipe, load_recipe, recipe_lineage
from attrieve.training.run import JOURNAL, RECIPE, prepare_folder, train

RESULTS = "results"
"""Where records go below the output folder if nothing else is said."""


@dataclass(frozen=True)
class ReproductionSettings:
    """What to reproduce.

    Args:
        data: PETA in either layout.
        out: folder for run folders, records and locks.
        budget: whose recipes.
        seeds: how many.
        first_seed: the first of them; the others follow it one by one.
        splits: named splits.
        rows: row names, ``4.2``, ``4.3`` or recipe files; empty for all rows of the paper.
        init: starting weights, see
            :func:`~attrieve.reproduction.starting_weights.with_starting_weights`.
        record: folder for result records; ``results`` in ``out`` by default.
        cache: folder for decoded images, or None to keep them in memory.
        recipes: folder of the paper's recipes; those of the budget by default.
        any_data: accept other data than PETA.
        poll_s: seconds between looks at what others do.
    """

    data: Path
    out: Path
    budget: Budget = Budget.FULL
    seeds: int = 3
    first_seed: int = 0
    splits: tuple[str, ...] = ("paper",)
    rows: tuple[str, ...] = ()
    init: tuple[str, ...] = ()
    record: Path | None = None
    cache: Path | None = None
    recipes: Path | None = None
    any_data: bool = False
    poll_s: float = 5.0


class Reproduction:
    """All jobs of a reproduction, and the taking of them.

    Args:
        settings: what to reproduce.
        console: where progress is shown, or None.
        command: for the records.

    Raises:
        UnknownNameError: for an unknown row, split or backbone, with the nearest.
        ConfigurationError: if a recipe cannot be used, or records of other recipes are there.
        DatasetError: if there is no data, or it is of another version.
        CheckpointError: if starting weights fit no row.
    """

    def __init__(
        self,
        settings: ReproductionSettings,
        *,
        console: Console | None = None,
        command: str = "attrieve reproduce",
    ) -> None:
        self.settings = settings
        self.command = command
        folder = settings.recipes or recipes_folder(settings.budget)
        rows = plan_rows(settings.rows, settings.budget, folder)
        self.people = SharedPeople(settings.data, cache=settings.cache)
        if not settings.any_data:
            require_known_counts(self.people.dataset, settings.splits)
        rows = with_starting_weights(rows, settings.init)
        self.jobs: Mapping[JobKey, Job] = make_jobs(
            rows, settings.splits, settings.seeds, first_seed=settings.first_seed
        )
        self.places = Places(settings.out, settings.record or settings.out / RESULTS)
        counts = {key: len(self.people.split(job.recipe).train) for key, job in self.jobs.items()}
        self.board = Board(self.jobs, self.places, counts, console=console)
        for key, outcome in self.outcomes().items():
            if outcome is not None:
                require_same_recipe(outcome, self.jobs[key], self.places.record_file(key))
        self._to_try_again = {
            key: outcome.digest
            for key, outcome in self.outcomes().items()
            if outcome is not None and outcome.status is Status.FAILED
        }

    def outcomes(self) -> dict[JobKey, Outcome | None]:
        """Return what the record of every job says now."""
        return {key: self.board.outcome(key) for key in self.jobs}

    def summary(self) -> dict[str, Any]:
        """Return the result so far; see :func:`~attrieve.reproduction.summary.summarise`."""
        return summarise(self.jobs, self.outcomes(), self.settings.budget)

    def plan(self) -> dict[str, Any]:
        """Return every job with its state and, as far as it is known, the seconds it will yet take."""
        left = self.board.seconds_left()
        return {
            "budget": self.settings.budget.value,
            "jobs": [
                {
                    "job": str(job),
                    "state": self.board.state(key).value,
                    "recipe": str(job.row.path),
                    "starts_from": job.recipe.initialisation.run or job.recipe.initialisation.weights,
                    "seconds_left": left.get(key, 0.0),
                }
                for key, job in self.jobs.items()
            ],
            "seconds_left": sum(seconds for seconds in left.values() if seconds is not None),
            "jobs_of_unknown_length": sum(seconds is None for seconds in left.values()),
        }

    def run(self) -> dict[str, Any]:
        """Do every job that nobody has done or does; return the summary.

        Raises:
            StorageError: if the disk refuses; what is finished stays.
        """
        _make_folder(self.settings.out / "locks")
        with self.board.shown():
            waiting = False
            while open_jobs := [job for job in self.jobs.values() if not self._is_settled(job.key)]:
                if any(self._take(job) for job in open_jobs):
                    waiting = False
                    continue
                if not waiting:
                    self.board.tell_waiting()
                waiting = True
                time.sleep(self.settings.poll_s)
        return self.summary()

    def _is_settled(self, key: JobKey) -> bool:
        """Whether a job is recorded; one that failed before this call is tried again."""
        outcome = self.board.outcome(key)
        return outcome is not None and self._to_try_again.get(key) != outcome.digest

    def _take(self, job: Job) -> bool:
        """Do a job if it can be done now and nobody else does it; say whether anything has changed."""
        if not self._may_begin(job):
            return False
        with try_lock(self.places.lock(job.key)) as mine:
            if not mine:
                return False
            if not self._is_settled(job.key):  # somebody may have done it a moment ago
                self._do(job)
            return True

    def _may_begin(self, job: Job) -> bool:
        start = job.start
        return start is None or self.places.is_trained(start) or self._is_settled(start)

    def _do(self, job: Job) -> None:
        try:
            self._require_start(job)
            self._train(job)
            self._measure(job)
        except StorageError:
            raise
        except NonFiniteLossError as error:
            self._record(job, Status.DIVERGED, str(error))
        except AttrieveError as error:
            self._record(job, Status.FAILED, str(error))
        except OSError as error:
            raise StorageError(
                f"{job} stopped: {error}; what is finished is kept. Free some space and call again"
            ) from error
        self._to_try_again.pop(job.key, None)
        self.board.finish(job.key)

    def _require_start(self, job: Job) -> None:
        start = job.start
        if start is None or self.places.is_trained(start):
            return
        outcome = self.board.outcome(start)
        ended = "diverged" if outcome is not None and outcome.status is Status.DIVERGED else "failed"
        raise ConfigurationError(f"starts from a {ended} run: {name_of(start)}")

    def _train(self, job: Job) -> None:
        run = self.places.run(job.key)
        recipe = _as_in_folder(job.recipe, run)
        if self.places.is_trained(job.key):
            prepare_folder(recipe, run)  # refuses a run of another recipe
            return
        alike = self._trained_alike(job, recipe)
        if alike is not None:
            self.board.tell(job.key, f"taking the weights of {alike.parent.name}")
            _take_over(alike, recipe, run)
            return
        if not self.people.is_ready(recipe):
            self.board.tell(job.key, "decoding images")
        people = self.people.train(recipe)
        self.board.tell(job.key, "training")
        train(recipe, people, run)

    def _trained_alike(self, job: Job, recipe: Recipe) -> Path | None:
        """Return the run of a row that this row's recipe extends, if both train the same.

        A row that asks the same weights in another way need not be trained again.
        """
        for extended in recipe_lineage(job.row.path)[1:]:
            key = (job.split, extended.stem, job.seed)
            run = self.places.run(key)
            if self.places.is_trained(key) and train_alike(load_recipe(run / RECIPE), recipe):
                return run
        return None

    def _measure(self, job: Job) -> None:
        self.board.tell(job.key, EVALUATING)
        run, record = self.places.run(job.key), self.places.record_file(job.key)
        recipe = load_recipe(run / RECIPE)
        divided, test = self.people.split(recipe), self.people.test(recipe)
        since = time.monotonic()
        retriever = Retriever.from_pretrained(run).to(_device())
        measured = measure_run(run, retriever, recipe, divided=divided, test=test)
        seconds = time.monotonic() - since
        write_predictions(run, measured, test)
        write_record(run / "metrics.json", measured.result, command=self.command)
        write_done(
            record,
            job,
            measured,
            run=run,
            budget=self.settings.budget,
            seconds=seconds,
            command=self.command,
        )

    def _record(self, job: Job, status: Status, reason: str) -> None:
        path = self.places.record_file(job.key)
        write_not_done(path, job, status, reason, budget=self.settings.budget, command=self.command)


def _as_in_folder(recipe: Recipe, run: Path) -> Recipe:
    """Return the recipe as a run folder spells it, if one is there and means the same."""
    if not (run / RECIPE).exists():
        return recipe
    there = load_recipe(run / RECIPE)
    return there if same_but_for_spelling(there, recipe) else recipe


def _take_over(there: Path, recipe: Recipe, run: Path) -> None:
    """Make a run folder of weights that were trained for another row; the weights come last."""
    prepare_folder(recipe, run)
    for name in (JOURNAL, PROVENANCE):
        if (there / name).exists():
            write_atomically(run / name, (there / name).read_bytes())
    retriever = Retriever.from_pretrained(there)
    retriever.name = recipe.name
    retriever.query.retrieval = recipe.retrieval
    retriever.query.calibration = None
    write_card(run, recipe, retriever)
    retriever.save_pretrained(run)


def _device() -> str:
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot make {folder}: {error.strerror}; choose another --out") from error
