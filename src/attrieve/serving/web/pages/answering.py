"""What all pages have in common: their frame, cookies, redirects, and addresses that stay on this service."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import anyio.to_thread
from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from attrieve.serving.access.cookies import read_cookie, remove_cookie, set_cookie
from attrieve.serving.access.csrf import csrf_token
from attrieve.serving.access.forms import read_form_body
from attrieve.serving.access.roles import Actor
from attrieve.serving.service import Service
from attrieve.serving.web.frame import Frame, csrf_field
from attrieve.serving.web.strings import load_strings

OCCASION_COOKIE = "attrieve-occasion"
NOTICE_COOKIE = "attrieve-notice"
THEME_COOKIE = "attrieve-theme"
PURPOSE_MOST, CASE_MOST = 500, 100
_NOTICE_SECONDS = 20


@dataclass(frozen=True)
class Occasion:
    """What the work is for, as it was said in this browser.

    Args:
        purpose: in words, or None.
        case: number of the case, or None.
    """

    purpose: str | None = None
    case: str | None = None

    def to_cookie(self) -> str:
        """Return it as a cookie can hold it."""
        return quote(urlencode([("p", self.purpose or ""), ("c", self.case or "")]), safe="")

    @classmethod
    def of_cookie(cls, value: str | None) -> "Occasion":
        """Read it; what cannot be read says nothing.

        >>> Occasion.of_cookie(Occasion("Jörg's bag; lost", "7/24").to_cookie())
        Occasion(purpose="Jörg's bag; lost", case='7/24')
        """
        fields = dict(parse_qsl(_unquoted(value or "")))
        return cls(fields.get("p", "")[:PURPOSE_MOST] or None, fields.get("c", "")[:CASE_MOST] or None)


def _unquoted(value: str) -> str:
    pairs = parse_qsl(f"v={value}") if len(value) < 8000 else []
    return pairs[0][1] if pairs else ""


def service_of(request: Request) -> Service:
    """Return the service of a request."""
    service: Service = request.app.state.service
    return service


def occasion_of(request: Request) -> Occasion:
    """Return purpose and case: those of the address if it names any, else those of the browser session."""
    kept = Occasion.of_cookie(read_cookie(request, OCCASION_COOKIE))
    purpose = (request.query_params.get("purpose") or "").strip()[:PURPOSE_MOST]
    case = (request.query_params.get("case_number") or "").strip()[:CASE_MOST]
    return Occasion(purpose or kept.purpose, case or kept.case)


def frame_of(
    request: Request, actor: Actor | None, here: str, *, refresh_seconds: int | None = None
) -> Frame:
    """Return the frame of a page."""
    occasion = occasion_of(request)
    theme = read_cookie(request, THEME_COOKIE)
    notice = f"notices.{read_cookie(request, NOTICE_COOKIE)}"
    strings = load_strings()
    return Frame(
        here=here,
        address=here_of(request),
        actor=actor,
        theme=theme if theme in ("light", "dark") else None,
        purpose=occasion.purpose,
        case=occasion.case,
        notice=strings(notice) if notice in strings else None,
        refresh_seconds=refresh_seconds,
        csrf=lambda: csrf_field(csrf_token(request)),
    )


def here_of(request: Request) -> str:
    """Return path and query of a page that can be come back to; of a form that was sent, where it was."""
    if request.method != "GET":
        return own_address(_path_of(request.headers.get("referer", "")))
    query = request.url.query
    return own_address(f"{request.url.path}?{query}" if query else request.url.path)


def _path_of(referrer: str) -> str:
    try:
        parts = urlsplit(referrer)
    except ValueError:  # no browser's
        return "/"
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def own_address(address: str | None, otherwise: str = "/") -> str:
    """Return an address if it is a path of this service, else another one.

    >>> [own_address(one) for one in ("/cases?page=2", "//elsewhere.org", "https://elsewhere.org", None)]
    ['/cases?page=2', '/', '/', '/']
    """
    if not address or not address.startswith("/") or address.startswith("//"):
        return otherwise
    if "\\" in address or any(ord(character) < 32 for character in address):
        return otherwise
    return address


def html(request: Request, text: str, *, status: int = 200) -> HTMLResponse:
    """Return a page; a notice it showed is shown once."""
    response = HTMLResponse(text, status)
    if read_cookie(request, NOTICE_COOKIE) is not None:
        remove_cookie(request, response, NOTICE_COOKIE)
    return response


async def rendered(request: Request, render: Callable[[], str], *, status: int = 200) -> HTMLResponse:
    """Return a page that is made in a thread of its own, so that others are answered meanwhile."""
    return html(request, await anyio.to_thread.run_sync(render), status=status)


def go(request: Request, address: str, *, notice: str | None = None) -> RedirectResponse:
    """Send the browser to another page of this service, where a notice of the strings is shown once."""
    response = RedirectResponse(own_address(address), 303)
    if notice is not None:
        set_cookie(request, response, NOTICE_COOKIE, notice, seconds=_NOTICE_SECONDS)
    return response


def set_occasion(request: Request, response: Response, occasion: Occasion) -> None:
    """Keep purpose and case until the browser is closed."""
    set_cookie(request, response, OCCASION_COOKIE, occasion.to_cookie(), seconds=None)


async def fields_of(request: Request) -> list[tuple[str, str]]:
    """Return the text fields of a form that was sent, in order."""
    form = await read_form_body(request)
    return [(name, value) for name, value in form.multi_items() if isinstance(value, str)]


async def in_thread(work: Callable[[], Any]) -> Any:
    """Do what waits for a disk in a thread."""
    return await anyio.to_thread.run_sync(work)


Page = Callable[..., Awaitable[Response]]
