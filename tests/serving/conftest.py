"""One gallery for all tests of the service that do not change it."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from attrieve.serving.service import Service
from serving.place import Place, make_place, service_over


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return make_place(tmp_path_factory.mktemp("place"))


@pytest.fixture(scope="module")
def open_service(
    place: Place, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[TestClient, Service]]:
    """Without accounts: whoever asks may do everything."""
    with service_over(place, tmp_path_factory.mktemp("state")) as opened:
        yield opened


@pytest.fixture
def client(open_service: tuple[TestClient, Service]) -> TestClient:
    return open_service[0]


@pytest.fixture
def service(open_service: tuple[TestClient, Service]) -> Service:
    return open_service[1]
