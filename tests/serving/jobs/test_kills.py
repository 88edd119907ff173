"""kill -9 at any moment: what was acknowledged becomes a row, what was to be erased does not stay."""

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.gallery.database.verify import verify_database
from attrieve.serving.jobs.claims import MOST_ATTEMPTS
from attrieve.serving.jobs.job import JobKind, JobState
from environments import environment_with_tests
from serving.jobs.adding_process import LEASE_S
from serving.jobs.workplace import Workplace, make_workplace

LONGEST_S = 3.0


def run_and_kill(folder: Path, seed: int) -> tuple[set[str], set[str]]:
    """Let a process work for a random while; return the keys it acknowledged and those it was to erase."""
    command = [sys.executable, str(Path(__file__).with_name("adding_process.py")), str(folder), str(seed)]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment_with_tests(),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline()
        if not first:
            pytest.fail(process.stderr.read())
        time.sleep(random.Random(seed).uniform(0, LONGEST_S))
        process.kill()
        lines = [first, *process.stdout.read().split("\n")]
        assert "Traceback" not in process.stderr.read()
    kept: set[str] = set()
    erased: set[str] = set()
    for line in lines:
        try:
            told = json.loads(line)
        except ValueError:  # the last line was cut by the kill
            continue
        kept |= set(told.get("kept", ()))
        erased |= {told["erased"]} if "erased" in told else set()
    return kept, erased


def finish(folder: Path, retriever: object) -> None:
    """Do what is left, as a service that was started again does.

    A job that was killed so often that it was given up, as happens where a machine is too slow to get on with
    it between two kills, is retried, as its message asks for; of jobs that failed otherwise there are none.
    """
    workplace = Workplace(folder, retriever, lease_s=LEASE_S)  # type: ignore[arg-type]
    worker = workplace.worker()
    retried: set[int] = set()
    until = time.monotonic() + 120
    while time.monotonic() < until:
        for job in workplace.jobs.find(kinds=[JobKind.COMPACT], states=[JobState.QUEUED], limit=1000):
            workplace.jobs.cancel(job.number)
        for job in workplace.jobs.find(states=[JobState.FAILED], limit=1000):
            assert job.problem is not None
            assert (job.problem.kind, job.attempts) == ("given-up", MOST_ATTEMPTS), job.problem
            assert job.number not in retried
            retried.add(job.number)
            workplace.jobs.retry(job.number)
        if not workplace.jobs.find(states=[JobState.QUEUED, JobState.RUNNING]):
            break
        if not worker.run_one():
            time.sleep(0.05)
    assert not workplace.jobs.find(states=[JobState.QUEUED, JobState.RUNNING, JobState.FAILED])
    assert workplace.ledger.verify().clean
    workplace.close()


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_nothing_that_was_acknowledged_is_lost(tmp_path: Path, kills: int) -> None:
    """Whoever does the jobs next; and nothing is there twice or half."""
    made = make_workplace(tmp_path)
    assert made.retriever is not None
    before = {f"{number:016x}" for number in GallerySnapshot.open(made.gallery).columns().key.tolist()}
    made.close()
    made.retriever.save_pretrained(tmp_path / "run")
    kept: set[str] = set()
    erased: set[str] = set()
    for seed in range(kills):
        new, gone = run_and_kill(tmp_path, seed)
        kept, erased = kept | new, erased | gone
    finish(tmp_path, made.retriever)
    snapshot = GallerySnapshot.open(made.gallery)
    there = [f"{number:016x}" for number in snapshot.columns().key.tolist()]
    assert len(there) == len(set(there))
    assert kept
    assert before | kept <= set(there)
    assert not erased & set(there)
    assert verify_database(made.gallery).clean
    for row in snapshot.rows(sorted(kept)):
        assert row.source.path.is_file()
