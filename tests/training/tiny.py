"""Few, simple persons and a recipe that trains on them in moments."""

import csv
from pathlib import Path
from typing import Any

import torch

from attrieve.data.batch import category_positions
from attrieve.training.config import Recipe, parse_recipe
from attrieve.training.people import TrainingPeople
from models.tiny import tiny_schema, tiny_settings

CATEGORIES = (
    (1, 0, 1, 0, 0, 1),
    (0, 1, 1, 1, 0, 0),
    (1, 0, 0, 1, 1, 0),
    (0, 1, 0, 0, 1, 1),
    (0, 1, 1, 0, 1, 1),
)


def tiny_people(count: int = 40, seed: int = 0) -> TrainingPeople:
    """Each attribute lights up a band of the picture in a colour of its own."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.tensor(CATEGORIES, dtype=torch.int8)[torch.arange(count) % len(CATEGORIES)]
    images = torch.randint(0, 60, (count, 64, 32, 3), dtype=torch.uint8, generator=generator)
    colours = torch.tensor(
        [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1], [1, 0, 1]], dtype=torch.uint8
    )
    for attribute, colour in enumerate(colours):
        shown = values[:, attribute, None, None, None].byte() * colour
        images[:, 10 * attribute : 10 * attribute + 10] += 190 * shown
    category, categories, counts = category_positions(values)
    return TrainingPeople(tiny_schema(), images, values, category, categories, counts)


def tiny_recipe(kind: str = "multi_task", head: str = "transformer", *changes: str, **model: Any) -> Recipe:
    """Ten steps of four persons per epoch."""
    document = {
        "name": "tiny run",
        "model": tiny_settings(kind, head, **model).model_dump(mode="json"),
        "loss": {"semantic_margin": {"tau": 3.0, "weight": 1.0}},
        "optimiser": {"name": "adamw", "rate": 3e-3, "encoder_rate": 3e-3, "schedule": "constant"},
        "training": {"epochs": 3, "batch": 4},
    }
    return parse_recipe(document, changes)


def read_lines(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
