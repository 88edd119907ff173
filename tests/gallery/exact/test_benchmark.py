"""The benchmark of exact search: its code runs at a small size, and its ways agree."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "exact_search.py"


@pytest.mark.slow
def test_its_code_runs() -> None:
    """A small gallery in memory, two on disk."""
    answer = subprocess.run(
        [sys.executable, SCRIPT, "--rows", "3000", "--scale", "1000,2000", "--seconds", "0", "--json"],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "error::RuntimeWarning"},
    )
    report = json.loads(answer.stdout)
    assert report["comparison"]["same_rows_as_float32_loop"] == 1
    assert report["worst_case"]["same_rows_as_float32_loop"] == 1
    assert report["comparison"]["ratios"]["exact_search_to_exact_search"] == 1
    for peer in report["comparison"]["peers"]:
        assert ("missing" in peer) != (peer.get("recall", 0) > 0.5)
    assert [size["rows"] for size in report["growth"]["sizes"]] == [1000, 2000]
    assert report["growth"]["sizes"][0]["compact_bytes"] == 1000 * 167 + 16 * 12
