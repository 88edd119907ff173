"""Signing in and out, the own account, purpose and case, light and dark."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from attrieve.errors import InputError
from attrieve.serving.access.cookies import (
    DEVICE_COOKIE,
    SESSION_COOKIE,
    read_cookie,
    remove_cookie,
    set_cookie,
)
from attrieve.serving.access.csrf import check_csrf
from attrieve.serving.access.entrance import client_address
from attrieve.serving.access.guard import requires
from attrieve.serving.access.roles import Actor, Permission
from attrieve.serving.problems import ProblemError, told
from attrieve.serving.routes.sign_in import change_own_password
from attrieve.serving.state.known_places import KNOWN_S
from attrieve.serving.web.environment import render
from attrieve.serving.web.pages.answering import (
    CASE_MOST,
    PURPOSE_MOST,
    THEME_COOKIE,
    Occasion,
    fields_of,
    frame_of,
    go,
    html,
    in_thread,
    own_address,
    service_of,
    set_occasion,
)

router = APIRouter(include_in_schema=False)
Anybody = Annotated[Actor, Depends(requires(Permission.OWN_ACCOUNT))]
_YEAR_S = 31_536_000


@dataclass(frozen=True)
class SignInPage:
    """What the sign-in page shows.

    Args:
        back: where to go afterwards.
        name: as it was typed before.
        problem: why it failed before, or None.
    """

    back: str = "/"
    name: str = ""
    problem: str | None = None


@dataclass(frozen=True)
class AccountPage:
    """What the page of the own account shows."""

    problem: str | None = None


def _sign_in_page(request: Request, page: SignInPage, *, status: int = 200) -> Response:
    frame = frame_of(request, None, "sign_in")
    return html(request, render("sign_in", page=page, frame=frame, csrf_field=frame.csrf), status=status)


@router.get("/sign-in")
async def sign_in_form(request: Request, back: str = "/") -> Response:
    """Show the form; without accounts there is nothing to sign in to."""
    if service_of(request).entrance.open_to_all:
        return go(request, back)
    return _sign_in_page(request, SignInPage(own_address(back)))


@router.post("/sign-in")
async def sign_in(request: Request) -> Response:
    """Begin a session, and go on where one wanted to."""
    entrance = service_of(request).entrance
    if entrance.open_to_all:
        return go(request, "/")
    await check_csrf(request, None)
    fields = dict(await fields_of(request))
    back, name = own_address(fields.get("back")), fields.get("name", "").strip()

    def begin() -> tuple[str, str]:
        device = entrance.places.device(name, read_cookie(request, DEVICE_COOKIE))
        token, _ = entrance.sign_in(
            name,
            fields.get("password", ""),
            address=client_address(request),
            device=device,
            old_token=read_cookie(request, SESSION_COOKIE),
        )
        return token, device

    try:
        token, device = await in_thread(begin)
    except ProblemError as error:
        page = SignInPage(back, name, str(error))
        response = _sign_in_page(request, page, status=error.problem.status)
        response.headers.update(error.headers)
        return response
    response = go(request, back)
    set_cookie(request, response, SESSION_COOKIE, token, seconds=None)
    set_cookie(request, response, DEVICE_COOKIE, device, seconds=KNOWN_S)
    set_occasion(request, response, Occasion())
    return response


@router.post("/sign-out")
async def sign_out(request: Request, _actor: Anybody) -> Response:
    """End this session, or all of the account, and show the sign-in page."""
    fields = dict(await fields_of(request))
    token = read_cookie(request, SESSION_COOKIE)
    if token is not None:
        everywhere = fields.get("everywhere") == "1"
        await in_thread(lambda: service_of(request).entrance.sign_out(token, everywhere=everywhere))
    response = go(request, "/sign-in")
    remove_cookie(request, response, SESSION_COOKIE)
    set_occasion(request, response, Occasion())
    return response


def _account_page(
    request: Request, actor: Actor, problem: str | None = None, *, status: int = 200
) -> Response:
    frame = frame_of(request, actor, "account")
    text = render("account", page=AccountPage(problem), frame=frame, csrf_field=frame.csrf)
    return html(request, text, status=status)


@router.get("/account")
async def own_account(request: Request, actor: Anybody) -> Response:
    """Show the own account; who has no session has none to change."""
    return _account_page(request, actor) if actor.through == "session" else go(request, "/")


@router.post("/account")
async def change_password(request: Request, actor: Anybody) -> Response:
    """Change the own password; all other sessions end."""
    token = read_cookie(request, SESSION_COOKIE)
    if actor.through != "session" or token is None:
        return go(request, "/")
    fields = dict(await fields_of(request))
    try:
        await in_thread(
            lambda: change_own_password(
                service_of(request).entrance,
                actor,
                fields.get("old", ""),
                fields.get("new", ""),
                token=token,
                address=client_address(request),
            )
        )
    except (InputError, ProblemError) as error:
        return _account_page(request, actor, str(error), status=told(error).problem.status)
    return go(request, "/account", notice="password")


@router.get("/occasion")
async def occasion_form(request: Request, actor: Anybody, back: str = "/") -> Response:
    """Show the form for purpose and case."""
    frame = frame_of(request, actor, "occasion")
    required = service_of(request).settings.purpose_required
    text = render("occasion", frame=frame, csrf_field=frame.csrf, back=own_address(back), required=required)
    return html(request, text)


@router.post("/occasion")
async def set_purpose(request: Request, _actor: Anybody) -> Response:
    """Keep purpose and case for the browser session; they go into the ledger with what is done."""
    fields = dict(await fields_of(request))
    purpose = fields.get("purpose", "").strip()[:PURPOSE_MOST]
    case = fields.get("case", "").strip()[:CASE_MOST]
    response = go(request, own_address(fields.get("back")), notice="occasion")
    set_occasion(request, response, Occasion(purpose or None, case or None))
    return response


@router.get("/theme")
async def theme(request: Request, to: str = "", back: str = "/") -> Response:
    """Keep how light the pages shall be, a year; anybody may, signed in or not."""
    response = go(request, back)
    if to in ("light", "dark"):
        set_cookie(request, response, THEME_COOKIE, to, seconds=_YEAR_S)
    return response


def sign_in_address(back: str) -> str:
    """Return the address of the sign-in page that leads back to another."""
    return f"/sign-in?{urlencode({'back': back})}"
