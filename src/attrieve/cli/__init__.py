"""The command line: one thin file per command."""

from attrieve.cli.main import app, main

__all__ = ["app", "main"]
