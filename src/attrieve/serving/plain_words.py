"""What is told of errors outside the machine: what happened and what to do, but no path of the server.

The errors themselves name files and folders, for whoever runs the service; that belongs into the log.
"""

import errno
import re
import sqlite3
from collections.abc import Iterator

from attrieve.errors import AttrieveError, CheckpointError, GalleryBusyError, GalleryFormatError, StorageError

FULL = "the disk is full; try again when whoever runs the service has made room"
NOT_ALLOWED = "the service may not write where it has to; tell whoever runs it, the log says where"
IN_USE = "other work holds a file of the service for too long; try again in a moment"
UNUSABLE = "a file of the service cannot be used; tell whoever runs it, the log says which and why"

_SYSTEM = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
    errno.EROFS: NOT_ALLOWED,
    errno.EACCES: NOT_ALLOWED,
    errno.EPERM: NOT_ALLOWED,
}
_SQLITE = {
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_READONLY: NOT_ALLOWED,
    sqlite3.SQLITE_PERM: NOT_ALLOWED,
    sqlite3.SQLITE_BUSY: IN_USE,
    sqlite3.SQLITE_LOCKED: IN_USE,
}
_KINDS: dict[type[AttrieveError], str] = {
    GalleryBusyError: "another process is writing to the gallery; try again when it has ended",
    GalleryFormatError: "the gallery cannot be read; tell whoever runs the service, the log says why",
    CheckpointError: "the model of the service cannot be used; tell whoever runs it, the log says why",
}
_SYSTEM_OF_RUST = re.compile(r"\(os error (\d+)\)")


def plain_words(error: AttrieveError) -> str:
    """Return what a client is told of an error; of what is wrong in the request, all that it says.

    >>> plain_words(StorageError("/srv/people/state.sqlite is damaged")) == UNUSABLE
    True
    """
    for kind, words in _KINDS.items():
        if isinstance(error, kind):
            return words
    if not isinstance(error, StorageError):
        return str(error)
    return next(filter(None, map(_of_cause, _causes(error))), UNUSABLE)


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause = error.__cause__
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _of_cause(cause: BaseException) -> str | None:
    if isinstance(cause, sqlite3.Error):
        return _SQLITE.get(getattr(cause, "sqlite_errorcode", 0) & 0xFF)
    if isinstance(cause, OSError) and cause.errno is not None:
        return _SYSTEM.get(cause.errno)
    # Lance tells what the system said in words alone
    said = _SYSTEM_OF_RUST.search(str(cause))
    return None if said is None else _SYSTEM.get(int(said[1]))
