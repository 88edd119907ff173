"""States and estimates, as people and schedulers read them."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from attrieve.data.file_lock import try_lock
from attrieve.reproduction.board import Board, State
from attrieve.reproduction.jobs import Job, JobKey, Places, make_jobs
from attrieve.reproduction.recipes import plan_rows
from attrieve.reproduction.records import Status, write_not_done
from attrieve.reproduction.rows import Budget

FIRST, SECOND = ("paper", "attributes-mobilenetv2", 0), ("paper", "embedding-mobilenetv2", 0)
HEADING = "epoch,step,images_per_second\n"


@pytest.fixture
def board(small_recipes: Path, tmp_path: Path) -> Callable[..., Board]:
    """Two rows; every epoch has 80 images, twenty steps of four."""
    rows = plan_rows((SECOND[1],), Budget.CPU, small_recipes)
    jobs = make_jobs(rows, ["paper"], 1)
    places = Places(tmp_path, tmp_path / "results")

    def make(console: Console | None = None) -> Board:
        return Board(jobs, places, dict.fromkeys(jobs, 80), console=console)

    return make


def write_journal(board: Board, key: JobKey, *lines: str) -> None:
    run = board.places.run(key)
    run.mkdir(parents=True, exist_ok=True)
    (run / "journal.csv").write_text(HEADING + "\n".join(lines) + "\n", "utf-8")


def write_failed(board: Board, job: Job, status: Status) -> None:
    path = board.places.record_file(job.key)
    write_not_done(path, job, status, "why", budget=Budget.CPU, command="attrieve reproduce")


def test_a_job_goes_from_waiting_to_its_end(board: Callable[..., Board]) -> None:
    """Waiting, begun, held by somebody, recorded; the same board sees each change."""
    one = board()
    assert set(one.jobs) == {FIRST, SECOND}
    assert one.state(FIRST) is State.WAITING
    one.places.run(FIRST).mkdir(parents=True)
    assert one.state(FIRST) is State.BEGUN
    lock = one.places.lock(FIRST)
    lock.parent.mkdir()
    with try_lock(lock):
        assert one.state(FIRST) is State.RUNNING
    assert one.state(FIRST) is State.BEGUN
    for status in (Status.FAILED, Status.DIVERGED):
        write_failed(one, one.jobs[FIRST], status)
        assert one.state(FIRST).value == status.value
    with try_lock(lock):
        assert one.state(FIRST) is State.DIVERGED
    assert one.state(SECOND) is State.WAITING


def test_time_left_is_images_left_by_the_measured_rate(board: Callable[..., Board]) -> None:
    """40 of 80 images at 20 a second leave 2 s; nothing measured: the recipe's 2 seconds for all 80."""
    one = board()
    assert one.seconds_left() == {FIRST: 2.0, SECOND: 2.0}
    write_journal(one, FIRST, "0,10,20.0")
    assert one.seconds_left() == {FIRST: 2.0, SECOND: 2.0}
    write_journal(one, FIRST, "0,10,10.0", "0,15,10.0")
    assert one.seconds_left() == {FIRST: 2.0, SECOND: 2.0}
    write_journal(one, FIRST, "0,10,5.0")
    assert one.seconds_left() == {FIRST: 8.0, SECOND: 2.0}
    write_journal(one, SECOND, "0,10,4.0")
    assert one.seconds_left() == {FIRST: 8.0, SECOND: 10.0}
    assert one.time_left().seconds == 18.0
    write_failed(one, one.jobs[FIRST], Status.DIVERGED)
    assert one.seconds_left() == {SECOND: 10.0}
    assert str(one.time_left()) == "about 10 s"


def test_jobs_of_unknown_length_are_counted(small_recipes: Path, tmp_path: Path) -> None:
    """Where no recipe states a cost and nothing was measured."""
    path = tmp_path / "recipes"
    path.mkdir()
    for name in (FIRST[1], SECOND[1]):
        text = (small_recipes / f"{name}.toml").read_text("utf-8")
        (path / f"{name}.toml").write_text(text.replace("about 2 seconds", "unknown"), "utf-8")
    jobs = make_jobs(plan_rows((SECOND[1],), Budget.CPU, path), ["paper"], 1)
    one = Board(jobs, Places(tmp_path, tmp_path), dict.fromkeys(jobs, 80))
    assert str(one.time_left()) == "2 jobs of unknown length"
    write_journal(one, FIRST, "0,10,20.0")
    assert str(one.time_left()) == "2 s and 1 job of unknown length"


def test_the_table_shows_rows_by_seeds_live_or_as_lines(board: Callable[..., Board]) -> None:
    """On a terminal a table that is drawn again; elsewhere a line per event."""
    stream = io.StringIO()
    one = board(Console(file=stream, force_terminal=True, width=160))
    with one.shown():
        write_journal(one, FIRST, "0,10,20.0")
        one.tell(FIRST, "training")
    drawn = stream.getvalue()
    assert "seed 0" in drawn
    assert "training, epoch 1/1, 20 images/s" in drawn
    assert "1 running, 1 waiting" in drawn
    assert "left: about 4 s" in drawn
    plain = io.StringIO()
    two = board(Console(file=plain, width=160))
    with two.shown():
        two.tell(FIRST, "training")
        write_failed(two, two.jobs[FIRST], Status.DIVERGED)
        two.finish(FIRST)
    assert plain.getvalue().splitlines() == [
        "paper/attributes-mobilenetv2/seed-0: training",
        "paper/attributes-mobilenetv2/seed-0: diverged: why; left: about 2 s",
    ]
