"""What stands around every request: counting, limits of bodies, and what a proxy may say."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from pydantic import ValidationError

from attrieve.serving.middleware import BodyLimits
from attrieve.serving.problems import ProblemError
from attrieve.serving.settings import ServiceSettings

Receive = Callable[[], Awaitable[dict[str, Any]]]


def test_made_up_methods_do_not_fill_the_memory(client: TestClient) -> None:
    """Each series of numbers is kept for ever, so a stranger must not be able to make new ones."""
    for number in range(20):
        assert client.request(f"MADEUP{number}", "/api/v1/search").status_code in (404, 405)
        assert client.request(f"MADEUP{number}", f"/nowhere/{number}").status_code in (404, 405)
    methods = {
        sample.labels["method"]
        for family in text_string_to_metric_families(client.get("/api/v1/metrics").text)
        for sample in family.samples
        if "method" in sample.labels
    }
    assert not any(method.startswith("MADEUP") for method in methods), methods
    assert "other" in methods


def read_dripping(
    every_s: float, size: int, count: int, *, path: str = "/api/v1/search", **settings: Any
) -> int:
    """Read a body that comes in parts; return how many bytes came before it was refused, or all."""
    wanted = ServiceSettings(gallery=Path("nowhere"), **settings)
    came = 0

    async def app(scope: Any, receive: Receive, send: Any) -> None:
        nonlocal came
        more = True
        while more:
            message = await receive()
            came += len(message["body"])
            more = message["more_body"]

    sent = 0

    async def receive() -> dict[str, Any]:
        nonlocal sent
        await asyncio.sleep(every_s)
        sent += 1
        return {"type": "http.request", "body": b"x" * size, "more_body": sent < count}

    async def send(message: Any) -> None:
        raise AssertionError(message)

    scope = {"type": "http", "path": path, "headers": []}
    with suppress(ProblemError):
        asyncio.run(BodyLimits(app, settings=wanted)(scope, receive, send))
    return came


def test_a_body_that_drips_is_refused() -> None:
    """A byte now and then is not enough: the time holds for the whole body."""
    assert read_dripping(0.05, 1, 100, body_seconds=0.3) < 20


def test_a_large_upload_that_keeps_coming_is_not() -> None:
    """Who sends much gets more time."""
    assert read_dripping(0.05, 1 << 16, 12, path="/api/v1/images", body_seconds=0.3) == 12 << 16


@pytest.mark.parametrize("everybody", ["*", "0.0.0.0/0", "::/0", "proxy.example.org", ""])
def test_a_proxy_is_named_by_its_address(everybody: str) -> None:
    """Whoever is trusted says where requests come from, so not everybody can be."""
    with pytest.raises(ValidationError, match="address"):
        ServiceSettings(gallery=Path("nowhere"), trusted_proxies=(everybody,))
    ServiceSettings(gallery=Path("nowhere"), trusted_proxies=("127.0.0.1", "10.0.0.0/24", "::1"))
