"""Where compiled search functions are kept, if neither the program's folder nor a home can be written.

numba keeps them beside their source, or else in the account's cache folder; where it can do neither, the
functions cannot even be declared. This belongs before the modules that declare them are loaded.
"""

import logging
import os
from pathlib import Path

from attrieve.data.compiled_functions import VARIABLE, can_be_kept, keep_in
from attrieve.errors import StorageError

FOLDER = "compiled"

log = logging.getLogger(__name__)


def place_kernels(state: Path) -> Path | None:
    """Have compiled functions kept with the service's state, if there is no other place for them.

    It holds for this process and those it starts.

    Args:
        state: folder of the service's state; made if it is needed and missing.

    Returns:
        The folder, or None if numba has one.

    Raises:
        StorageError: if there cannot be one.
    """
    if VARIABLE in os.environ or can_be_kept():
        return None
    folder = state.absolute() / FOLDER
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"compiled functions cannot be kept in {folder}: {error.strerror}; name a folder that can be"
            f" written in the environment variable {VARIABLE}"
        ) from error
    keep_in(folder)
    log.warning(
        "compiled functions are kept in %s, since neither the program's folder nor a home can be written; the"
        " environment variable %s names another place",
        folder,
        VARIABLE,
    )
    return folder
