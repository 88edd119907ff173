"""Names of accounts and keys: plain enough for a log line, an address and a table's cell."""

import re

from attrieve.errors import InputError

_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")


def checked_name(name: str) -> str:
    """Return a name that can be used.

    >>> checked_name("kim.doe@example.org")
    'kim.doe@example.org'

    Raises:
        InputError: if it cannot.
    """
    if _NAME.fullmatch(name) is None:
        raise InputError(
            f"cannot use the name {name[:80]!r}: take 1 to 64 of a-z, 0-9, '.', '_', '-' and '@',"
            " beginning with a letter or digit"
        )
    return name
