"""Forms that other sites make a browser send are refused.

Three walls: the cookies are SameSite=Strict; a browser that says a request comes from another site
(``Sec-Fetch-Site``, ``Origin``) is believed (:class:`~attrieve.serving.access.headers.OriginCheck`); and
every form carries a token that only this service can make for this very session (HMAC-SHA256 of the
cookie's value; OWASP's "signed double submit cookie").
"""

import hashlib
import hmac
import secrets

from starlette.requests import Request

from attrieve.serving.access.cookies import BROWSER_COOKIE, SESSION_COOKIE, read_cookie
from attrieve.serving.access.forms import read_form_body
from attrieve.serving.access.roles import Actor
from attrieve.serving.problems import Problem, ProblemError

FIELD = "csrf"
HEADER = "x-csrf-token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def csrf_token(request: Request) -> str:
    """Return the token for forms of this page: put it in a hidden field named ``csrf``.

    A browser without a session gets a cookie of its own with the answer, to tie the token to.
    """
    return _token(request, _tied_to(request) or _new_browser(request))


def csrf_token_for(request: Request, session_token: str) -> str:
    """Return the token that goes with a session that has just begun."""
    return _token(request, session_token)


async def check_csrf(request: Request, actor: Actor | None) -> None:
    """Refuse a request that changes something and has no token of ours, where a cookie gives it its right.

    Args:
        request: what came.
        actor: who asks, or None on the sign-in page. With a key no token is needed, since browsers do not
            send keys by themselves; nor for the REST interface on the own machine without accounts, where
            :class:`~attrieve.serving.access.headers.OriginCheck` stands.

    Raises:
        ProblemError: 403.
    """
    if request.method in SAFE_METHODS or (actor is not None and actor.through == "key"):
        return
    if actor is not None and actor.through == "local" and request.url.path.startswith("/api/"):
        return
    tied_to = _tied_to(request)
    given = request.headers.get(HEADER) or await _field(request)
    if (
        tied_to is None
        or not given
        or not hmac.compare_digest(given.encode(), _token(request, tied_to).encode())
    ):
        raise ProblemError(
            Problem.CSRF,
            "the form does not belong to this session any more; load the page again and send it anew",
        )


def _tied_to(request: Request) -> str | None:
    return read_cookie(request, SESSION_COOKIE) or read_cookie(request, BROWSER_COOKIE)


def _new_browser(request: Request) -> str:
    """Make up a value; the middleware puts it into a cookie with the answer."""
    value = getattr(request.state, "new_browser", None)
    if value is None:
        value = request.state.new_browser = secrets.token_urlsafe(32)
    return str(value)


def _token(request: Request, tied_to: str) -> str:
    secret: bytes = request.app.state.service.entrance.csrf_secret
    return hmac.new(secret, b"csrf\0" + tied_to.encode(), hashlib.sha256).hexdigest()


async def _field(request: Request) -> str | None:
    if not request.headers.get("content-type", "").lower().startswith(_FORMS):
        return None
    value = (await read_form_body(request)).get(FIELD)
    return value if isinstance(value, str) else None
