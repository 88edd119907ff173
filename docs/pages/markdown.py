"""Numbers and tables as Markdown."""

from attrieve.evaluation.significance import Interval
from pages.intervals import Estimate


def table(heading: list[str], rows: list[list[str]]) -> str:
    """Return a table: the first column left, the others right."""
    lines = [heading, ["---"] + ["---:"] * (len(heading) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def value(found: Estimate | None) -> str:
    """Return a mean and how far its interval reaches."""
    if found is None:
        return "not run"
    return f"{found.mean:.1f}" if found.half is None else f"{found.mean:.1f} ± {found.half:.1f}"


def points(found: Estimate | None) -> str:
    """Return a difference with its sign and how far its interval reaches."""
    if found is None:
        return ""
    mean = signed(found.mean)
    return f"{mean} (one seed)" if found.half is None else f"{mean} ± {found.half:.1f}"


def signed(number: float) -> str:
    """Return a number with its sign; what rounds to zero has none.

    >>> signed(-0.04), signed(0.26)
    ('0.0', '+0.3')
    """
    rounded = round(number, 1)
    return "0.0" if rounded == 0 else f"{rounded:+.1f}"


def bracket(interval: Interval | None) -> str:
    """Return a mean and the two ends of its interval."""
    if interval is None:
        return ""
    return f"{signed(interval.mean)} [{signed(interval.low)}, {signed(interval.high)}]"


def pair(*cells: str) -> str:
    """Return mAP and Rank-1 as one cell; one "not run" says it for both."""
    return cells[0] if len(set(cells)) == 1 and cells[0] in ("", "not run") else " / ".join(cells)
