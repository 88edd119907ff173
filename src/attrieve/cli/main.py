"""The ``attrieve`` command and its subcommands, each loaded only when it is called."""

from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from attrieve import __version__


@dataclass(frozen=True)
class Command:
    """Where a subcommand lives, and what the list of commands says of it.

    Args:
        module: to import when the command is called; PyTorch alone takes seconds, so help does not wait
            for it.
        name: of the function, or of the Typer application if the command has commands of its own.
        about: the first line of its help.
    """

    module: str
    name: str
    about: str


COMMANDS = {
    "demo": Command(
        "attrieve.cli.demo",
        "demo",
        "Draw people, train, evaluate, index, search, and write a report with pictures.",
    ),
    "data": Command("attrieve.cli.data", "app", "Look at data sets."),
    "train": Command(
        "attrieve.cli.train", "train", "Train a retriever: by a recipe, or without one in the best way known."
    ),
    "evaluate": Command(
        "attrieve.cli.evaluate",
        "evaluate",
        "Measure a run on the test part of its split and write metrics.json into the run folder.",
    ),
    "calibrate": Command(
        "attrieve.cli.calibrate",
        "calibrate",
        "Fit what turns a run's scores into probabilities, on people it did not learn from.",
    ),
    "significance": Command(
        "attrieve.cli.significance",
        "significance",
        "Tell which attributes help retrieval, which hurt, and what perfect ones would reach.",
    ),
    "testimony": Command(
        "attrieve.cli.testimony",
        "ask_witnesses",
        "Ask simulated witnesses about the test people, and measure how well each distance finds them.",
    ),
    "reproduce": Command(
        "attrieve.cli.reproduce",
        "reproduce",
        "Reproduce the paper's Tables 4.2 and 4.3: train and measure every row over several seeds.",
    ),
    "index": Command(
        "attrieve.cli.index",
        "index",
        "Describe person images once and keep the result, so that they can be searched.",
    ),
    "search": Command(
        "attrieve.cli.search", "search", "Rank the images of a gallery by a description, nearest first."
    ),
    "marks": Command("attrieve.cli.marks", "app", "Hits marked right or wrong, as labels to learn from."),
    "gallery": Command(
        "attrieve.cli.gallery",
        "app",
        "Look after a gallery: what it holds, whether it is sound, what leaves it.",
    ),
    "serve": Command(
        "attrieve.cli.serve",
        "serve",
        "Serve a gallery: a page to search it with, and a REST interface for programs.",
    ),
    "accounts": Command("attrieve.cli.accounts", "app", "Look after the accounts of people who may sign in."),
    "keys": Command("attrieve.cli.keys", "app", "Look after the API keys of programs."),
    "ledger": Command(
        "attrieve.cli.ledger", "app", "Read and check the ledger: who did what, when and what for."
    ),
    "case": Command("attrieve.cli.case", "app", "Check exported cases."),
    "retention": Command(
        "attrieve.cli.retention", "app", "Remove rows, entries of the ledger and jobs by age."
    ),
}
"""Every subcommand, in the order help lists them."""

COMPILING = {
    *("demo", "evaluate", "calibrate", "significance", "testimony", "reproduce"),
    *("index", "search", "marks", "gallery"),
}
"""Those that run compiled functions, for which a place is found before they are loaded."""


class LazyGroup(TyperGroup):
    """A group that lists its commands from :data:`COMMANDS` and imports the one that is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the called command itself in place of the entry that stands for it."""
        name, listed, rest = super().resolve_command(ctx, args)
        if name in COMPILING:
            from attrieve.data.compiled_functions import find_place

            if (told := find_place()) is not None:
                typer.echo(told, err=True)
        return name, load_command(name) if name in COMMANDS else listed, rest


def load_command(name: str) -> Any:
    """Import a subcommand.

    >>> load_command("train").name
    'train'
    """
    found = getattr(import_module(COMMANDS[name].module), COMMANDS[name].name)
    if not isinstance(found, typer.Typer):
        single = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)
        single.command(name)(found)
        found = single
    command = typer.main.get_command(found)
    command.name = name
    return command


app = typer.Typer(
    cls=LazyGroup,
    help="Describe a person, find them: train, evaluate, index and search by attributes.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)


def _stand_in() -> None:
    raise AssertionError("LazyGroup puts the real command in this one's place")


for _name, _command in COMMANDS.items():
    app.command(_name, help=_command.about)(_stand_in)


def _print_version(wanted: bool) -> bool:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit
    return wanted


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
