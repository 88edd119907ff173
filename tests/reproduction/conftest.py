from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from cli.training_commands import draw_data
from models.tiny import tiny_backbone
from reproduction.small_reproduction import write_small_recipes


@pytest.fixture(autouse=True)
def small_backbone() -> Iterator[None]:
    """A backbone that is built and run in milliseconds."""
    with tiny_backbone():
        yield


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Threads would wait for each other over tiny tensors."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty small pictures of people in PETA's layout."""
    return draw_data(tmp_path_factory.mktemp("drawn"))


@pytest.fixture(scope="session")
def small_recipes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The eleven rows of budget ``cpu``, tiny."""
    return write_small_recipes(tmp_path_factory.mktemp("recipes"))
