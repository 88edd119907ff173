"""``attrieve ledger``: reading and checking what was done."""

import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from attrieve.cli.failure import exits_on_error
from attrieve.cli.gallery_options import AsJson, print_json
from attrieve.cli.printable import printable
from attrieve.cli.state_folder import StateFolder, open_ledger, state_folder

if TYPE_CHECKING:
    from attrieve.serving.state.ledger import Ledger
    from attrieve.serving.state.ledger_entry import LedgerEntry

app = typer.Typer(help="Read and check the ledger: who did what, when and what for.", no_args_is_help=True)

Who = Annotated[str | None, typer.Option(help="Only what this account or key did.", show_default=False)]
ActionName = Annotated[
    str | None, typer.Option("--action", help="Only this, e.g. search, view or export.", show_default=False)
]
Case = Annotated[str | None, typer.Option(help="Only what was done for this case.", show_default=False)]
Key = Annotated[
    str | None, typer.Option(help="Only what was done with this row of the gallery.", show_default=False)
]
MOMENTS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"]
Since = Annotated[
    datetime | None, typer.Option(formats=MOMENTS, help="From this moment on, in UTC.", show_default=False)
]
Until = Annotated[
    datetime | None, typer.Option(formats=MOMENTS, help="Before this moment, in UTC.", show_default=False)
]


class FileFormat(StrEnum):
    """How entries are written to a file."""

    CSV = "csv"
    JSON_LINES = "jsonl"


@app.callback()
def _ledger() -> None:
    """Read and check the ledger: who did what, when and what for."""


@app.command("verify")
@exits_on_error
def verify(
    folder: StateFolder,
    head: Annotated[
        Path | None,
        typer.Option(
            help="A head of this ledger that was kept elsewhere; see attrieve ledger head.",
            show_default=False,
        ),
    ] = None,
    public_key: Annotated[
        str | None,
        typer.Option(
            help="The installation's, 64 digits; without it, that of the signing key in the folder.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look for changed, missing, misplaced and cut off entries; exit code 1 if there are any.

    Example: attrieve ledger verify gallery --head ledger-head-may.json
    """
    state = state_folder(folder)
    from attrieve.serving.state.database import StateDatabase
    from attrieve.serving.state.ledger import DATABASE_FILE
    from attrieve.serving.state.ledger_check import check_ledger, lines
    from attrieve.serving.state.ledger_seal import SignedHead
    from attrieve.serving.state.signing import SigningKey

    key = public_key or SigningKey.open(state, make=False).public_key
    database = StateDatabase(state / DATABASE_FILE)
    check = check_ledger(database, key, anchor=None if head is None else SignedHead.read(head))
    database.close()
    if as_json:
        print_json(
            {
                "ledger": str(state / DATABASE_FILE),
                "clean": check.clean,
                "entries": check.entries,
                "removed": check.removed,
                "problems": list(check.problems),
                "clock_went_back": list(check.clock_went_back),
                "public_key": key,
            }
        )
    else:
        for line in lines(check):
            typer.echo(printable(line))
    if not check.clean:
        raise typer.Exit(1)


@app.command("head")
@exits_on_error
def head(folder: StateFolder) -> None:
    """Print where the ledger ends, signed: keep it elsewhere, to be able to show later what was there.

    Example: attrieve ledger head gallery > ledger-head-may.json
    """
    ledger = open_ledger(folder)
    print_json({**ledger.head().to_dict(), "public_key": ledger.key.public_key})


@app.command("show")
@exits_on_error
def show(
    folder: StateFolder,
    who: Who = None,
    action: ActionName = None,
    case: Case = None,
    key: Key = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=1, help="Most entries to show, the newest.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show the newest entries, all or those that meet conditions. Reading is recorded too.

    Example: attrieve ledger show gallery --case 7/24 --since 2024-05-01
    """
    ledger = open_ledger(folder)
    entries = _entries(ledger, who, action, case, key, since, until, limit=limit)
    if as_json:
        print_json([entry.to_dict() for entry in entries])
        return
    table = Table()
    for column in ("entry", "time (UTC)", "who", "action", "case", "purpose", "query", "details", "rows"):
        table.add_column(column, overflow="fold")
    for entry in entries:
        table.add_row(*(Text(printable(cell)) for cell in _cells(entry)))
    Console(highlight=False).print(table)


@app.command("export")
@exits_on_error
def export(
    folder: StateFolder,
    out: Annotated[Path, typer.Option(help="File to write; '-' is standard output.", show_default=False)],
    form: Annotated[FileFormat, typer.Option("--format", help="How it is written.")] = FileFormat.CSV,
) -> None:
    """Write every entry to a file: a table for spreadsheets, or lines of JSON. The export is recorded too.

    Example: attrieve ledger export gallery --out ledger.csv
    """
    from attrieve.data.files import write_atomically

    ledger = open_ledger(folder)
    from attrieve.serving.access.roles import local_actor
    from attrieve.serving.state.ledger import Action
    from attrieve.serving.state.ledger_export import LedgerFormat, export_lines

    last = ledger.record(local_actor(), Action.LEDGER_READ, details={"exported": form.value}).sequence
    entries = (entry for entry in ledger.every_entry() if entry.sequence <= last)
    written = export_lines(entries, LedgerFormat(form.value))
    if str(out) == "-":
        sys.stdout.writelines(written)
        return
    write_atomically(out, "".join(written).encode("utf-8"))
    Console(stderr=True, highlight=False).print(f"written: {out}", markup=False)


def _entries(
    ledger: "Ledger",
    who: str | None,
    action: str | None,
    case: str | None,
    key: str | None,
    since: datetime | None,
    until: datetime | None,
    *,
    limit: int,
) -> list["LedgerEntry"]:
    from attrieve.errors import UnknownNameError
    from attrieve.serving.access.roles import local_actor
    from attrieve.serving.state.ledger import Action

    if action is not None and action not in list(Action):
        raise UnknownNameError("action", action, [known.value for known in Action])
    asked: dict[str, Any] = {
        "who": who,
        "action": action,
        "case": case,
        "key": key,
        "since": None if since is None else since.replace(tzinfo=UTC),
        "until": None if until is None else until.replace(tzinfo=UTC),
    }
    details = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in asked.items()
        if value is not None
    }
    ledger.record(local_actor(), Action.LEDGER_READ, details=details)
    return ledger.entries(**asked, newest_first=True, limit=limit)[::-1]


def _cells(entry: "LedgerEntry") -> list[str]:
    from attrieve.serving.state.ledger_export import cell_text

    who = f"{entry.who} ({entry.role or entry.through})"
    if entry.key:
        who += f", key {entry.key}"
    time = entry.time[:19].replace("T", " ")
    if entry.clock_back_s:
        time += f" (clock set back by {entry.clock_back_s:,.0f} s)"
    return [
        str(entry.sequence),
        time,
        who,
        entry.action.value,
        entry.case or "",
        entry.purpose or "",
        cell_text(entry.query),
        cell_text(entry.details),
        f"{len(entry.keys):,}" if entry.keys else "",
    ]
