"""Finding the folder in which a service keeps accounts, keys and ledger."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attrieve.errors import ConfigurationError, InputError

if TYPE_CHECKING:
    from attrieve.serving.access.administration import Administration
    from attrieve.serving.access.entrance import Entrance
    from attrieve.serving.state.ledger import Ledger

StateFolder = Annotated[
    Path,
    typer.Argument(
        metavar="STATE|GALLERY",
        help="State folder of a service, or the gallery it serves.",
        show_default=False,
    ),
]


@contextmanager
def service_packages() -> Iterator[None]:
    """Say how to install what is missing.

    Raises:
        ConfigurationError: if an import within fails.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"the service needs the package {error.name!r}; install it with: pip install 'attrieve[serve]'"
        ) from error


def state_folder(folder: Path, *, make: bool = False) -> Path:
    """Return the state folder that is meant.

    Args:
        folder: of the state, or of a gallery whose state lies beside it.
        make: whether a state folder may be begun: beside a gallery, or where nothing is yet.

    Raises:
        ConfigurationError: if the packages of the service are missing.
        InputError: if it is neither.
    """
    with service_packages():
        from attrieve.serving.settings import read_settings
        from attrieve.serving.state.ledger import DATABASE_FILE
    from attrieve.gallery.manifest_file import MANIFEST_NAME

    gallery = (folder / MANIFEST_NAME).exists()
    state = read_settings({"gallery": folder}, environment={}).state_folder if gallery else folder
    nothing_yet = not state.exists() or (state.is_dir() and not any(state.iterdir()))
    if (state / DATABASE_FILE).exists() or (make and (gallery or nothing_yet)):
        return state
    if gallery:
        raise InputError(
            f"{folder} is a gallery that was not served yet: {state} is not there. If the service keeps its "
            "state elsewhere, name that folder"
        )
    raise InputError(
        f"{folder} is neither a gallery nor the state folder of a service: no {DATABASE_FILE} there"
    )


def open_ledger(folder: Path) -> "Ledger":
    """Open the ledger of a state folder; raises as :func:`state_folder`."""
    state = state_folder(folder)
    from attrieve.serving.state.ledger import Ledger

    return Ledger.open(state)


def open_entrance(folder: Path, *, make: bool = False) -> "Entrance":
    """Open accounts and keys of a state folder; raises as :func:`state_folder`."""
    state = state_folder(folder, make=make)
    from attrieve.serving.access.entrance import Entrance
    from attrieve.serving.settings import read_settings
    from attrieve.serving.state.ledger import Ledger

    ledger = Ledger.open(state)
    settings = read_settings({"gallery": folder, "state": state}, environment={})
    return Entrance(ledger.database, ledger, settings)


def administer(entrance: "Entrance") -> "Administration":
    """Return what changes accounts and keys, in the name of the operating system's user."""
    from attrieve.serving.access.administration import Administration
    from attrieve.serving.access.roles import local_actor

    return Administration(entrance, local_actor())
