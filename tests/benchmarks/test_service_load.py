"""The clients of the load read whole answers over connections kept open, and count what goes wrong."""

import asyncio
import importlib.util
import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "service_load.py"
Answering = Callable[[asyncio.StreamWriter, dict[str, Any]], Awaitable[bool]]


@pytest.fixture(scope="module")
def service_load() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("service_load", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "service_load", module)
        spec.loader.exec_module(module)
        yield module


class Counted:
    """A service of a few lines: takes requests and leaves it to a function to answer; counts connections."""

    def __init__(self, answer: Answering) -> None:
        self.connections = 0
        self.bodies: list[dict[str, Any]] = []
        self._answer = answer

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                assert head.startswith("post /api/v1/search http/1.1\r\n")
                length = int(head.split("content-length: ")[1].split("\r\n")[0])
                body = json.loads(await reader.readexactly(length))
                self.bodies.append(body)
                if not await self._answer(writer, body):
                    break
        except asyncio.IncompleteReadError:
            pass  # the client has gone
        finally:
            writer.close()


def run(
    module: ModuleType, answer: Answering, *, connections: int = 2, seconds: float = 0.4, asked: int = 5
) -> tuple[dict[str, Any], Counted]:
    service = Counted(answer)

    async def both() -> dict[str, Any]:
        server = await asyncio.start_server(service, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        wanted = [{"query": f"number {number}"} for number in range(asked)]
        try:
            found: dict[str, Any] = await module.load(
                f"http://127.0.0.1:{port}", wanted, connections, seconds
            )
            return found
        finally:
            server.close()

    return asyncio.run(both()), service


def head_of(status: int, length: int, *more: str) -> bytes:
    lines = [f"HTTP/1.1 {status} SOMETHING", f"Content-Length: {length}", *more]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def well(writer: asyncio.StreamWriter, _: dict[str, Any]) -> bool:
    """Answer in two parts, the second a little later: whoever does not read on would see a torn answer."""
    writer.write(head_of(200, 200_000) + b"x" * 50_000)
    await writer.drain()
    await asyncio.sleep(0.005)
    writer.write(b"x" * 150_000)
    await writer.drain()
    return True


def test_every_client_keeps_its_connection_and_asks_all_in_turn(service_load: ModuleType) -> None:
    found, service = run(service_load, well)
    assert service.connections == 2
    assert found["statuses"] == {"200": len(service.bodies)}
    assert {body["query"] for body in service.bodies} == {f"number {number}" for number in range(5)}
    assert all(body["page_size"] == 20 for body in service.bodies)
    assert found["p50_ms"] >= 5
    assert found["searches_per_second"] * found["seconds"] == pytest.approx(len(service.bodies))
    assert 0 < found["clients_processor_seconds"] < 60


def test_a_connection_that_the_service_ends_is_opened_anew(service_load: ModuleType) -> None:
    async def once(writer: asyncio.StreamWriter, _: dict[str, Any]) -> bool:
        writer.write(head_of(200, 2, "Connection: close") + b"{}")
        await writer.drain()
        return False

    found, service = run(service_load, once)
    assert found["statuses"] == {"200": len(service.bodies)}
    assert service.connections == len(service.bodies) > 2


def test_refusals_are_counted_and_those_that_do_not_say_when_to_return(service_load: ModuleType) -> None:
    async def refuse(writer: asyncio.StreamWriter, body: dict[str, Any]) -> bool:
        told = ["Retry-After: 2"] if body["query"] != "number 0" else []
        writer.write(head_of(503, 0, *told))
        await writer.drain()
        return True

    found, service = run(service_load, refuse)
    untold = sum(body["query"] == "number 0" for body in service.bodies)
    assert untold
    assert found["statuses"] == {"503": len(service.bodies)}
    assert found["refusals_without_retry_after"] == untold
    assert "p50_ms" not in found
    assert len(service.bodies) <= 2 * (0.4 / 0.05 + 1), "those refused wait before they come again"


def test_a_torn_answer_is_no_answer(service_load: ModuleType) -> None:
    async def torn(writer: asyncio.StreamWriter, _: dict[str, Any]) -> bool:
        writer.write(head_of(200, 100) + b"only this")
        await writer.drain()
        await asyncio.sleep(0.01)
        return False

    found, service = run(service_load, torn)
    assert found["statuses"] == {"IncompleteReadError": len(service.bodies)}
    assert found["searches_per_second"] == 0


def test_an_answer_without_a_length_is_told(service_load: ModuleType) -> None:
    async def endless(writer: asyncio.StreamWriter, _: dict[str, Any]) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n{}")
        await writer.drain()
        await asyncio.sleep(0.01)
        return False

    found, _ = run(service_load, endless)
    assert set(found["statuses"]) == {"ValueError"}
