"""Bars that show how far long work has come, on the error stream."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.progress import TimeRemainingColumn as TimeLeftColumn
from rich.text import Text


class RateColumn(ProgressColumn):
    """How many a second.

    Args:
        unit: of what, in the plural.
    """

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        """Return the speed as text, empty until it is known."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f} {self._unit}/s", style="progress.data.speed")


@contextmanager
def counting(what: str, total: int | None, unit: str = "rows") -> Iterator[Callable[[int], None]]:
    """Show a bar while the block runs.

    Args:
        what: is being done, one word.
        total: to be counted up to, or None if nobody knows.
        unit: what is counted, in the plural.

    Yields:
        Called with how many were done since its last call, from any thread.
    """
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), RateColumn(unit), TimeLeftColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.advance(task, done)
