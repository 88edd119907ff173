"""What is looked at before any route, and put on every answer: names, origins, and what a browser may do."""

import ipaddress
import socket
from collections.abc import Iterable
from http.cookies import SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from attrieve.serving.access.cookies import BROWSER_COOKIE, HOST_PREFIX
from attrieve.serving.access.csrf import SAFE_METHODS
from attrieve.serving.problems import Problem, ProblemError, problem_response

CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)
"""Nothing from elsewhere, nothing written into a page, no frame around it."""

ALWAYS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}
"""On every answer. ``no-referrer`` would make browsers hide the origin of our own forms too."""

YEAR_S = 31_536_000
HEALTH = "/api/v1/health/"


class HostCheck:
    """Refuses requests for a name that is not this service's (DNS rebinding); addresses always pass.

    Args:
        app: what follows.
        names: under which the service is reached.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str] = ()) -> None:
        self._app = app
        self._names = {"localhost", socket.gethostname().lower(), *(name.lower() for name in names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 400, or pass on."""
        if scope["type"] == "http":
            host = Headers(scope=scope).get("host", "")
            if not self._ours(host):
                told = f"this service is not known as {host[:200]!r}; if it is, add the name to host_names"
                await _refuse(ProblemError(Problem.BAD_REQUEST, told), scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _ours(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
        except ValueError:
            return False
        if name in self._names:
            return True
        try:
            ipaddress.ip_address(name.split("%")[0])
        except ValueError:
            return False
        return True


class HttpsCheck:
    """Refuses what did not come to the server in front by HTTPS, or came past it; health is told to anybody.

    The server has taken ``X-Forwarded-Proto`` of a trusted proxy for the scheme before this.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 400, or pass on."""
        if scope["type"] == "http" and scope["scheme"] != "https" and not scope["path"].startswith(HEALTH):
            told = (
                "this service is reached by HTTPS, through the server in front of it, which must be one of"
                " trusted_proxies and say 'X-Forwarded-Proto: https'"
            )
            await _refuse(ProblemError(Problem.BAD_REQUEST, told), scope, receive, send)
            return
        await self._app(scope, receive, send)


class OriginCheck:
    """Refuses requests that change something and that a browser says come from another site."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403, or pass on."""
        changes = scope["type"] == "http" and scope["method"] not in SAFE_METHODS
        if changes and _from_elsewhere(Headers(scope=scope)):
            await _refuse(ProblemError(Problem.CSRF, "it comes from another site"), scope, receive, send)
            return
        await self._app(scope, receive, send)


def _from_elsewhere(headers: Headers) -> bool:
    """Whether the browser says so; programs say nothing."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    if origin is None:
        return False
    try:
        return urlsplit(origin).netloc.lower() != headers.get("host", "").lower()
    except ValueError:
        return True


class SecurityHeaders:
    """Puts on every answer what a browser may do with it; routes may say otherwise on caching.

    Args:
        app: what follows.
        secure: whether clients speak HTTPS.
    """

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self._app = app
        self._secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and add to the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})

        async def send_more(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in ALWAYS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")  # pictures of people do not stay in browsers
                if self._secure:
                    headers["strict-transport-security"] = f"max-age={YEAR_S}"
                browser = scope["state"].get("new_browser")
                if browser is not None:
                    headers.append("set-cookie", _browser_cookie(browser, secure=self._secure))
            await send(message)

        await self._app(scope, receive, send_more)


def _browser_cookie(value: str, *, secure: bool) -> str:
    name = HOST_PREFIX + BROWSER_COOKIE if secure else BROWSER_COOKIE
    cookie: SimpleCookie = SimpleCookie({name: value})
    cookie[name]["path"] = "/"
    cookie[name]["httponly"] = True
    cookie[name]["samesite"] = "strict"
    if secure:
        cookie[name]["secure"] = True
    return cookie[name].OutputString()


async def _refuse(error: ProblemError, scope: Scope, receive: Receive, send: Send) -> None:
    await problem_response(error, scope.get("state", {}).get("request_id"))(scope, receive, send)
