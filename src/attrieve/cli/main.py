"""The ``attrieve`` command and its subcommands."""

from typing import Annotated

import typer

from attrieve import __version__
from attrieve.cli.data import app as data_app
from attrieve.cli.evaluate import evaluate
from attrieve.cli.index import index
from attrieve.cli.search import search
from attrieve.cli.train import train

app = typer.Typer(
    help="Describe a person, find them: train, evaluate, index and search by attributes.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
app.add_typer(data_app, name="data")
app.command()(train)
app.command()(evaluate)
app.command()(index)
app.command()(search)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _attrieve(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Describe a person, find them."""


def main() -> None:
    """Run the command line: exit code 0 done, 1 failed, 2 wrong usage."""
    app()
