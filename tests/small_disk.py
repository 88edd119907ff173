"""A file system so small that a test can fill it."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_file_system(folder: Path, mebibytes: int) -> Iterator[Path]:
    """Mount an empty file system on a new folder; the test is skipped where that is not allowed."""
    folder.mkdir()
    mount, size = shutil.which("mount"), f"size={mebibytes}m"
    command = [str(mount), "-t", "tmpfs", "-o", size, "attrieve-test", str(folder)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system is not allowed here (it needs root)")
    try:
        yield folder
    finally:
        # lazily: a service that has just ended may hold a file for a moment
        subprocess.run([str(shutil.which("umount")), "-l", str(folder)], check=True)
