"""A client that does not take its answer is not waited for without end."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import uvicorn

from attrieve.serving.patient_protocol import PatientConfig

PARTS, PART = 400, bytes(1 << 17)


@pytest.fixture
def port() -> Iterator[int]:
    """A server whose answers are larger than what lies in buffers."""

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(PARTS):
            await send({"type": "http.response.body", "body": PART, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    listener = socket.create_server(("127.0.0.1", 0))
    config = PatientConfig(app, header_seconds=0.5, lifespan="off", log_config=None, ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join()
    listener.close()


def ask(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    return connection


def test_who_does_not_take_the_answer_is_hung_up_on(port: int) -> None:
    """What lies in the buffers may still come; then the connection is broken."""
    with closing(ask(port)) as connection:
        threading.Event().wait(1.5)
        came = 0
        try:
            while part := connection.recv(1 << 20):
                came += len(part)
        except ConnectionResetError:
            pass
        assert came < PARTS * len(PART)


def test_who_takes_it_gets_it_whole(port: int) -> None:
    """However often writing has to pause."""
    with closing(ask(port)) as connection:
        came = 0
        while part := connection.recv(1 << 20):
            came += len(part)
        assert came > PARTS * len(PART)
