"""Benchmarks run rarely; what they import must not go away unnoticed."""

import ast
import importlib
from pathlib import Path

import pytest

BENCHMARKS = sorted((Path(__file__).parents[2] / "benchmarks").glob("*.py"))


def imported(path: Path) -> list[tuple[str, str]]:
    """Every ``from attrieve... import name`` of a file, those within functions too."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return [
        (node.module, alias.name)
        for node in nodes
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").split(".")[0] == "attrieve"
        and node.module
        for alias in node.names
    ]


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_what_a_benchmark_imports_is_there(path: Path) -> None:
    """Also what is only imported once the benchmark is under way."""
    names = imported(path)
    missing = [
        f"{module}.{name}" for module, name in names if not hasattr(importlib.import_module(module), name)
    ]
    assert not missing


def test_benchmarks_are_looked_at() -> None:
    """The rule above is no empty one."""
    assert len(BENCHMARKS) > 10
    assert sum(len(imported(path)) for path in BENCHMARKS) > 100
