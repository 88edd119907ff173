"""Clients that put a service under load, as cheap as they can be where they share its cores.

Each sends its next request over its own open connection when it has the whole answer to the last. Answers are
read to their end and not understood beyond status and length: what a program does with them is not the
service's work. A client library that understands more would take a good part of cores it shares.
"""

import asyncio
import json
import resource
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import numpy as np

PATIENCE_SECONDS = 60.0
PAUSE_AFTER_REFUSAL_SECONDS = 0.05


@dataclass(frozen=True)
class Answer:
    """What came back.

    Args:
        status: as HTTP has it.
        headers: by their names in small letters.
        body: whole.
    """

    status: int
    headers: dict[bytes, bytes]
    body: bytes


class Connection:
    """An HTTP connection that is kept open, and opened anew if the other side has closed it.

    Args:
        address: ``http://host:port``.
    """

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._host, self._port = str(parts.hostname), int(parts.port or 80)
        self._name = parts.netloc
        self._open: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, body: bytes) -> Answer:
        """Send JSON and return the answer.

        Raises:
            OSError: if nobody listens, or the connection breaks.
            EOFError: if it ends within an answer.
            ValueError: if what comes is no answer whose length is told.
            TimeoutError: if the whole takes longer than a minute.
        """
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {self._name}\r\nAccept: application/json\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                reader, writer = await self._opened()
                writer.write(head.encode() + body)
                answer = await _read(reader)
        except BaseException:
            self.close()
            raise
        if answer.headers.get(b"connection", b"").lower() == b"close":
            self.close()
        return answer

    def close(self) -> None:
        """Let go of the connection; the next request opens another."""
        if self._open is not None:
            self._open[1].close()
            self._open = None

    async def _opened(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._open is not None and self._open[0].at_eof():
            self.close()
        if self._open is None:
            self._open = await asyncio.open_connection(self._host, self._port)
        return self._open


async def _read(reader: asyncio.StreamReader) -> Answer:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).rstrip().split(b"\r\n")
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)
    }
    status = int(first.split()[1])
    if b"content-length" not in headers:
        raise ValueError(f"an answer of {status} does not tell its length")
    return Answer(status, headers, await reader.readexactly(int(headers[b"content-length"])))


@dataclass
class _Seen:
    """What the clients of a load saw together."""

    waits: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    missing_retry: int = 0


async def load(
    address: str, wanted: list[dict[str, Any]], connections: int, seconds: float
) -> dict[str, Any]:
    """Ask by several clients at once, and return what came back how soon."""
    bodies = [json.dumps({**one, "page_size": 20}).encode() for one in wanted]
    seen, used = _Seen(), _processor_seconds()
    begun = time.perf_counter()
    await asyncio.gather(
        *(_client(address, bodies, number * 7919, begun + seconds, seen) for number in range(connections))
    )
    spent = time.perf_counter() - begun
    return {
        "connections": connections,
        "seconds": spent,
        "statuses": dict(seen.statuses),
        "refusals_without_retry_after": seen.missing_retry,
        "searches_per_second": len(seen.waits) / spent,
        "clients_processor_seconds": _processor_seconds() - used,
        **percentiles(seen.waits),
    }


async def _client(address: str, bodies: list[bytes], turn: int, ends: float, seen: _Seen) -> None:
    connection = Connection(address)
    while time.perf_counter() < ends:
        begun = time.perf_counter()
        try:
            answer = await connection.post("/api/v1/search", bodies[turn % len(bodies)])
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
            seen.statuses[type(error).__name__] += 1
            continue
        seen.statuses[str(answer.status)] += 1
        if answer.status == 200:
            seen.waits.append(time.perf_counter() - begun)
        elif answer.status == 503:
            seen.missing_retry += b"retry-after" not in answer.headers
            await asyncio.sleep(PAUSE_AFTER_REFUSAL_SECONDS)
        turn += 1
    connection.close()


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def percentiles(waits: list[float]) -> dict[str, float]:
    """Return milliseconds at the middle and the ends."""
    if not waits:
        return {}
    return {f"p{part}_ms": 1e3 * float(np.percentile(waits, part)) for part in (50, 95, 99)}
