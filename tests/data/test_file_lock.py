"""Locks that end with their holder."""

import subprocess
import sys
from pathlib import Path

import pytest

from attrieve.data.file_lock import try_lock
from attrieve.errors import StorageError

HOLDER = """
import sys, time
from pathlib import Path
from attrieve.data.file_lock import try_lock
with try_lock(Path(sys.argv[1])) as mine:
    print(mine, flush=True)
    time.sleep(600)
"""


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    """Free again afterwards, an error inside included; the file stays."""
    path = tmp_path / "a.lock"

    def fail_while_holding() -> None:
        with try_lock(path):
            raise ValueError("inside")

    with try_lock(path) as first, try_lock(path) as second, try_lock(tmp_path / "b.lock") as other:
        assert (first, second, other) == (True, False, True)
    with pytest.raises(ValueError, match="inside"):
        fail_while_holding()
    with try_lock(path) as again:
        assert again
    assert path.exists()


def test_a_killed_holder_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with subprocess.Popen([sys.executable, "-c", HOLDER, path], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        with try_lock(path) as mine:
            assert not mine
        holder.kill()
        holder.wait()
    with try_lock(path) as mine:
        assert mine


def test_a_lock_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="is the folder writable"), try_lock(tmp_path / "none" / "a.lock"):
        pass
