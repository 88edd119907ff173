"""Fixtures of tests that train or run tiny models; a conftest imports those it wants."""

from collections.abc import Iterator

import pytest
import torch

from models.tiny import tiny_backbone


@pytest.fixture(autouse=True)
def small_backbone() -> Iterator[None]:
    """A backbone that is built and run in milliseconds."""
    with tiny_backbone():
        yield


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Sums are added in one order only, and threads do not wait for each other over tiny tensors."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
