"""``attrieve accounts``: who may sign in."""

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from attrieve.cli.failure import exits_on_error
from attrieve.cli.gallery_options import AsJson, Yes, confirm, print_json
from attrieve.cli.roles import RoleName
from attrieve.cli.state_folder import StateFolder, administer, open_entrance

if TYPE_CHECKING:
    from attrieve.serving.state.accounts import Account

app = typer.Typer(help="Look after the accounts of people who may sign in.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name of the account.", show_default=False)]
FromStdin = Annotated[
    bool,
    typer.Option("--password-stdin", help="Read the password from standard input, not from the terminal."),
]


@app.callback()
def _accounts() -> None:
    """Look after the accounts of people who may sign in."""


@app.command("add")
@exits_on_error
def add(
    folder: StateFolder,
    name: Name,
    role: Annotated[RoleName, typer.Option(help="What the account may do.", show_default=False)],
    password_stdin: FromStdin = False,
    as_json: AsJson = False,
) -> None:
    """Make an account; a password is asked for.

    Example: attrieve accounts add gallery kim --role searcher
    """
    entrance = open_entrance(folder, make=True)
    from attrieve.serving.access.roles import Role

    account = administer(entrance).add_account(name, Role(role.value), _password(password_stdin))
    _tell(account, f"{name} may sign in as {role.value}", as_json=as_json)


@app.command("list")
@exits_on_error
def list_accounts(folder: StateFolder, as_json: AsJson = False) -> None:
    """List the accounts.

    Example: attrieve accounts list gallery
    """
    accounts = open_entrance(folder).accounts.all()
    if as_json:
        print_json([_document(account) for account in accounts])
        return
    table = Table()
    for column in ("name", "role", "may sign in", "made", "last signed in"):
        table.add_column(column)
    for account in accounts:
        signed_in = "never" if account.signed_in_s is None else day(account.signed_in_s)
        may = "no" if account.disabled else "yes"
        table.add_row(account.name, account.role.value, may, day(account.created_s), signed_in)
    Console(highlight=False).print(table)


@app.command("password")
@exits_on_error
def password(
    folder: StateFolder, name: Name, password_stdin: FromStdin = False, as_json: AsJson = False
) -> None:
    """Give an account another password; all its sessions end.

    Example: attrieve accounts password gallery kim
    """
    entrance = open_entrance(folder)
    entrance.accounts.get(name)
    account = administer(entrance).set_password(name, _password(password_stdin))
    _tell(account, f"{name} has another password; its sessions have ended", as_json=as_json)


@app.command("role")
@exits_on_error
def role(
    folder: StateFolder,
    name: Name,
    role: Annotated[RoleName, typer.Argument(help="What the account may do.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Give an account another role; it holds from the next request on.

    Example: attrieve accounts role gallery kim auditor
    """
    entrance = open_entrance(folder)
    from attrieve.serving.access.roles import Role

    account = administer(entrance).set_role(name, Role(role.value))
    _tell(account, f"{name} has the role {role.value}", as_json=as_json)


@app.command("disable")
@exits_on_error
def disable(folder: StateFolder, name: Name, as_json: AsJson = False) -> None:
    """Forbid an account to sign in, and end its sessions.

    Example: attrieve accounts disable gallery kim
    """
    account = administer(open_entrance(folder)).disable(name)
    _tell(account, f"{name} may not sign in any more", as_json=as_json)


@app.command("enable")
@exits_on_error
def enable(folder: StateFolder, name: Name, as_json: AsJson = False) -> None:
    """Allow an account to sign in again.

    Example: attrieve accounts enable gallery kim
    """
    account = administer(open_entrance(folder)).enable(name)
    _tell(account, f"{name} may sign in again", as_json=as_json)


@app.command("remove")
@exits_on_error
def remove(folder: StateFolder, name: Name, yes: Yes = False, as_json: AsJson = False) -> None:
    """Remove an account for ever; what it did stays in the ledger.

    Example: attrieve accounts remove gallery kim --yes
    """
    entrance = open_entrance(folder)
    account = entrance.accounts.get(name)
    confirm(f"Remove the account {name} for ever?", yes=yes)
    administer(entrance).remove(name)
    _tell(account, f"{name} is removed; the name is not given again", as_json=as_json)


def day(seconds: float) -> str:
    """Return a moment for people.

    >>> day(0.0)
    '1970-01-01 00:00 UTC'
    """
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise typer.BadParameter("there is no terminal to ask for a password on; add --password-stdin")
    asked: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return asked


def _tell(account: "Account", told: str, *, as_json: bool) -> None:
    if as_json:
        print_json(_document(account))
    else:
        Console(highlight=False).print(told, markup=False)


def _document(account: "Account") -> dict[str, Any]:
    return {
        "name": account.name,
        "role": account.role.value,
        "disabled": account.disabled,
        "created_s": account.created_s,
        "password_set_s": account.password_set_s,
        "signed_in_s": account.signed_in_s,
    }
