"""Libraries that are there only if asked for."""

import importlib
from types import ModuleType

from attrieve.errors import ConfigurationError


def optional_library(name: str, purpose: str) -> ModuleType:
    """Import a library of the extra ``data``.

    Raises:
        ConfigurationError: naming library and extra, if it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ConfigurationError(
            f"{purpose} needs the library {name!r}, which cannot be imported ({error}); "
            "install it with: pip install 'attrieve[data]'"
        ) from error
