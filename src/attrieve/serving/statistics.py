"""What a gallery holds, counted; counted once for each version of it."""

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attrieve.gallery.database.lance import batches
from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.gallery.database.text import unescape_text
from attrieve.gallery.store import Gallery
from attrieve.serving.galleries import version_of
from attrieve.serving.wire.gallery import AttributeCount, CountView, StatisticsView, TimeBin

STEPS = ("minute", "hour", "day", "week", "month", "year")
_SECONDS = {
    "minute": 60,
    "hour": 3600,
    "day": 86_400,
    "week": 604_800,
    "month": 2_629_746,
    "year": 31_556_952,
}
BINS_MOST = 120
"""The shortest step is taken that makes no more bins than this."""

VALUES_MOST = 200
"""Cameras and sources that are listed; what is beyond is added up under no name of its own."""

_ROWS = 65_536


class Statistics:
    """Counts of the newest version asked about; several threads may ask, one counts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counted: StatisticsView | None = None

    def counted(self, gallery: Gallery) -> StatisticsView | None:
        """Return the counts of a gallery if they are there already, without waiting."""
        known = self._counted
        return known if known is not None and known.version == version_of(gallery) else None

    def of(self, gallery: Gallery) -> StatisticsView:
        """Return the counts of a gallery.

        Raises:
            StorageError: if it cannot be read.
        """
        version = version_of(gallery)
        counted = self._counted
        if counted is not None and counted.version == version:
            return counted
        with self._lock:
            if self._counted is None or self._counted.version != version:
                self._counted = count(gallery)
            return self._counted


def count(gallery: Gallery) -> StatisticsView:
    """Count a gallery: a second or two for a million rows."""
    tally = _Tally()
    store = gallery.store
    if isinstance(store, GallerySnapshot):
        for batch in batches(store.table, ["camera", "time", "source", "member", "frame"], rows=_ROWS):
            tally.take(batch)
    step, bins = tally.bins()
    return StatisticsView(
        version=version_of(gallery),
        rows=len(gallery),
        cameras=_counts(tally.cameras),
        sources=_counts(tally.sources),
        first_time=None if tally.first is None else tally.first.isoformat(),
        last_time=None if tally.last is None else tally.last.isoformat(),
        without_time=tally.without_time,
        time_step=step,
        times=bins,
        attributes=attribute_counts(gallery),
    )


def attribute_counts(gallery: Gallery) -> list[AttributeCount]:
    """Count for every attribute the rows that are thought to show it; nothing without probabilities."""
    if not gallery.model.recognises or not len(gallery):
        return []
    schema, columns = gallery.schema, gallery.columns
    places = np.arange(len(columns.key)) if columns.kept is None else columns.kept
    shown = np.zeros(len(schema), np.int64)
    expected = np.zeros(len(schema))
    for first in range(0, len(places), _ROWS):
        probability = columns.vectors(places[first : first + _ROWS]).probability
        if probability is None:
            return []
        shown += (probability >= 0.5).sum(axis=0)
        expected += probability.sum(axis=0, dtype=np.float64)
    groups = {name: group.name for group in schema.groups for name in group.attributes}
    return [
        AttributeCount(
            attribute=name,
            label=label,
            group=groups[name],
            rows=int(rows),
            share=float(rows) / len(places),
            expected=float(total),
        )
        for name, label, rows, total in zip(schema.names, schema.labels, shown, expected, strict=True)
    ]


class _Tally:
    """Counts that grow batch by batch."""

    def __init__(self) -> None:
        self.cameras: Counter[str | None] = Counter()
        self.sources: Counter[str | None] = Counter()
        self.minutes: Counter[int] = Counter()
        self.first: datetime | None = None
        self.last: datetime | None = None
        self.without_time = 0

    def take(self, batch: pa.RecordBatch) -> None:
        """Count the rows of a batch."""
        _add(self.cameras, batch.column("camera"))
        _add(self.sources, _folders(batch))
        time = batch.column("time")
        self.without_time += time.null_count
        known = time.drop_null()
        if not len(known):
            return
        ends = pc.min_max(known).as_py()
        self.first = ends["min"] if self.first is None else min(self.first, ends["min"])
        self.last = ends["max"] if self.last is None else max(self.last, ends["max"])
        minutes, rows = np.unique(known.cast(pa.int64()).to_numpy() // 60_000_000, return_counts=True)
        self.minutes.update(dict(zip(minutes.tolist(), rows.tolist(), strict=True)))

    def bins(self) -> tuple[str | None, list[TimeBin]]:
        """Return rows per step of time, empty steps included."""
        if self.first is None or self.last is None:
            return None, []
        span = (self.last - self.first).total_seconds()
        step = next((one for one in STEPS if span / _SECONDS[one] < BINS_MOST), STEPS[-1])
        rows: Counter[datetime] = Counter()
        for minute, number in self.minutes.items():
            rows[_floor(datetime.fromtimestamp(60 * minute, UTC), step)] += number
        bins: list[TimeBin] = []
        start = _floor(self.first, step)
        while start <= self.last and len(bins) < 10 * BINS_MOST:
            bins.append(TimeBin(start=start.isoformat(), rows=rows[start]))
            start = _next(start, step)
        return step, bins


def _folders(batch: pa.RecordBatch) -> pa.Array:
    """Return where images came from: the archive or video, or the folder of a single file."""
    source = batch.column("source")
    alone = pc.and_(pc.is_null(batch.column("member")), pc.is_null(batch.column("frame")))
    folder = pc.replace_substring_regex(source, r"/[^/]*$", "")
    return pc.if_else(alone, folder, source)


def _add(counter: Counter[str | None], column: Any) -> None:
    for pair in column.value_counts().to_pylist():
        value = pair["values"]
        counter[None if value is None else unescape_text(value)] += pair["counts"]


def _counts(counter: Counter[str | None]) -> list[CountView]:
    listed = sorted(counter.items(), key=lambda item: (-item[1], item[0] or ""))
    return [CountView(value=value, rows=rows) for value, rows in listed[:VALUES_MOST]]


def _floor(moment: datetime, step: str) -> datetime:
    moment = moment.replace(second=0, microsecond=0)
    if step == "minute":
        return moment
    moment = moment.replace(minute=0)
    if step == "hour":
        return moment
    moment = moment.replace(hour=0)
    if step == "week":
        return moment - timedelta(days=moment.weekday())
    if step == "day":
        return moment
    moment = moment.replace(day=1)
    return moment if step == "month" else moment.replace(month=1)


def _next(start: datetime, step: str) -> datetime:
    if step == "month":
        return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
    if step == "year":
        return start.replace(year=start.year + 1)
    return start + timedelta(seconds=_SECONDS[step])
