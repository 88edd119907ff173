"""A little drawn data and a small recipe for tests of ``train`` and ``evaluate``."""

import json
from pathlib import Path
from typing import Any

import tomli_w
from typer.testing import CliRunner, Result

from attrieve.cli.main import app
from attrieve.data.synthetic import DrawnPeopleConfig, write_peta_layout
from models.tiny import tiny_settings


def draw_data(folder: Path) -> Path:
    """Sixty small pictures of people, two to four of each."""
    config = DrawnPeopleConfig(images=60, height_px=64, width_px=32, images_per_person=(2, 4), difficulty=0.0)
    return write_peta_layout(folder, config, workers=1)


def write_small_recipe(path: Path, **model: Any) -> Path:
    document = {
        "name": "small",
        "data": {"test_categories": 5},
        "model": tiny_settings(**model).model_dump(mode="json"),
        "optimiser": {"name": "adamw", "rate": 1e-3, "encoder_rate": 1e-3},
        "training": {"epochs": 1, "batch": 8},
    }
    path.write_bytes(tomli_w.dumps(document).encode())
    return path


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def document_of(result: Result) -> dict[str, Any]:
    """The one JSON document on stdout; NaN is no JSON."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    assert result.exit_code == 0, (result.stderr, result.exception)
    document: dict[str, Any] = json.loads(result.stdout, parse_constant=refuse)
    return document
