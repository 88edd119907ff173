"""Starting the scripts of this folder as processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a script with the tests' modules at hand; its output is what it reports."""
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent), "PYTHONFAULTHANDLER": "1"}
    return subprocess.Popen(
        [sys.executable, str(HERE / script), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
