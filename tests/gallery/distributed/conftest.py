"""One cluster for all tests of a run: starting its head takes longer than most of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gallery.distributed.clusters import Machines, machines

TESTS = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def _head() -> Iterator[Machines]:
    pytest.importorskip("ray")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        patch.setenv("PYTHONPATH", str(TESTS))  # workers unpickle models that stand in tests
        with machines() as cluster:
            yield cluster


@pytest.fixture
def cluster(_head: Machines) -> Iterator[Machines]:
    """The head alone; machines a test adds are gone after it."""
    yield _head
    _head.remove_added()
