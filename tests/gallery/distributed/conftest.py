"""Ray in this process for most tests, and one real cluster for the others."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gallery.distributed.clusters import Machines, machines
from gallery.distributed.in_process import InProcessRay

TESTS = Path(__file__).parents[2]


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> Callable[..., InProcessRay]:
    """Make Ray what :class:`InProcessRay` is, until the test ends."""

    def use(*arguments: Any, **options: Any) -> InProcessRay:
        ray = InProcessRay(*arguments, **options)
        monkeypatch.setattr("attrieve.gallery.distributed.cluster.ray_library", lambda: ray)
        return ray

    return use


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
