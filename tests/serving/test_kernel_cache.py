"""A service starts where compiled functions can be kept neither beside the program nor in a home."""

import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

import attrieve
from copied_program import copy_that_keeps_nothing, environment
from serving.place import Place


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_that_keeps_nothing(tmp_path_factory.mktemp("program"))


def serve_command(place: Place, state: str, *more: str) -> list[str]:
    return [sys.executable, "-m", "attrieve.cli", "serve", str(place.gallery), "--state", state, *more]


@contextmanager
def running(program: Path, place: Place, state: Path, **more: str) -> Iterator[tuple[str, list[str]]]:
    """The command; gives its address and its log lines, all of them once it has ended."""
    process = subprocess.Popen(
        serve_command(place, str(state), "--port", "0", "--json-logs"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(program, ATTRIEVE_SEARCH_THREADS="1", **more),
    )
    assert process.stdout is not None
    assert process.stderr is not None
    lines: list[str] = []
    errors = process.stderr
    reader = threading.Thread(target=lambda: lines.extend(errors))
    reader.start()
    try:
        found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        if found is None:
            process.kill()
            reader.join()
            raise AssertionError("".join(lines))
        yield found[0], lines
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) in (0, -signal.SIGTERM)
    finally:
        process.kill()
        process.wait()
        reader.join()
        process.stdout.close()
        errors.close()


def kept_in(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*.nbi")}


def told_of(lines: list[str]) -> list[str]:
    told = [json.loads(line)["message"] for line in lines]
    return [message for message in told if "NUMBA_CACHE_DIR" in message]


def test_nothing_can_be_kept_in_the_copy(program: Path) -> None:
    """So that the other tests test something: a function that is to be kept cannot be declared there."""
    declared = (
        "import attrieve.data.compiled_functions as place, numba; numba.njit(cache=True)(place._anything)"
    )
    done = subprocess.run(
        [sys.executable, "-c", declared],
        env=environment(program),
        capture_output=True,
        text=True,
    )
    assert "no locator available" in done.stderr


def test_compiled_functions_are_kept_with_the_state(program: Path, place: Place, tmp_path: Path) -> None:
    """The log says where, and which variable names another place; nobody else may read there."""
    state = tmp_path / "state"
    with running(program, place, state) as (address, lines):
        answer = httpx.get(f"{address}/api/v1/search", params={"q": "hat"}, timeout=120)
        assert answer.json()["total"] == 24
    [told] = told_of(lines)
    assert str(state / "compiled") in told
    assert kept_in(state / "compiled")
    assert state.stat().st_mode & 0o777 == (state / "compiled").stat().st_mode & 0o777 == 0o700


@pytest.mark.slow
def test_the_place_that_is_named_is_taken(program: Path, place: Place, tmp_path: Path) -> None:
    named = tmp_path / "named"
    with running(program, place, tmp_path / "state", NUMBA_CACHE_DIR=str(named)) as (address, lines):
        assert httpx.get(f"{address}/api/v1/search?q=hat", timeout=120).status_code == 200
    assert told_of(lines) == []
    assert kept_in(named)
    assert not (tmp_path / "state" / "compiled").exists()


def test_where_there_is_no_place_at_all_it_is_told(program: Path, place: Place) -> None:
    """In one line, with what to do; not a traceback of the compiler."""
    command = serve_command(place, "/dev/null/state")
    done = subprocess.run(command, env=environment(program), capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "NUMBA_CACHE_DIR" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_usual_home_is_left_alone(place: Place, tmp_path: Path) -> None:
    """Where compiled functions can be kept as always, they are."""
    home = str(tmp_path / "home")
    with running(
        Path(attrieve.__file__).parents[1], place, tmp_path / "state", HOME=home, XDG_CACHE_HOME=home
    ) as (address, lines):
        assert httpx.get(f"{address}/api/v1/health/ready", timeout=120).status_code == 200
    assert told_of(lines) == []
    assert not (tmp_path / "state" / "compiled").exists()
