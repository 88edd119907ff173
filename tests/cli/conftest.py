from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.training_commands import draw_data
from models.tiny import tiny_backbone


@pytest.fixture(scope="module")
def small_backbone() -> Iterator[None]:
    """A backbone that is built and run in milliseconds, for the modules that ask for it."""
    with tiny_backbone():
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty small pictures of people in PETA's layout."""
    return draw_data(tmp_path_factory.mktemp("data"))
