"""Room kept for the ledger: on a full disk searches are still recorded, and so go on, for some while."""

import logging
import os
from contextlib import suppress
from pathlib import Path

RESERVE_FILE = "ledger-reserve"
RESERVE_BYTES = 16 << 20
"""Some ten thousand entries."""

log = logging.getLogger(__name__)


class Reserve:
    """A file that holds nothing but room, and is given up when the disk is full.

    Args:
        path: of the file.
        size: in bytes.
    """

    def __init__(self, path: Path, size: int = RESERVE_BYTES) -> None:
        self.path = path
        self.size = size

    def keep(self) -> bool:
        """Make the file if it is missing and there is room for it twice; return whether it is there now."""
        try:
            if self.path.exists() and self.path.stat().st_size == self.size:
                return True
            free = os.statvfs(self.path.parent)
            if free.f_bavail * free.f_frsize < 2 * self.size:
                return False
            with self.path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, self.size)
                os.fsync(file.fileno())
        except (OSError, AttributeError):  # no room after all; or a system that knows neither
            with suppress(OSError):
                self.path.unlink(missing_ok=True)
            return False
        return True

    def give_up(self) -> bool:
        """Make room by deleting the file; return whether there was one."""
        try:
            self.path.unlink()
        except OSError:
            return False
        log.error(
            "the disk is full: the ledger lives on %d MiB kept for it; free some space", self.size >> 20
        )
        return True
