"""One way for commands to fail: a message on the error stream and exit code 1."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import typer
from rich.console import Console

from attrieve.errors import AttrieveError

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def exits_on_error(command: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Wrap a command so that errors raised on purpose are told without a traceback."""

    @functools.wraps(command)
    def wrapped(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        try:
            return command(*args, **kwargs)
        except AttrieveError as error:
            Console(stderr=True).print(
                f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True
            )
            raise typer.Exit(1) from error

    return wrapped
