"""A copy of the program, run where compiled functions can be kept neither beside it nor in a home."""

import os
import shutil
from pathlib import Path

import attrieve


def copy_that_keeps_nothing(folder: Path) -> Path:
    """Copy the program to where nothing can be kept, not even by root: files are in the way."""
    source = Path(attrieve.__file__).parent
    shutil.copytree(source, folder / "attrieve", ignore=shutil.ignore_patterns("__pycache__"))
    for each in (folder / "attrieve", *(folder / "attrieve").rglob("*")):
        if each.is_dir():
            (each / "__pycache__").touch()
    return folder


def environment(program: Path, **more: str) -> dict[str, str]:
    """Without a home, and without what the tests' own run sets."""
    kept = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    nowhere = {"HOME": "/dev/null/home", "XDG_CACHE_HOME": "/dev/null/cache"}
    return kept | nowhere | {"PYTHONPATH": str(program)} | more
