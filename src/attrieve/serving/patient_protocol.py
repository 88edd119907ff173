"""HTTP over a connection whose other side must not take for ever to say what it wants."""

import asyncio
import json
import logging
import secrets
from typing import Any

import h11
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from attrieve.serving.middleware import CONNECTIONS
from attrieve.serving.problems import MEDIA_TYPE, Problem, ProblemError, told

log = logging.getLogger(__name__)

NO_HTTP = "what came is no request of HTTP/1.1, or its line and headers together are too long"


class PatientConfig(uvicorn.Config):
    """What uvicorn is told, and how long its connections wait.

    It travels to worker processes, so that it holds no class that is made on the way.

    Args:
        app: as uvicorn takes it.
        header_seconds: for headers, and for a part of an answer to be taken.
        options: as uvicorn takes them.
    """

    def __init__(self, app: Any, *, header_seconds: float, **options: Any) -> None:
        super().__init__(app, http=PatientProtocol, **options)
        self.header_seconds = header_seconds


class PatientProtocol(H11Protocol):
    """Closes a connection whose request line and headers do not arrive in time, or whose answer is not taken.

    uvicorn bounds how long a connection may idle between requests, but not how slowly headers may drip in,
    nor how long a fresh connection may say nothing, nor how long an answer may wait to be taken. The
    application is told how many connections there are, so that it can refuse in its own words, and what is no
    HTTP is refused in the same shape as everything else.
    """

    _answer_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        assert isinstance(self.config, PatientConfig)
        self._served = self.app
        self.app = self._counted
        self._patience_s = self.config.header_seconds
        self._header_timer: asyncio.TimerHandle | None = None
        self._watch()

    async def _counted(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, and tell with it how many connections or requests there are."""
        # those whose client has gone are no connections any more, but are still worked on
        scope["state"][CONNECTIONS] = max(len(self.connections), len(self.tasks))
        await self._served(scope, receive, send)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, unless an answer has begun; then the connection just breaks."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            request_id = secrets.token_hex(8)
            log.warning("request %s is none: %s", request_id, msg)
            refused = told(ProblemError(Problem.BAD_REQUEST, NO_HTTP))
            body = json.dumps(refused.to_json(request_id)).encode()
            headers = [
                ("Content-Type", MEDIA_TYPE),
                ("Content-Length", str(len(body))),
                ("Connection", "close"),
            ]
            for event in (
                h11.Response(status_code=refused.problem.status, headers=headers, reason=b"Bad Request"),
                h11.Data(data=body),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Take what came, and wait on if it is not yet a whole head."""
        super().data_received(data)
        self._watch(begun=bool(data))

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._forget()
        self._taken()
        self.app = self._served  # what refers to itself stays in memory for longer
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Wait for the other side to take what is written, but not for ever."""
        super().pause_writing()
        if self._answer_timer is None:
            # not close(), which would wait for the rest to be taken
            self._answer_timer = self.loop.call_later(self._patience_s, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on writing."""
        self._taken()
        super().resume_writing()

    def _taken(self) -> None:
        if self._answer_timer is not None:
            self._answer_timer.cancel()
            self._answer_timer = None

    def _watch(self, *, begun: bool = True) -> None:
        # h11 is idle while a head is incomplete, and again when the next request has not begun
        idle = self.conn.their_state is h11.IDLE
        incomplete = idle and (
            getattr(self, "cycle", None) is None or (begun and bool(self.conn.trailing_data[0]))
        )
        if not incomplete:
            self._forget()
        elif self._header_timer is None:
            self._header_timer = self.loop.call_later(self._patience_s, self._give_up)

    def _forget(self) -> None:
        timer: asyncio.TimerHandle | None = getattr(self, "_header_timer", None)
        if timer is not None:
            timer.cancel()
            self._header_timer = None

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
