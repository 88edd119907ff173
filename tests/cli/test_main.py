"""The command itself: quick help, a true list of commands, exit codes."""

import inspect
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from attrieve import __version__
from attrieve.cli.main import COMMANDS, app, load_command

runner = CliRunner()

HEAVY = """
import sys
from typer.testing import CliRunner
from attrieve.cli import app
result = CliRunner().invoke(app, sys.argv[1:])
heavy = {"torch", "transformers", "lightning", "numba", "matplotlib"}
print(result.exit_code, sorted(heavy & set(sys.modules)))
"""


@pytest.mark.parametrize(
    ("arguments", "code"), [(["--help"], 0), (["--version"], 0), ([], 2), (["trian"], 2), (["--colour"], 2)]
)
def test_help_and_wrong_usage_wait_for_no_library(arguments: list[str], code: int) -> None:
    """PyTorch alone takes seconds to import; nobody should wait for it to read a list of commands."""
    done = subprocess.run(
        [sys.executable, "-c", HEAVY, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{code} []\n"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_list_says_of_each_command_what_its_own_help_says(name: str) -> None:
    """The short lines are kept beside the names; here they are compared with the commands themselves."""
    command = load_command(name)
    assert command.name == name
    assert command.help is not None
    first = inspect.cleandoc(command.help).split("\n\n")[0].replace("\n", " ")
    assert first == COMMANDS[name].about


def test_help_lists_every_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """By name, with its line."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERMINAL_WIDTH", "200")
    result = runner.invoke(app, ["--help"])
    assert result.exit_code == 0
    for name, command in COMMANDS.items():
        assert name in result.stdout
        assert command.about[:50] in result.stdout


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_commands_own_help_teaches(name: str) -> None:
    """The real command answers, under its own name, with its own options."""
    result = runner.invoke(app, [name, "--help"])
    assert result.exit_code == 0
    shown = " ".join(result.stdout.split())
    assert f"{name} [OPTIONS]" in shown
    assert COMMANDS[name].about[:30] in shown


def test_a_typo_is_told_the_nearest_command() -> None:
    """On the error stream, exit code 2."""
    result = runner.invoke(app, ["serch", "gallery", "hat"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "'search'" in result.stderr


def test_the_version_is_the_packages() -> None:
    """And nothing else."""
    assert runner.invoke(app, ["--version"]).stdout == f"{__version__}\n"


def test_every_command_function_is_documented_by_option() -> None:
    """An option without help teaches nothing."""
    for name in COMMANDS:
        command = load_command(name)
        commands = [command, *getattr(command, "commands", {}).values()]
        for one in commands:
            silent = [p.name for p in one.params if not getattr(p, "help", "") and p.name != "help"]
            assert silent == [], (name, one.name)
