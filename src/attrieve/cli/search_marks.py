"""The marks of ``attrieve search``: from options and a file to a search, and what they changed."""

import getpass
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from attrieve.gallery.feedback import Feedback, Mark, Marks, RankChange
from attrieve.gallery.feedback.changes import moved
from attrieve.gallery.feedback.marks_file import read_marks, write_marks
from attrieve.schema import AttributeSchema


@dataclass(frozen=True)
class MarkOptions:
    """What was marked at the command line.

    Args:
        right: keys to mark right.
        wrong: keys to mark wrong.
        unmark: keys whose marks are taken back.
        file: where marks are kept, or None.
        by: who marks; None for the operating system's user.
    """

    right: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    unmark: tuple[str, ...] = ()
    file: Path | None = None
    by: str | None = None

    def __bool__(self) -> bool:
        return bool(self.right or self.wrong or self.unmark or self.file)

    @property
    def change(self) -> bool:
        """Whether anything is marked or taken back, beside what the file holds."""
        return bool(self.right or self.wrong or self.unmark)

    def check(self) -> None:
        """Refuse options that contradict each other.

        Raises:
            BadParameter: for a key both ways, or something to take back and no file to take it from.
        """
        for first, second, told in (
            (self.right, self.wrong, "both --right and --wrong"),
            (self.right, self.unmark, "both --right and --unmark"),
            (self.wrong, self.unmark, "both --wrong and --unmark"),
        ):
            twice = sorted(set(first) & set(second))
            if twice:
                raise typer.BadParameter(f"{twice[0]} is {told}; decide for one", param_hint=told.split()[1])
        if self.unmark and self.file is None:
            raise typer.BadParameter(
                "takes back a mark that a file keeps; name it with --marks FILE.json", param_hint="--unmark"
            )

    def marks(self, query: str, schema: AttributeSchema) -> Marks:
        """Return the marks of the file, changed as the options say; new ones remember the description.

        Raises:
            InputError: for a file that cannot be read, or a mark to take back that is not there.
        """
        found = Marks()
        if self.file is not None and (self.file.exists() or not self.change):
            found = read_marks(self.file, schema)
        found = found.without(self.unmark)
        now, who = datetime.now(UTC).replace(microsecond=0), self.by or _user()
        judged = [(key, True) for key in self.right] + [(key, False) for key in self.wrong]
        for key, right in dict(judged).items():
            known = found.get(key)
            if known is None or known.right != right:
                found = found.with_mark(Mark(key, right, query, now, who))
        return found

    def keep(self, marks: Marks, schema: AttributeSchema) -> None:
        """Write the file, if there is one and something changed."""
        if self.file is not None and self.change:
            write_marks(self.file, marks, schema)


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in some containers
        return None


def feedback_to_json(feedback: Feedback, changes: Sequence[RankChange]) -> dict[str, Any]:
    """Return what marks changed, for programs."""
    ranks = [change.before for change in changes]
    return {**feedback.to_json(), "ranks_before": ranks, "moved": moved(changes)}


def feedback_parts(feedback: Feedback, changes: Sequence[RankChange]) -> list[RenderableType]:
    """Lay out what marks changed: weights before and after, how far the embedding turned, what moved."""
    table = Table(title="what the marks change", title_justify="left")
    table.add_column("asked")
    table.add_column("weight before", justify="right")
    table.add_column("after", justify="right")
    for change in feedback.weights:
        style = "" if abs(change.after - change.before) < 5e-4 else "bold"
        table.add_row(Text(change.label), f"{change.before:.2f}", Text(f"{change.after:.2f}", style=style))
    marks, limits = feedback.marks, feedback.limits
    told = [f"{len(marks.right)} right, {len(marks.wrong)} wrong"]
    if feedback.angle_degrees is not None:
        told.append(
            f"the embedding asked for turned {feedback.angle_degrees:.1f} of at most "
            f"{limits.angle_degrees:g} degrees"
        )
    told.append(f"{moved(changes)} of {len(changes)} hits stand elsewhere")
    return [table, Text("; ".join(told))]
