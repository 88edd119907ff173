"""The benchmark of growing galleries: its code runs at a small size, and its numbers add up."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "scale.py"


@pytest.mark.slow
def test_its_code_runs(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, SCRIPT, "--sizes", "2500", "--queries", "2", "--folder", tmp_path, "--json"],
        check=True,
        capture_output=True,
        text=True,
    )
    [size] = json.loads(answer.stdout)["sizes"]
    assert size["opening"]["compact_bytes"] == 2500 * 167 + 40 * 12
    assert size["bytes"]["store"] > 2500 * 4 * (128 + 35)
    assert size["bytes"]["search"] > 2500 * (167 + 4 * (128 + 35))
    assert size["bytes"]["index"] > 2500 * (128 + 35)
    assert all(0 <= found["mean"] <= 1 for found in size["approximate"]["recall"])
    assert not list(tmp_path.iterdir())
