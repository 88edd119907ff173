"""How often one may ask, compared with a bucket filled drop by drop."""

import itertools
import json
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from attrieve.serving.access.rate_limit import BUCKETS_FILE, RateLimit, SharedRateLimit
from attrieve.serving.access.roles import Role
from serving.access.entrances import PASSWORD, administration, client_of, service, sign_in
from serving.state.ledgers import Clock

PROCESS = """
import json, sys
from pathlib import Path
from attrieve.serving.access.rate_limit import SharedRateLimit
limit = SharedRateLimit(Path(sys.argv[1]), "requests", 40.0, clock=lambda: 5.0)
print("ready", flush=True)
sys.stdin.readline()
print(json.dumps(sum(limit.take("kim") == 0 for _ in range(60))))
"""
"""Takes what it can get while the clock stands."""


@given(
    per_minute=st.integers(1, 50),
    steps=st.lists(st.tuples(st.integers(0, 40), st.sampled_from("ab")), max_size=120),
    shared=st.booleans(),
)
@examples(deadline=None, max_examples=60)
def test_as_a_bucket_of_tokens(per_minute: int, steps: list[tuple[int, str]], shared: bool) -> None:
    """Each holds a minute's tokens and is filled evenly; what one takes the other does not miss.

    Where it is shared, two that use one file are asked in turn.
    """
    clock = Clock(0.0)
    limits: list[RateLimit | SharedRateLimit] = [RateLimit(float(per_minute), clock=clock)]
    with tempfile.TemporaryDirectory() as folder:
        if shared:
            file = Path(folder) / BUCKETS_FILE
            limits = [SharedRateLimit(file, "x", float(per_minute), clock=clock) for _ in range(2)]
        compare_with_tokens(limits, clock, per_minute, steps)
        for limit in limits:
            if isinstance(limit, SharedRateLimit):
                limit.close()


def compare_with_tokens(
    limits: list[RateLimit | SharedRateLimit], clock: Clock, per_minute: int, steps: list[tuple[int, str]]
) -> None:
    tokens = {"a": float(per_minute), "b": float(per_minute)}
    for (step_s, who), limit in zip(steps, itertools.cycle(limits), strict=False):
        clock.now_s += step_s
        for name in tokens:
            tokens[name] = min(per_minute, tokens[name] + step_s * per_minute / 60)
        wait_s = limit.take(who)
        if tokens[who] >= 1 - 1e-6:
            assert wait_s == 0
            tokens[who] -= 1
        else:
            assert abs(wait_s - (1 - tokens[who]) * 60 / per_minute) < 1e-6


def test_after_the_wait_there_is_a_token() -> None:
    """What is told is enough, and no less would be."""
    clock = Clock(0.0)
    limit = RateLimit(7.0, clock=clock)
    while (wait_s := limit.take("kim")) == 0:
        pass
    clock.now_s += wait_s - 0.01
    assert limit.take("kim") > 0
    clock.now_s += 0.02
    assert limit.take("kim") == 0


def test_two_processes_have_one_limit(tmp_path: Path) -> None:
    """Asked by both at once, no more tokens are given than there are, and no fewer."""
    file = tmp_path / BUCKETS_FILE
    command = [sys.executable, "-c", PROCESS, str(file)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(2)]  # type: ignore[call-overload]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    taken = [json.loads(process.communicate("go\n", timeout=60)[0]) for process in processes]
    assert sum(taken) == 40
    assert file.stat().st_mode & 0o777 == 0o600


def test_two_services_over_one_state_folder_have_one_limit(tmp_path: Path) -> None:
    """As the workers of one service: half of the requests go to each."""
    with (
        service(tmp_path, requests_per_minute=6) as (first, one),
        service(tmp_path, requests_per_minute=6) as (_, other),
    ):
        boss = administration(first)
        boss.add_account("kim", Role.SEARCHER, PASSWORD)
        sign_in(one, "kim")
        other.cookies = one.cookies
        told = [client.get("/api/v1/account").status_code for _ in range(5) for client in (one, other)]
        assert told == [200] * 6 + [429] * 4
        stranger = client_of(first)
        assert stranger.get("/api/v1/account").status_code == 401


def test_a_file_that_cannot_be_used_keeps_nobody_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Each process counts by itself then, and says so once."""
    file = tmp_path / BUCKETS_FILE
    file.write_bytes(b"no database, but long enough to be looked at " * 100)
    limit = SharedRateLimit(file, "requests", 2.0, clock=lambda: 0.0)
    assert [limit.take("kim") for _ in range(3)] == [0.0, 0.0, 30.0]
    assert len(caplog.records) == 1


def test_what_another_boots_clock_left_behind(tmp_path: Path) -> None:
    """After a restart of the machine its seconds begin anew: nobody waits for those of before."""
    file = tmp_path / BUCKETS_FILE
    before = SharedRateLimit(file, "requests", 5.0, clock=lambda: 1e6)
    while before.take("kim") == 0:
        pass
    before.close()
    after = SharedRateLimit(file, "requests", 5.0, clock=lambda: 10.0)
    assert [after.take("kim") for _ in range(6)] == [0.0] * 5 + [12.0]
    after.close()


def test_full_buckets_are_not_kept(tmp_path: Path) -> None:
    """Addresses that came by once do not stay in the file."""
    file, clock = tmp_path / BUCKETS_FILE, Clock(0.0)
    limit = SharedRateLimit(file, "requests", 1e6, clock=clock)
    for number in range(3000):
        clock.now_s += 0.1
        limit.take(f"address {number}")
    limit.close()
    connection = sqlite3.connect(file)
    assert connection.execute("SELECT count(*) FROM buckets").fetchone()[0] <= 2000 + 700
    connection.close()
    assert [left.name for left in tmp_path.iterdir()] == [BUCKETS_FILE]
