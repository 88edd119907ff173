"""Commands run where compiled functions can be kept neither beside the program nor in a home."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from attrieve.gallery.ingest import index_images
from attrieve.gallery.sources import FolderSource
from copied_program import copy_that_keeps_nothing, environment
from gallery.building import small_retriever, write_images

FIND = (
    "from attrieve.data.compiled_functions import find_place, can_be_kept; print(find_place(), can_be_kept())"
)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_that_keeps_nothing(tmp_path_factory.mktemp("program"))


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """The folder for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


def private(temporary: Path) -> Path:
    return temporary / f"attrieve-{os.geteuid()}"


def kept_in(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*.nbi")}


def ask(program: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        env=environment(program, **variables),
        capture_output=True,
        text=True,
        check=True,
        timeout=280,
    )


def search(program: Path, gallery: Path, temporary: Path) -> tuple[list[str], str]:
    """The keys found, and what stands on the error stream."""
    command = ("-m", "attrieve.cli", "search", str(gallery), "hat, !bag", "--top", "3", "--json")
    done = ask(program, *command, TMPDIR=str(temporary))
    return [hit["key"] for hit in json.loads(done.stdout)["hits"]], done.stderr


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    write_images(tmp_path / "in", 6)
    index_images(small_retriever(), tmp_path / "g", FolderSource(tmp_path / "in"))
    return tmp_path / "g"


def test_a_search_is_answered_where_nothing_can_be_kept(
    program: Path, gallery: Path, temporary: Path
) -> None:
    """With a notice that says which variable names a place; what somebody else could write is not run."""
    private(temporary).mkdir()
    private(temporary).chmod(0o777)
    keys, told = search(program, gallery, temporary)
    assert len(keys) == 3
    assert "compiled anew each time" in told
    assert "NUMBA_CACHE_DIR" in told
    assert kept_in(temporary) == set()


@pytest.mark.slow
def test_a_search_keeps_them_among_temporary_files(program: Path, gallery: Path, temporary: Path) -> None:
    """Which is told once, when there are none yet."""
    keys, told = search(program, gallery, temporary)
    assert str(private(temporary)) in told
    kept = kept_in(private(temporary))
    assert kept
    assert search(program, gallery, temporary) == (keys, "")
    assert kept_in(private(temporary)) == kept


def test_the_folder_among_temporary_files_is_private(program: Path, temporary: Path) -> None:
    done = ask(program, "-c", FIND, TMPDIR=str(temporary))
    assert str(private(temporary)) in done.stdout
    assert done.stdout.endswith("True\n")
    assert private(temporary).stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("kind", ["file", "link", "open"])
def test_a_folder_that_somebody_else_prepared_is_not_trusted(
    program: Path, temporary: Path, tmp_path: Path, kind: str
) -> None:
    """What is kept there would be run."""
    folder = private(temporary)
    if kind == "file":
        folder.touch()
    elif kind == "link":
        (tmp_path / "theirs").mkdir(mode=0o700)
        folder.symlink_to(tmp_path / "theirs")
    else:
        folder.mkdir()
        folder.chmod(0o720)
    done = ask(program, "-c", FIND, TMPDIR=str(temporary))
    assert "cannot be kept anywhere" in done.stdout
    assert done.stdout.endswith("False\n")


def test_a_usual_home_and_a_named_folder_are_left_alone(
    program: Path, temporary: Path, tmp_path: Path
) -> None:
    for more in (
        {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)},
        {"NUMBA_CACHE_DIR": str(tmp_path)},
    ):
        done = ask(program, "-c", FIND, TMPDIR=str(temporary), **more)
        assert done.stdout == "None True\n"
    assert list(temporary.iterdir()) == []
