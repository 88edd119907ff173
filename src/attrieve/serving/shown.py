"""What was shown to whom of late."""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from enum import IntEnum

from attrieve.serving.access.roles import Actor

SAME_VIEW_S = 900.0
"""Looking at the same picture again within a quarter of an hour is the same view."""

REMEMBERED = 200_000
"""Views that are remembered at most; for those forgotten the ledger is asked."""


class Depth(IntEnum):
    """How much of a row was shown."""

    HIT = 1
    """In a list of hits, with its thumbnail."""
    DETAILS = 2
    """On its own, with crop and everything the model saw."""


class ShownOfLate:
    """What was shown to whom of late; the ledger has it for good."""

    def __init__(self) -> None:
        self._until: OrderedDict[tuple[str, str, Depth], float] = OrderedDict()
        self._lock = threading.Lock()

    def remember(self, actor: Actor, keys: Iterable[str], depth: Depth) -> None:
        """Note what has just been written into the ledger."""
        until = time.monotonic() + SAME_VIEW_S
        with self._lock:
            for key in keys:
                self._until[actor.name, key, depth] = until
                self._until.move_to_end((actor.name, key, depth))
            while len(self._until) > REMEMBERED:
                self._until.popitem(last=False)

    def covers(self, actor: Actor, key: str, depth: Depth) -> bool:
        """Return whether a row was shown to somebody of late, at this depth or a deeper one."""
        now = time.monotonic()
        with self._lock:
            return any(
                self._until.get((actor.name, key, other), now) > now for other in Depth if other >= depth
            )
