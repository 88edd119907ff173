"""Calling ``attrieve gallery`` in tests."""

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from attrieve.cli.gallery import app
from attrieve.gallery.database.writing import open_database_writer
from gallery.database.made import model, rows, vectors

runner = CliRunner()


def asked(*arguments: object, code: int = 0) -> dict[str, Any]:
    """Return the one JSON document a command prints on stdout."""
    result = runner.invoke(app, [*map(str, arguments), "--json"])
    assert result.exit_code == code, result.stderr
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def shown(*arguments: object, code: int = 0) -> str:
    """Return what a command tells people on stdout."""
    result = runner.invoke(app, [*map(str, arguments)], env={"COLUMNS": "240"})
    assert result.exit_code == code, result.stderr
    return result.stdout


def failure(*arguments: object, code: int = 1) -> str:
    """Return what a command that fails says on stderr; stdout stays empty."""
    result = runner.invoke(app, [*map(str, arguments), "--json"], env={"COLUMNS": "240"})
    assert (result.exit_code, result.stdout) == (code, ""), result.stderr
    return result.stderr


def filled(folder: Path, numbers: list[int], **changes: object) -> Path:
    """A gallery of rows that never had images."""
    with open_database_writer(folder, model=model()) as writer:
        writer.add(rows(numbers, **changes), vectors(numbers))
    return folder
