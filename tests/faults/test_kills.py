"""kill -9 at any moment: what was committed is there, what was not is not."""

import json
import random
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.gallery.database.verify import verify_database
from faults.changes import State, described
from faults.processes import start
from gallery.database.made import key_of

LONGEST_S = 2.0


def run_and_kill(folder: Path, state: State, seed: int) -> tuple[State, State, int]:
    """Let a writer work for a random while; return the last state it told, the one it was at, and commits."""
    with start("changes.py", folder, seed) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(asdict(state)) + "\n")
        process.stdin.flush()
        first = process.stdout.readline()
        if not first:
            assert process.stderr is not None
            pytest.fail(process.stderr.read())
        time.sleep(random.Random(seed).uniform(0, LONGEST_S))
        process.kill()
        told = [first, *process.stdout.read().split("\n")]
        assert process.stderr is not None
        errors = process.stderr.read()
    assert "Traceback" not in errors, errors
    done = coming = state
    commits = 0
    for line in told:
        try:
            report = json.loads(line)
        except ValueError:  # the last line was cut by the kill
            continue
        coming = State(**report["state"])
        if report["event"] == "done":
            done = coming
            commits += 1
    return done, coming, commits


def holds(folder: Path, state: State) -> bool:
    """Whether a gallery is in a state, to the last bit."""
    snapshot = GallerySnapshot.open(folder)
    columns = snapshot.columns()
    numbers = sorted(state.numbers(), key=key_of)
    expected = described(numbers, state.salts(numbers))
    return (
        snapshot.model.fingerprint == state.model.fingerprint
        and [f"{number:016x}" for number in columns.key.tolist()] == [key_of(n) for n in numbers]
        and np.array_equal(columns.embedding, expected.embedding)  # type: ignore[arg-type]
        and np.array_equal(columns.probability, expected.probability)  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("kills", [4, pytest.param(50, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])])
def test_a_killed_writer_loses_nothing_and_leaves_nothing_half_done(tmp_path: Path, kills: int) -> None:
    """The gallery is as after the last commit told, or as after the one that was at work; verify is clean."""
    folder, state, commits = tmp_path / "gallery", State(), 0
    for seed in range(kills):
        done, coming, told = run_and_kill(folder, state, seed)
        report = verify_database(folder)
        assert report.clean, report.lines()
        state = done if holds(folder, done) else coming
        assert holds(folder, state), f"after kill {seed} the gallery is in neither state"
        commits += told
    assert commits > kills
