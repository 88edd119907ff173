"""The cookies: never readable by scripts, never sent from other sites, over HTTPS where there is any."""

from starlette.requests import Request
from starlette.responses import Response

SESSION_COOKIE = "attrieve-session"
BROWSER_COOKIE = "attrieve-browser"
"""Of browsers that have not signed in; ties their forms to them."""
DEVICE_COOKIE = "attrieve-device"
"""Of browsers in which somebody has signed in; it stays when the session ends, and opens nothing."""
HOST_PREFIX = "__Host-"
"""Browsers take such a cookie from this host alone, over HTTPS alone."""


def read_cookie(request: Request, name: str) -> str | None:
    """Return the value of a cookie of this service, or None."""
    return request.cookies.get(_full(name, secure=_secure(request)))


def set_cookie(request: Request, response: Response, name: str, value: str, *, seconds: int | None) -> None:
    """Set a cookie, until the browser is closed if ``seconds`` is None."""
    secure = _secure(request)
    response.set_cookie(
        _full(name, secure=secure),
        value,
        max_age=seconds,
        path="/",
        secure=secure,
        httponly=True,
        samesite="strict",
    )


def remove_cookie(request: Request, response: Response, name: str) -> None:
    """Make the browser forget a cookie."""
    secure = _secure(request)
    response.delete_cookie(
        _full(name, secure=secure), path="/", secure=secure, httponly=True, samesite="strict"
    )


def _secure(request: Request) -> bool:
    return bool(request.app.state.service.settings.secure)


def _full(name: str, *, secure: bool) -> str:
    return HOST_PREFIX + name if secure else name
