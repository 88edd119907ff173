"""Where compiled functions are kept from one process to the next.

numba keeps them beside their source, or else in the account's cache folder; where it can do neither, a
function that is to be kept cannot even be declared. Places for them are found here before the modules that
declare them are loaded; without any, these modules declare them to be compiled anew in each process.
"""

import os
import stat
import tempfile
from pathlib import Path

VARIABLE = "NUMBA_CACHE_DIR"
"""Environment variable that names another folder."""


def can_be_kept() -> bool:
    """Return whether there is a place, as numba says itself for a function of this installation."""
    import numba

    try:
        numba.njit(cache=True)(_anything)
    except RuntimeError:
        return False
    return True


def keep_in(folder: Path) -> None:
    """Have functions kept in a folder, by this process and those it starts.

    Args:
        folder: that nobody else can write, since what is kept in it is run.
    """
    import numba

    os.environ[VARIABLE] = str(folder)
    numba.config.reload_config()  # type: ignore[no-untyped-call]


def find_place() -> str | None:
    """Have functions kept in a private folder among the temporary files, if there is no other place.

    Returns:
        What to tell about it: which folder was made for them, or that they cannot be kept; None if there is
        nothing new to tell.
    """
    if can_be_kept():
        return None
    folder = _private_folder()
    if folder is not None:
        new = not any(folder.iterdir())
        keep_in(folder)
        if can_be_kept():
            told = (
                f"compiled functions are kept in {folder}, since neither the program's folder nor a home can "
                f"be written; the environment variable {VARIABLE} names another place"
            )
            return told if new else None
    return (
        "compiled functions cannot be kept anywhere and are compiled anew each time, which takes seconds; "
        f"name a folder that can be written in the environment variable {VARIABLE}"
    )


def _private_folder() -> Path | None:
    """Return a folder for which nobody else could have left anything, or None if there is none."""
    try:
        folder = Path(tempfile.gettempdir()) / f"attrieve-{_account()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == _account()
    if os.name == "posix" and stat.S_IMODE(found.st_mode) & 0o077:
        return None
    return folder if ours else None


def _account() -> int:
    return os.geteuid() if os.name == "posix" else 0  # elsewhere temporary files are each account's own


def _anything() -> None:
    """Be declared, never compiled."""
