"""How far indexing has come, how fast it goes, and how long it will take."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from attrieve.gallery.sources.item import Source

WINDOW_S = 30.0
"""The rate is that of the last half minute: skipping what is there says little about describing."""


@dataclass(frozen=True)
class IndexProgress:
    """Where a run is.

    Args:
        done: images whose fate is known: added, already there or in quarantine.
        total: how many there are, or None while or if nobody knows; never below ``done``.
        added: new rows, committed or about to be.
        already_there: images the gallery had.
        quarantined: images that could not be indexed.
        images_per_s: over the last half minute; 0 until it is known.
        seconds_left: at that rate, or None.
    """

    done: int
    total: int | None
    added: int
    already_there: int
    quarantined: int
    images_per_s: float
    seconds_left: float | None


class ProgressMeter:
    """Turns counts into :class:`IndexProgress`, at most one in ``least_s`` seconds.

    Args:
        report: called with each.
        total: asked for the number of images each time.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        report: Callable[[IndexProgress], object],
        total: Callable[[], int | None],
        *,
        clock: Callable[[], float] = time.monotonic,
        least_s: float = 0.1,
    ) -> None:
        self._report = report
        self._total = total
        self._clock = clock
        self._least_s = least_s
        self._reported = -float("inf")
        self._samples = deque([(clock(), 0)])

    def update(
        self,
        added: int,
        already_there: int,
        quarantined: int,
        *,
        last: bool = False,
        complete: bool = False,
    ) -> None:
        """Report counts so far; the last ones always. If they are complete, they are the total."""
        now = self._clock()
        if not last and now - self._reported < self._least_s:
            return
        self._reported = now
        done = added + already_there + quarantined
        rate = self._rate(now, done)
        total = done if complete else self._total()
        total = None if total is None else max(total, done)
        left = None if total is None or not rate else (total - done) / rate
        self._report(IndexProgress(done, total, added, already_there, quarantined, rate, left))

    def _rate(self, now: float, done: int) -> float:
        self._samples.append((now, done))
        while len(self._samples) > 2 and self._samples[1][0] <= now - WINDOW_S:
            self._samples.popleft()
        since, before = self._samples[0]
        return (done - before) / (now - since) if now > since else 0.0


class BackgroundCount:
    """Counts a source in a thread of its own, so that indexing need not wait for the total.

    Args:
        source: asked once.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._total: int | None = None
        self._thread = threading.Thread(target=self._count, name="attrieve-count", daemon=True)
        self._thread.start()

    def total(self) -> int | None:
        """Return the number of images, or None until it is known."""
        return self._total

    def _count(self) -> None:
        try:
            self._total = self._source.count()
        except Exception:  # whatever is wrong with the source, reading it will tell
            self._total = None
