"""What is received lies in a folder of its own, which goes when its upload ends, however that ends."""

import subprocess
import sys
from pathlib import Path

import pytest

from attrieve.errors import StorageError
from attrieve.serving.uploads.receiving import forget_left_uploads, receiving_folder

RECEIVE = """
import sys, time
from pathlib import Path
from attrieve.serving.uploads.receiving import receiving_folder
with receiving_folder(Path(sys.argv[1])) as folder:
    (folder / "received").write_bytes(b"half a picture")
    print(folder, flush=True)
    time.sleep(600)
"""


def fail_within(uploads: Path) -> None:
    with receiving_folder(uploads) as folder:
        (folder / "received").write_bytes(b"x")
        raise ConnectionResetError("the client is gone")


def test_a_folder_goes_with_its_upload(tmp_path: Path) -> None:
    """Also when the upload fails, which is told as what it is."""
    uploads = tmp_path / "state" / "uploads"
    with pytest.raises(ConnectionResetError):
        fail_within(uploads)
    assert not list(uploads.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="no locks tell them apart")
def test_what_a_killed_process_left_is_deleted_and_what_is_under_way_stays(tmp_path: Path) -> None:
    assert forget_left_uploads(tmp_path) == 0
    command = [sys.executable, "-c", RECEIVE, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        theirs = Path(other.stdout.readline().strip())
        with receiving_folder(tmp_path) as ours:
            assert forget_left_uploads(tmp_path) == 0
            other.kill()
            other.wait()
            assert (theirs / "received").is_file()
            assert forget_left_uploads(tmp_path) == 1
            assert {path.name for path in tmp_path.iterdir()} == {ours.name, f"{ours.name}.lock"}
    assert not list(tmp_path.iterdir())


def test_a_place_that_refuses_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with (
        pytest.raises(StorageError, match="cannot receive images"),
        receiving_folder(tmp_path / "file" / "x"),
    ):
        pass
