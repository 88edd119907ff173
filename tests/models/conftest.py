from collections.abc import Iterator

import pytest

from models.tiny import tiny_backbone


@pytest.fixture(autouse=True)
def small_backbone() -> Iterator[None]:
    """A backbone that is built and run in milliseconds."""
    with tiny_backbone():
        yield
