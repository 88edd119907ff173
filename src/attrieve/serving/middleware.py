"""Around every request: its number, its line in the log, its time, and how much it may send."""

import logging
import re
import secrets
import time
from typing import TYPE_CHECKING, Any

import anyio
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from attrieve.serving.metrics import Metrics
from attrieve.serving.problems import (
    PageOfProblem,
    Problem,
    ProblemError,
    problem_response,
    told,
    wants_page,
)
from attrieve.serving.settings import ServiceSettings

if TYPE_CHECKING:
    from collections.abc import MutableMapping

log = logging.getLogger("attrieve.requests")

REQUEST_ID = "X-Request-Id"
_GIVEN_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
CONNECTIONS = "connections"
"""Name in a request's state under which the server tells how many connections there are."""
LIVE = "/api/v1/health/live"
METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
"""Those counted by name; a stranger can make up others without end."""
BODY_BYTES_EACH_SECOND = 64 << 10
"""A body that comes at least so fast is waited for beyond the time in the settings."""
UPLOADS = re.compile(r"/api/v1/images(/.*)?|/images(/.*)?")
"""Addresses that take images."""


class RequestLog:
    """Gives each request a number, counts it, times it and logs it; tells failures that nobody expected.

    The query string is not logged: descriptions of people stand in the ledger, not in log files.

    Args:
        app: what answers.
        metrics: where requests are counted.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self.app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        begun = time.perf_counter()
        status = 0

        async def numbered(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", ()),
                    (REQUEST_ID.lower().encode(), request_id.encode()),
                ]
            await send(message)

        try:
            await self.app(scope, receive, numbered)
        except Exception as error:
            log.exception("request %s failed", request_id)
            if status:
                raise  # half an answer is out; the connection must break
            await tell(error, scope, receive, numbered)
        finally:
            self._tell(scope, status, request_id, time.perf_counter() - begun)

    def _tell(self, scope: Scope, status: int, request_id: str, seconds: float) -> None:
        route = scope.get("route")
        name = getattr(route, "path", "none")
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._metrics.requests.labels(method, name, str(status)).inc()
        self._metrics.request_seconds.labels(name).observe(seconds)
        actor = scope.get("state", {}).get("actor")
        client = scope.get("client")
        log.info(
            "%s %s %d",
            scope["method"],
            scope["path"],
            status,
            extra={
                "request": {
                    "request_id": request_id,
                    "method": scope["method"],
                    "path": scope["path"],
                    "status": status,
                    "ms": round(1000 * seconds, 1),
                    "actor": getattr(actor, "name", None),
                    "client": client[0] if client else None,
                }
            },
        )


async def tell(error: Exception, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request with a problem: on a page where a browser wants one."""
    page: PageOfProblem | None = getattr(scope["app"].state, "problem_page", None)
    if page is not None and wants_page(scope):
        await page(Request(scope), told(error))(scope, receive, send)
    else:
        await problem_response(error, scope["state"].get("request_id"))(scope, receive, send)


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == REQUEST_ID.lower().encode() and _GIVEN_ID.fullmatch(value):
            return str(value.decode("ascii"))
    return secrets.token_hex(8)


class ConnectionLimit:
    """Refuses requests while a process has too many connections; that it lives is told all the same.

    Args:
        app: what answers.
        settings: say how many there may be, and when to come back.
    """

    def __init__(self, app: ASGIApp, *, settings: ServiceSettings) -> None:
        self.app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        most = self._settings.connections_most
        # a server that does not count its connections limits nothing
        crowded = scope["type"] == "http" and scope.get("state", {}).get(CONNECTIONS, 0) > most
        if not crowded or scope["path"] == LIVE:
            await self.app(scope, receive, send)
            return
        seconds = self._settings.retry_seconds
        error = ProblemError(
            Problem.OVERLOADED,
            f"there are more than {most:,} connections; come back in {seconds} s",
            headers={"Retry-After": str(seconds), "Connection": "close"},
        )
        await tell(error, scope, receive, send)


class BodyLimits:
    """Refuses bodies that are too large, or that come too slowly.

    Args:
        app: what answers.
        settings: say how large and how slowly.
    """

    def __init__(self, app: ASGIApp, *, settings: ServiceSettings) -> None:
        self.app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        upload = UPLOADS.fullmatch(scope["path"]) is not None
        most = self._settings.upload_request_bytes_most if upload else self._settings.body_bytes_most
        stated = _stated_length(scope)
        if stated is not None and stated > most:
            await self._refuse(_too_large(most, stated), scope, receive, send)
            return
        came, begun, ended, waited_s = 0, False, False, 0.0

        async def limited() -> Message:
            nonlocal came, ended, waited_s
            if begun or ended:  # what is waited for now is that the client leaves
                return await receive()
            asked = time.monotonic()
            message = await self._in_time(receive, came / BODY_BYTES_EACH_SECOND - waited_s)
            waited_s += time.monotonic() - asked  # the time it takes to deal with a part is not the client's
            ended = not message.get("more_body", False)
            if message["type"] == "http.request":
                came += len(message.get("body", b""))
                if came > most:
                    raise _too_large(most, came)
            return message

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        await self.app(scope, limited, watched)

    async def _in_time(self, receive: Receive, more_s: float) -> Message:
        seconds = self._settings.body_seconds
        with anyio.move_on_after(min(seconds, seconds + more_s)):
            return await receive()
        raise ProblemError(
            Problem.REQUEST_TIMEOUT,
            f"the body did not come within {seconds:g} s, nor at {BODY_BYTES_EACH_SECOND:,} bytes a second;"
            " send the request without a break",
            headers={"Connection": "close"},
        )

    @staticmethod
    async def _refuse(error: ProblemError, scope: Scope, receive: Receive, send: Send) -> None:
        state: MutableMapping[str, Any] = scope.get("state", {})
        await problem_response(error, state.get("request_id"))(scope, receive, send)


def _too_large(most: int, came: int) -> ProblemError:
    return ProblemError(
        Problem.TOO_LARGE,
        f"a request's body has at most {most:,} bytes here, this one has {came:,} or more",
        headers={"Connection": "close"},
        most_bytes=most,
    )


def _stated_length(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length":
            try:
                return int(value)
            except ValueError:
                return None
    return None
