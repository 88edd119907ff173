"""Ray in this process for most tests, and one real cluster for the others."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from environments import environment_with_tests
from gallery.distributed.clusters import Machines, machines
from gallery.distributed.in_process import InProcessRay


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
        # workers unpickle models that stand in tests
        patch.setenv("PYTHONPATH", environment_with_tests()["PYTHONPATH"])
        with machines() as cluster:
            yield cluster


@pytest.fixture
def cluster(_head: Machines) -> Iterator[Machines]:
    """The head alone; machines a test adds are gone after it."""
    yield _head
    _head.remove_added()
