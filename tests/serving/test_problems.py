"""Every failure is told in one shape, from one table."""

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from attrieve import errors
from attrieve.errors import AttrieveError
from attrieve.serving.middleware import BodyLimits
from attrieve.serving.problems import OF_ERRORS, Problem, ProblemError, told
from attrieve.serving.service import Service
from serving.place import ADDRESS


def every_error() -> list[type[AttrieveError]]:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    return [kind for kind in kinds if issubclass(kind, AttrieveError)]


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_every_error_has_a_place_in_the_table(kind: type[AttrieveError]) -> None:
    error = kind("hat", "hatt", ["hat"]) if kind is errors.UnknownNameError else kind("what is wrong")
    one = told(error)
    assert one.problem is next(OF_ERRORS[above] for above in kind.__mro__ if above in OF_ERRORS)
    if one.problem is Problem.INTERNAL:
        assert "what is wrong" not in one.detail
    elif one.problem.status < 500:
        assert one.detail == str(error)  # of the others: test_plain_words


def test_a_busy_gallery_is_no_full_disk() -> None:
    """What can be tried again in a moment is 503, what cannot is 507."""
    assert told(errors.GalleryBusyError("another process is writing")).problem.status == 503
    assert told(errors.StorageError("the disk is full")).problem.status == 507


def test_names_are_unique_and_of_one_form() -> None:
    names = [problem.value.name for problem in Problem]
    assert len(set(names)) == len(names)
    assert all(name.replace("-", "").isalpha() and name.islower() for name in names)
    assert all(400 <= problem.status < 600 for problem in Problem)


def test_table_can_be_read(client: TestClient) -> None:
    listed = client.get("/api/v1/problems").json()
    assert [one["type"] for one in listed] == [problem.type for problem in Problem]
    assert client.get(listed[3]["type"]).json() == listed[3]
    assert client.get("/api/v1/problems/nothing").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/api/v2/search", 404),
        ("PUT", "/api/v1/search", 405),
        ("DELETE", "/api/v1/health/live", 405),
        ("GET", "/api/v1/search?top=a", 422),
    ],
)
def test_the_framework_s_refusals_have_the_same_shape(
    client: TestClient, method: str, path: str, status: int
) -> None:
    response = client.request(method, path)
    body = response.json()
    assert response.status_code == body["status"] == status
    assert response.headers["content-type"] == "application/problem+json"
    assert set(body) >= {"type", "title", "status", "detail", "request_id"}
    assert body["request_id"] == response.headers["x-request-id"]


def test_methods_an_address_takes_are_told(client: TestClient) -> None:
    assert client.put("/api/v1/search").headers["allow"] == "GET, POST"


def test_request_id_of_the_client_is_kept_if_it_is_one(client: TestClient) -> None:
    kept = client.get("/api/v1/health/live", headers={"X-Request-Id": "abc-1.2_3"})
    assert kept.headers["x-request-id"] == "abc-1.2_3"
    for wrong in ("a b", "x" * 65, "<script>", ""):
        made = client.get("/api/v1/health/live", headers={"X-Request-Id": wrong})
        assert made.headers["x-request-id"] != wrong


@pytest.fixture
def failing(
    open_service: tuple[TestClient, Service], caplog: pytest.LogCaptureFixture
) -> Iterator[TestClient]:
    """A route with a mistake of ours in it."""
    app = open_service[0].app
    assert isinstance(app, FastAPI)

    @app.get("/api/v1/mistake")
    async def mistake() -> None:
        raise KeyError("a secret of the machine")

    app.router.routes.insert(0, app.router.routes.pop())
    with caplog.at_level(logging.ERROR, logger="attrieve.requests"):
        yield TestClient(app, base_url=ADDRESS)
    app.router.routes.pop(0)


def test_mistakes_of_ours_leak_nothing_and_stand_in_the_log(
    failing: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    response = failing.get("/api/v1/mistake")
    assert response.status_code == 500
    assert response.json()["type"] == "/api/v1/problems/internal"
    assert "secret" not in response.text
    assert "Traceback" not in response.text
    [record] = [record for record in caplog.records if record.exc_info]
    assert response.headers["x-request-id"] in record.getMessage()
    assert "content-security-policy" in response.headers


def test_body_that_is_too_large(open_service: tuple[TestClient, Service]) -> None:
    client, service = open_service
    most = service.settings.body_bytes_most
    response = client.post("/api/v1/search", content=b"x" * (most + 1))
    assert (response.status_code, response.json()["type"]) == (413, "/api/v1/problems/too-large")

    def in_pieces() -> Iterator[bytes]:
        for _ in range(most // 1000 + 2):
            yield b" " * 1000

    assert client.post("/api/v1/search", content=in_pieces()).status_code == 413


def test_body_that_does_not_come(service: Service) -> None:
    async def never() -> dict:
        await asyncio.sleep(3600)
        raise AssertionError

    async def wait_for_body(scope: dict, receive: Any, send: Any) -> None:
        await receive()

    settings = service.settings.model_copy(update={"body_seconds": 0.05})
    limited = BodyLimits(wait_for_body, settings=settings)
    scope = {"type": "http", "path": "/api/v1/search", "headers": [(b"content-length", b"20")]}
    with pytest.raises(ProblemError) as refused:
        asyncio.run(limited(scope, never, never))
    assert refused.value.problem is Problem.REQUEST_TIMEOUT
