"""What is done, what runs, what is left, and how long that takes: for eyes and for scheduling."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table

from attrieve.data.file_lock import try_lock
from attrieve.reproduction.jobs import Job, JobKey, Places
from attrieve.reproduction.pace import JOURNAL, Pace, images_left, mean_rate, read_pace, spoken_time
from attrieve.reproduction.recipes import stated_cost_s
from attrieve.reproduction.records import Outcome, Status, read_outcome

EVALUATING = "evaluating"
_REFRESHES_PER_SECOND = 0.5
_LINE_SECONDS = 60.0


class State(StrEnum):
    """Where a job stands."""

    DONE = "done"
    DIVERGED = "diverged"
    FAILED = "failed"
    RUNNING = "running"
    BEGUN = "begun"
    """Partly trained by a call that was stopped."""
    WAITING = "waiting"


OPEN = (State.RUNNING, State.BEGUN, State.WAITING)
"""States of jobs that are yet to be finished."""


@dataclass(frozen=True)
class TimeLeft:
    """An estimate.

    Args:
        seconds: for what can be estimated, by as many processes as run now.
        unknown: jobs nothing is known of yet.
    """

    seconds: float
    unknown: int

    def __str__(self) -> str:
        if not self.unknown:
            return f"about {spoken_time(self.seconds)}"
        known = f"{spoken_time(self.seconds)} and " if self.seconds else ""
        return f"{known}{self.unknown} job{'s' if self.unknown > 1 else ''} of unknown length"


class Board:
    """The state of every job, read from records, journals and locks whenever it is asked for.

    Args:
        jobs: all jobs, in the order they are taken.
        places: where they lie.
        train_images: how many images an epoch of each job has.
        console: where progress is shown, or None.
    """

    def __init__(
        self,
        jobs: Mapping[JobKey, Job],
        places: Places,
        train_images: Mapping[JobKey, int],
        *,
        console: Console | None = None,
    ) -> None:
        self.jobs = jobs
        self.places = places
        self.train_images = train_images
        self.console = console
        self._activity: tuple[JobKey, str] | None = None
        self._paces: dict[JobKey, tuple[tuple[int, int], Pace | None]] = {}
        self._outcomes: dict[JobKey, tuple[tuple[int, int], Outcome | None]] = {}
        self._stated: dict[Path, float | None] = {}

    def outcome(self, key: JobKey) -> Outcome | None:
        """Return what a job's record says now, or None before there is one."""
        path = self.places.record_file(key)
        try:
            state = path.stat()
        except OSError:
            return None
        version = (state.st_mtime_ns, state.st_ino)
        if key not in self._outcomes or self._outcomes[key][0] != version:
            self._outcomes[key] = (version, read_outcome(path))
        return self._outcomes[key][1]

    def state(self, key: JobKey) -> State:
        """Return where a job stands."""
        outcome = self.outcome(key)
        settled = outcome is not None and outcome.status is not Status.FAILED
        if not settled and (self._is_mine(key) or self._is_held(key)):
            return State.RUNNING
        if outcome is not None:
            return State(outcome.status.value)
        return State.BEGUN if self.places.run(key).exists() else State.WAITING

    def seconds_left(self) -> dict[JobKey, float | None]:
        """Estimate each open job from the journals of this reproduction, or else as its recipe says.

        None for a job of which nothing is known. Measuring is in it, once a job was measured.
        """
        known = [
            outcome.evaluation_seconds
            for outcome in map(self.outcome, self.jobs)
            if outcome is not None and outcome.evaluation_seconds is not None
        ]
        measuring = sum(known) / len(known) if known else 0.0
        paces = {key: pace for key in self.jobs if (pace := self._pace(key)) is not None}
        estimates = {key: self._training_left(key, paces) for key in self.jobs if self.state(key) in OPEN}
        return {key: None if left is None else left + measuring for key, left in estimates.items()}

    def time_left(self) -> TimeLeft:
        """Estimate the time to the end with as many processes as run now."""
        estimates = self.seconds_left()
        running = sum(self.state(key) is State.RUNNING for key in estimates)
        total = sum(seconds for seconds in estimates.values() if seconds is not None)
        return TimeLeft(total / max(1, running), sum(seconds is None for seconds in estimates.values()))

    def table(self) -> Table:
        """Return rows by seeds, with what is done and what runs."""
        states = {key: self.state(key) for key in self.jobs}
        seeds = sorted({seed for _, _, seed in self.jobs})
        table = Table(caption=self._caption(states), caption_justify="left")
        table.add_column("split")
        table.add_column("row")
        for seed in seeds:
            table.add_column(f"seed {seed}")
        for split, row in dict.fromkeys((split, row) for split, row, _ in self.jobs):
            keys = [(split, row, seed) for seed in seeds]
            table.add_row(split, row, *(self._cell(key, states[key]) for key in keys))
        return table

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show progress while something runs inside: a live table, or plain lines where none can be."""
        if self.console is None:
            yield
        elif self.console.is_terminal:
            with Live(
                get_renderable=self.table, console=self.console, refresh_per_second=_REFRESHES_PER_SECOND
            ):
                yield
        else:
            with self._lines():
                yield

    def tell(self, key: JobKey, activity: str) -> None:
        """Say what is being done to a job by this process."""
        self._activity = (key, activity)
        self._line(f"{self.jobs[key]}: {activity}")

    def tell_waiting(self) -> None:
        """Say that all that is left is held by others, or waits for what they hold."""
        held = [str(job) for key, job in self.jobs.items() if self._is_held(key)]
        others = f" ({', '.join(held)})" if held else ""
        self._line(f"waiting for jobs that other processes hold{others}")

    def finish(self, key: JobKey) -> None:
        """Say how a job ended."""
        self._activity = None
        outcome = self.outcome(key)
        if outcome is not None:
            told = _scores(outcome) or f"{outcome.status.value}: {outcome.reason}"
            self._line(f"{self.jobs[key]}: {told}; left: {self.time_left()}")

    def _cell(self, key: JobKey, state: State) -> str:
        outcome = self.outcome(key)
        if state is State.DONE and outcome is not None:
            return _scores(outcome)
        return self._progress(key, state) if state in (State.RUNNING, State.BEGUN) else state.value

    def _progress(self, key: JobKey, state: State) -> str:
        activity = self._activity
        words = activity[1] if activity is not None and activity[0] == key else state.value
        pace = self._pace(key)
        if pace is None or words == EVALUATING:
            return words
        epoch = f"epoch {pace.epoch + 1}/{self.jobs[key].recipe.training.epochs}"
        return f"{words}, {epoch}, {pace.images_per_second:.0f} images/s"

    def _pace(self, key: JobKey) -> Pace | None:
        """Return how far a job has come; a journal is read again only when it has changed."""
        run = self.places.run(key)
        try:
            state = (run / JOURNAL).stat()
        except OSError:
            return None
        version = (state.st_mtime_ns, state.st_size)
        if key not in self._paces or self._paces[key][0] != version:
            self._paces[key] = (version, read_pace(run, self.jobs[key].recipe))
        return self._paces[key][1]

    def _training_left(self, key: JobKey, paces: Mapping[JobKey, Pace]) -> float | None:
        job = self.jobs[key]
        if self.places.is_trained(key):
            return 0.0
        left = images_left(job.recipe, self.train_images[key], paces.get(key))
        rate = self._rate(job, paces)
        if rate is not None:
            return left / rate
        if job.row.path not in self._stated:
            self._stated[job.row.path] = stated_cost_s(job.row.path)
        stated = self._stated[job.row.path]
        whole = images_left(job.recipe, self.train_images[key], None)
        return None if stated is None else stated * left / max(whole, 1)

    def _rate(self, job: Job, paces: Mapping[JobKey, Pace]) -> float | None:
        """Return the pace of this row's runs, or else of rows with an equal model."""
        own = [pace for key, pace in paces.items() if key[1] == job.row.name]
        alike = [pace for key, pace in paces.items() if self.jobs[key].recipe.model == job.recipe.model]
        return mean_rate(own) or mean_rate(alike)

    def _is_mine(self, key: JobKey) -> bool:
        activity = self._activity
        return activity is not None and activity[0] == key

    def _is_held(self, key: JobKey) -> bool:
        lock = self.places.lock(key)
        if not lock.exists():
            return False
        with try_lock(lock) as free:
            return not free

    def _caption(self, states: Mapping[JobKey, State]) -> str:
        counts = {state: sum(found is state for found in states.values()) for state in State}
        told = ", ".join(f"{count} {state.value}" for state, count in counts.items() if count)
        left = f"; left: {self.time_left()}" if any(counts[state] for state in OPEN) else ""
        return f"{told}; mAP / Rank-1{left}"

    @contextmanager
    def _lines(self) -> Iterator[None]:
        """Print now and then how the running job goes on."""
        ended = threading.Event()

        def go_on() -> None:
            while not ended.wait(_LINE_SECONDS):
                activity = self._activity
                if activity is not None:
                    going = self._progress(activity[0], State.RUNNING)
                    self._line(f"{self.jobs[activity[0]]}: {going}; left: {self.time_left()}")

        thread = threading.Thread(target=go_on, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _line(self, text: str) -> None:
        if self.console is not None and not self.console.is_terminal:
            self.console.print(text, highlight=False, markup=False, soft_wrap=True)


def _scores(outcome: Outcome) -> str:
    if outcome.status is not Status.DONE or outcome.map is None or outcome.rank1 is None:
        return ""
    return f"{outcome.map:.1f} / {outcome.rank1:.1f}"
