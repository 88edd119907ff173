"""Starting the scripts of this folder as processes of their own."""

import subprocess
import sys
from pathlib import Path

from environments import environment_with_tests

HERE = Path(__file__).parent


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a script with the tests' modules at hand; its output is what it reports."""
    return subprocess.Popen(
        [sys.executable, str(HERE / script), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment_with_tests(PYTHONFAULTHANDLER="1"),
    )
