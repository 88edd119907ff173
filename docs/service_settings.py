"""Write ``docs/service-settings.md`` from the settings of the service."""

import argparse
import sys
from enum import StrEnum
from pathlib import Path
from typing import Any, get_args

from pydantic_core import PydanticUndefined

from attrieve.serving.settings import LISTS, PREFIX, ServiceSettings

TARGET = Path(__file__).parent / "service-settings.md"
HEAD = """# Settings of the service

Written by `python docs/service_settings.py`; do not change it by hand.

`attrieve serve` takes its settings from the command line, from environment variables and from a TOML file
given by `--settings`, in this order: what the command line says goes before the environment, and the
environment before the file. A setting has one name everywhere: `port` in the file, `ATTRIEVE_PORT` in the
environment, `--port` where the command has it. Relative paths in a file start at its folder. An unknown name
is an error that says which known one is nearest.

```toml
# service.toml: attrieve serve --settings service.toml
gallery = "people"
run = "runs/full"
port = 8123
access = "accounts"
purpose_required = true
```

In the environment, lists are written with commas between: `ATTRIEVE_TRUSTED_PROXIES=10.0.0.1,10.0.0.2`.

| Setting | Variable | Value | Without it | What it does |
| --- | --- | --- | --- | --- |
"""


def page() -> str:
    """Return the page."""
    return HEAD + "".join(_row(name, field) for name, field in ServiceSettings.model_fields.items())


def _row(name: str, field: Any) -> str:
    cells = (
        f"`{name}`",
        f"`{PREFIX}{name.upper()}`",
        _kind(name, field),
        _default(field.default),
        field.description.replace("|", "\\|"),
    )
    return f"| {' | '.join(cells)} |\n"


def _kind(name: str, field: Any) -> str:
    kinds = [kind for kind in get_args(field.annotation) or (field.annotation,) if kind is not type(None)]
    if name in LISTS:
        return "list of texts"
    kind = kinds[0]
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return " or ".join(f"`{member.value}`" for member in kind)
    words = {int: "whole number", float: "number", bool: "yes or no", str: "text", Path: "path"}
    limits = {}
    for rule in field.metadata:
        for side in ("ge", "gt", "le"):
            if getattr(rule, side, None) is not None:
                limits[side] = f"{getattr(rule, side):,}"
    said = [f"{words} {limits[side]}" for side, words in _SIDES.items() if side in limits]
    return ", ".join([words[kind], *said])


_SIDES = {"ge": "at least", "gt": "above", "le": "at most"}


def _default(value: Any) -> str:
    if value is PydanticUndefined:
        return "must be given"
    if value is None or value == ():
        return ""
    if isinstance(value, bool):
        return "no" if value is False else "yes"
    if isinstance(value, tuple):
        return ", ".join(f"`{part}`" for part in value)
    if isinstance(value, int | float):
        return f"{value:,}" if value >= 100_000 else f"{value:g}"
    return f"`{value}`"


def main() -> None:
    """Write the page, or say whether it is up to date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if it is not up to date")
    given = parser.parse_args()
    text = page()
    if given.check:
        if text != TARGET.read_text("utf-8"):
            sys.exit(f"{TARGET} is not up to date; run: python docs/service_settings.py")
        return
    TARGET.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
