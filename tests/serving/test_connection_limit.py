"""What the server itself refuses is told in the one shape, too: too many connections, and what is no HTTP."""

import json
import logging
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

import pytest

from attrieve.serving.server import HEADER_BYTES_MOST
from serving.listening import exchange, listening
from serving.place import Place

MOST = 3


@pytest.fixture(scope="module")
def port(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("state")
    with listening(place, folder, connections_most=MOST, retry_seconds=7) as port:
        yield port


def ask(port: int, path: str = "/api/v1/gallery/statistics", *headers: str) -> tuple[int, Any, bytes]:
    """Ask with a connection of its own; return status, headers and body."""
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", *headers, "", ""]
    return parts_of(exchange(port, "\r\n".join(lines).encode()))


def parts_of(answer: bytes) -> tuple[int, Any, bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    line, _, fields = head.partition(b"\r\n")
    return int(line.split()[1]), BytesParser(policy=HTTP).parsebytes(fields), body


def kept(port: int) -> socket.socket:
    """Return a connection that was answered and stays open."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    connection.sendall(b"GET /api/v1/health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    assert b" 200 " in connection.recv(65536)
    return connection


def eventually(port: int, status: int) -> None:
    until = time.monotonic() + 30
    while ask(port)[0] != status:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_one_connection_too_many_is_told_when_to_come_back(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    """As many as the setting says are answered; the next one is refused, but for the question of life."""
    with ExitStack() as opened, caplog.at_level(logging.INFO, logger="attrieve.requests"):
        for _ in range(MOST - 1):
            opened.enter_context(closing(kept(port)))
        assert ask(port)[0] == 200
        opened.enter_context(closing(kept(port)))
        eventually(port, 503)  # the one that was closed may be counted for a moment
        status, headers, body = ask(port)
        assert (status, headers["content-type"]) == (503, "application/problem+json")
        assert (headers["retry-after"], headers["connection"]) == ("7", "close")
        assert headers["content-security-policy"]
        told = json.loads(body)
        assert (told["type"], told["status"]) == ("/api/v1/problems/overloaded", 503)
        assert told["request_id"] == headers["x-request-id"]
        assert str(MOST) in told["detail"]
        assert ask(port, "/api/v1/health/live")[0] == 200
        page = ask(port, "/", "Accept: text/html")
        assert (page[0], page[1]["retry-after"]) == (503, "7")
        assert page[1]["content-type"].startswith("text/html")
    eventually(port, 200)
    lines = [record.request for record in caplog.records if hasattr(record, "request")]
    assert told["request_id"] in [line["request_id"] for line in lines if line["status"] == 503]


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: \x00\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /" + b"a" * (HEADER_BYTES_MOST - 4),
    ],
    ids=["TLS", "a zero byte", "no host", "a head without end"],
)
def test_what_is_no_http_is_told_so(port: int, sent: bytes, caplog: pytest.LogCaptureFixture) -> None:
    status, headers, body = parts_of(exchange(port, sent))
    told = json.loads(body)
    assert (status, headers["content-type"]) == (400, "application/problem+json")
    assert (told["type"], told["status"]) == ("/api/v1/problems/bad-request", 400)
    assert headers["connection"] == "close"
    assert told["request_id"] in caplog.text


def test_what_is_no_http_after_an_answer_has_begun_breaks_the_connection(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A body that nobody waited for goes wrong after the answer: there is nothing more to say."""
    head = b"POST /nowhere HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(head)
        answer = b""
        while not answer.endswith(b"}"):  # head and body may come apart
            answer += connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 404 ")
        connection.sendall(b"zz\r\n")
        assert connection.recv(65536) == b""
    eventually(port, 200)
    assert not [record for record in caplog.records if record.exc_info]
