"""Time that no clock change touches, for leases between processes of one machine.

A lease ends at a reading of the clock that counts since the machine was started, and names that start:
after another start every lease is void, and setting the time of day changes none.
"""

import time
from dataclasses import dataclass
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class LeaseClock:
    """Reads the time for leases.

    Args:
        boot: names this start of the machine; empty where the system gives no name.
    """

    boot: str

    @classmethod
    def of_this_machine(cls) -> "LeaseClock":
        """Return the clock all processes of this machine share."""
        try:
            return cls(_BOOT_ID.read_text("ascii").strip())
        except OSError:
            return cls("")

    def now(self) -> float:
        """Return seconds since the machine was started; never goes back while it runs."""
        return time.monotonic()
