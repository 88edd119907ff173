"""``attrieve keys``: what programs come in with."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from attrieve.cli.accounts import day
from attrieve.cli.failure import exits_on_error
from attrieve.cli.gallery_options import AsJson, print_json, read_duration
from attrieve.cli.roles import RoleName
from attrieve.cli.state_folder import StateFolder, administer, open_entrance

if TYPE_CHECKING:
    from attrieve.serving.state.keys import ApiKey

app = typer.Typer(help="Look after the API keys of programs.", no_args_is_help=True)

Prefix = Annotated[str, typer.Argument(help="Its 12 digits, as the list shows them.", show_default=False)]
Days = Annotated[int, typer.Option(min=1, max=3650, help="How long it is good for.")]


@app.callback()
def _keys() -> None:
    """Look after the API keys of programs."""


@app.command("create")
@exits_on_error
def create(
    folder: StateFolder,
    name: Annotated[str, typer.Argument(help="Of the program it is for.", show_default=False)],
    role: Annotated[RoleName, typer.Option(help="What it may do.", show_default=False)],
    days: Days = 365,
    as_json: AsJson = False,
) -> None:
    """Make a key; it is printed this once and kept nowhere.

    Example: attrieve keys create gallery nightly-import --role curator --days 90
    """
    entrance = open_entrance(folder, make=True)
    from attrieve.serving.access.roles import Role

    text, key = administer(entrance).create_key(name, Role(role.value), days=float(days))
    _tell_new(text, key, as_json=as_json)


@app.command("list")
@exits_on_error
def list_keys(folder: StateFolder, as_json: AsJson = False) -> None:
    """List the keys, ended and revoked ones too.

    Example: attrieve keys list gallery
    """
    entrance = open_entrance(folder)
    keys = entrance.keys.all()
    if as_json:
        print_json([_document(key) for key in keys])
        return
    table = Table()
    for column in ("key", "name", "role", "good", "made", "ends", "last used"):
        table.add_column(column)
    for key in keys:
        good = "no" if entrance.keys.refusal(key) else "yes"
        used = "never" if key.used_s is None else day(key.used_s)
        table.add_row(key.prefix, key.name, key.role.value, good, day(key.created_s), day(key.ends_s), used)
    Console(highlight=False).print(table)


@app.command("rotate")
@exits_on_error
def rotate(
    folder: StateFolder,
    prefix: Prefix,
    days: Days = 365,
    overlap: Annotated[
        timedelta,
        typer.Option(
            parser=read_duration,
            metavar="DURATION",
            help="How long the old key stays good, e.g. 24h.",
            show_default="0",
        ),
    ] = timedelta(0),
    as_json: AsJson = False,
) -> None:
    """Replace a key by a new one with the same name and role.

    Example: attrieve keys rotate gallery 0123456789ab --overlap 24h
    """
    text, key = administer(open_entrance(folder)).rotate_key(
        prefix, days=float(days), overlap_s=overlap.total_seconds()
    )
    _tell_new(text, key, as_json=as_json)


@app.command("revoke")
@exits_on_error
def revoke(folder: StateFolder, prefix: Prefix, as_json: AsJson = False) -> None:
    """Take a key back at once.

    Example: attrieve keys revoke gallery 0123456789ab
    """
    key = administer(open_entrance(folder)).revoke_key(prefix)
    if as_json:
        print_json(_document(key))
    else:
        Console(highlight=False).print(f"the key {key.prefix} of {key.name} is revoked")


def _tell_new(text: str, key: "ApiKey", *, as_json: bool) -> None:
    if as_json:
        print_json({**_document(key), "key": text})
        return
    Console(stderr=True, highlight=False).print(
        f"a key for {key.name}, {key.role.value}, good until {day(key.ends_s)}; it is not shown again:"
    )
    typer.echo(text)


def _document(key: "ApiKey") -> dict[str, Any]:
    return {
        "prefix": key.prefix,
        "name": key.name,
        "role": key.role.value,
        "created_s": key.created_s,
        "ends_s": key.ends_s,
        "used_s": key.used_s,
        "revoked": key.revoked,
    }
