"""Processes that tests start run the program that is tested."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from environments import TESTS, environment_with_tests

SUITE = Path(__file__).parent


@pytest.mark.parametrize("named", [["elsewhere", "program"], ["program"], []])
def test_what_the_path_names_stays_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: list[str]
) -> None:
    """In its order, behind the tests; without any, no empty entry (which would be the current folder)."""
    folders = [str(tmp_path / name) for name in named]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(folders))
    done = subprocess.run(
        [sys.executable, "-P", "-c", "import sys; print(*sys.path, sep='\\n')"],
        env=environment_with_tests(),
        capture_output=True,
        text=True,
        check=True,
    )
    found = done.stdout.splitlines()
    assert found[: 1 + len(named)] == [str(TESTS), *folders]
    assert "" not in found


def test_more_is_added() -> None:
    assert environment_with_tests(SOMETHING="1")["SOMETHING"] == "1"


def test_no_other_test_sets_a_path_that_forgets() -> None:
    """Those named here put a program of their own in the place of the one that is tested, on purpose."""
    on_purpose = {"environments.py", "copied_program.py", "test_decoder.py"}
    texts = {path.name: path.read_text("utf-8") for path in SUITE.rglob("*.py")}
    setting = {name for name, text in texts.items() if '"PYTHONPATH"' in text}
    assert {name for name in setting if "environment_with_tests" not in texts[name]} <= on_purpose
