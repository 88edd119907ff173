"""Arguments and options that several commands of ``attrieve gallery`` share."""

import json
import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

GalleryFolder = Annotated[Path, typer.Argument(help="Gallery folder.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]
Where = Annotated[
    list[str] | None,
    typer.Option(
        help="Only rows that meet this, e.g. camera=C1,C2 or 'time>=2024-01-01'; several must all hold.",
        show_default=False,
    ),
]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"\s*([0-9]{1,9}(?:\.[0-9]+)?)\s*([smhdw])\s*")


def read_duration(text: str) -> timedelta:
    """Read a duration such as 90m, 12h, 30d or 2w; plain 0 is none.

    Raises:
        typer.BadParameter: for anything else.

    >>> read_duration("36h")
    datetime.timedelta(days=1, seconds=43200)
    """
    if text.strip() == "0":
        return timedelta(0)
    match = _DURATION.fullmatch(text)
    if match is None:
        raise typer.BadParameter(f"{text!r} is no duration; write for example 90m, 12h, 30d or 2w")
    try:
        return timedelta(seconds=float(match.group(1)) * _UNITS[match.group(2)])
    except OverflowError:
        raise typer.BadParameter(f"{text!r} is longer than can be counted") from None


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something that cannot be undone; without a terminal ``--yes`` must be there.

    Raises:
        typer.BadParameter: if nobody can be asked.
        typer.Abort: if the answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"{question} There is no terminal to ask on; add --yes to do it")
    typer.confirm(question, abort=True, err=True)


def print_json(document: object) -> None:
    """Print one document on stdout; characters beyond ASCII are escaped, so every terminal takes it."""
    typer.echo(json.dumps(document, indent=2))


def size(count: int) -> str:
    """Return a number of bytes for people.

    >>> size(999), size(1_500_000)
    ('999 B', '1.5 MB')
    """
    if count < 1000:
        return f"{count} B"
    shown = count / 1000
    for unit in ("kB", "MB", "GB"):
        if shown < 1000:
            return f"{shown:.1f} {unit}"
        shown /= 1000
    return f"{shown:.1f} TB"
