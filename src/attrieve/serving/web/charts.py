"""Charts as shapes made on the server: rectangles in percent of the drawing, words and tables beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import floor, log10

from attrieve.serving.wire.gallery import TimeBin


@dataclass(frozen=True)
class Bar:
    """A bar that lies.

    Args:
        label: what it stands for.
        value: as a number.
        share: of the longest, 0 to 1.
        note: for people, behind the bar.
        address: where it leads, or empty.
    """

    label: str
    value: float
    share: float
    note: str
    address: str = ""


@dataclass(frozen=True)
class Column:
    """A column of a histogram; all lengths in parts of the drawing, 0 to 1.

    Args:
        label: of the bin.
        rows: how many.
        left: where it begins.
        width: how wide it is.
        height: how high it is.
    """

    label: str
    rows: int
    left: float
    width: float
    height: float

    @property
    def top(self) -> float:
        """Where it begins, from above."""
        return 1.0 - self.height


@dataclass(frozen=True)
class Histogram:
    """Columns over time.

    Args:
        columns: in order, empty bins included.
        ceiling: what the top of the drawing stands for.
        ticks: values and their heights, 0 to 1.
        first: label of the first bin.
        last: label of the last bin.
    """

    columns: tuple[Column, ...]
    ceiling: int
    ticks: tuple[tuple[int, float], ...]
    first: str
    last: str


def bars(rows: Sequence[tuple[str, float, str, str]]) -> tuple[Bar, ...]:
    """Return lying bars for labels, values, notes and addresses; the longest fills its line.

    >>> [bar.share for bar in bars([("a", 4.0, "", ""), ("b", 1.0, "", "")])]
    [1.0, 0.25]
    """
    most = max((value for _, value, _, _ in rows), default=0)
    return tuple(
        Bar(label, value, value / most if most else 0.0, note, address)
        for label, value, note, address in rows
    )


def histogram(bins: Sequence[TimeBin], step: str | None) -> Histogram | None:
    """Return columns for the rows per stretch of time, or None without any.

    >>> drawn = histogram([TimeBin(start="2024-05-01T00:00:00+00:00", rows=3)], "day")
    >>> drawn.ceiling, drawn.columns[0].height, drawn.first
    (4, 0.75, '2024-05-01')
    """
    if not bins:
        return None
    ceiling = round_up(max(each.rows for each in bins))
    width = 1.0 / len(bins)
    columns = tuple(
        Column(_bin_label(each.start, step), each.rows, place * width, width * 0.86, each.rows / ceiling)
        for place, each in enumerate(bins)
    )
    ticks = tuple((round(ceiling * part), part) for part in (0.0, 0.5, 1.0))
    return Histogram(columns, ceiling, ticks, columns[0].label, columns[-1].label)


def round_up(value: int) -> int:
    """Return the next even number of few digits, for the top of an axis.

    >>> [round_up(value) for value in (0, 1, 3, 17, 96, 1234)]
    [2, 2, 4, 18, 96, 1400]
    """
    if value <= 2:
        return 2
    unit: int = max(2, 2 * 10 ** (floor(log10(value)) - 1))
    return -(-value // unit) * unit


def _bin_label(iso: str, step: str | None) -> str:
    moment = datetime.fromisoformat(iso)
    if step in ("minute", "hour"):
        return f"{moment:%Y-%m-%d %H:%M}"
    return (
        f"{moment:%Y}" if step == "year" else f"{moment:%Y-%m}" if step == "month" else f"{moment:%Y-%m-%d}"
    )
