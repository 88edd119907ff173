"""How often somebody may ask: a bucket of tokens for each key, account or address.

Counted in each process by itself; with several workers somebody whose connections go to all of them gets as
many times the rate.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

MOST_BUCKETS = 10_000


class RateLimit:
    """Buckets that hold one minute's tokens and are filled evenly.

    Args:
        per_minute: tokens a minute, and the most a bucket holds.
        clock: seconds that never go back.

    >>> limit = RateLimit(2.0, clock=lambda: 0.0)
    >>> limit.take("kim"), limit.take("kim"), limit.take("kim"), limit.take("lee")
    (0.0, 0.0, 30.0, 0.0)
    """

    def __init__(self, per_minute: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._full_s: OrderedDict[str, float] = OrderedDict()
        self._guard = threading.Lock()

    def take(self, who: str) -> float:
        """Take a token; return 0, or if there is none, how many seconds until there is one.

        A bucket is kept as the moment when it will be full again (the generic cell rate algorithm, ITU-T
        I.371), so one that is full need not be kept.
        """
        now = self._clock()
        each_s = 60.0 / self.per_minute
        with self._guard:
            full_s = max(now, self._full_s.get(who, now)) + each_s
            wait_s = full_s - now - 60.0
            if wait_s > 1e-9:
                return wait_s
            self._full_s[who] = full_s
            self._full_s.move_to_end(who)
            while len(self._full_s) > MOST_BUCKETS:
                self._full_s.popitem(last=False)
        return 0.0
