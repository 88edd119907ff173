from pathlib import Path

import pytest

from cli.training_commands import draw_data
from models.tiny_fixtures import one_thread, small_backbone
from reproduction.small_reproduction import write_small_recipes

__all__ = ["drawn", "one_thread", "small_backbone", "small_recipes"]


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty small pictures of people in PETA's layout."""
    return draw_data(tmp_path_factory.mktemp("drawn"))


@pytest.fixture(scope="session")
def small_recipes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The eleven rows of budget ``cpu``, tiny."""
    return write_small_recipes(tmp_path_factory.mktemp("recipes"))
