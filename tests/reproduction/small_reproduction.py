"""Recipes of all eleven rows that train in moments, and a process that reproduces them."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import tomli_w

from attrieve.reproduction.rows import Budget, row_names
from models.tiny import TINY, tiny_settings

KINDS = {"attributes": ("attributes", "pooled"), "embedding": ("embedding", "pooled")}

PROGRAM = """
import sys
import torch
sys.path.insert(0, {tests!r})
torch.set_num_threads(1)
from models.tiny import tiny_backbone
from attrieve.cli import main
with tiny_backbone():
    main()
"""


def write_small_recipes(folder: Path, *, epochs: int = 1, **changes: Any) -> Path:
    """The budget ``cpu``'s eleven recipes; ``changes`` adds tables, e.g. ``optimiser={...}``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in row_names(Budget.CPU):
        write_small_recipe(folder / f"{name}.toml", epochs=epochs, **changes)
    return folder


def write_small_recipe(path: Path, *, epochs: int = 1, **changes: Any) -> Path:
    kind, head = KINDS.get(path.stem.split("-")[0], ("multi_task", "transformer"))
    document = {
        "name": path.stem,
        "data": {"test_categories": 5},
        "model": tiny_settings(kind, head, backbone=TINY).model_dump(mode="json"),
        "optimiser": {"name": "adamw", "rate": 1e-3, "encoder_rate": 1e-3},
        "training": {"epochs": epochs, "batch": 4},
        **changes,
    }
    path.write_text("# Cost: about 2 seconds\n" + tomli_w.dumps(document), "utf-8")
    return path


def begin(*arguments: object) -> subprocess.Popen[str]:
    """``attrieve`` with these arguments, the tiny backbone known, in a process of its own."""
    program = PROGRAM.format(tests=str(Path(__file__).parents[1]))
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def read_json(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return document


def steps_of(run: Path) -> list[int]:
    with (run / "journal.csv").open(newline="", encoding="utf-8") as file:
        return [int(line["step"]) for line in csv.DictReader(file)]
