"""Signing in and out, and the own account."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from attrieve.serving.access.administration import Administration
from attrieve.serving.access.cookies import (
    DEVICE_COOKIE,
    SESSION_COOKIE,
    read_cookie,
    remove_cookie,
    set_cookie,
)
from attrieve.serving.access.csrf import csrf_token, csrf_token_for
from attrieve.serving.access.entrance import Entrance, client_address
from attrieve.serving.access.guard import requires
from attrieve.serving.access.roles import Actor, Permission
from attrieve.serving.answers import problems
from attrieve.serving.problems import Problem, ProblemError
from attrieve.serving.state.attempts import counters_of_session
from attrieve.serving.state.known_places import KNOWN_S
from attrieve.serving.state.ledger_entry import Action
from attrieve.serving.state.sessions import Session
from attrieve.serving.wire.accounts import (
    ActorView,
    PasswordRequest,
    SessionsEnded,
    SignInRequest,
    SignOutRequest,
    moment_of,
)

router = APIRouter(tags=["accounts"])
Anybody = Annotated[Actor, Depends(requires(Permission.OWN_ACCOUNT))]


@router.post("/sign-in", summary="Sign in", responses=problems(Problem.CONFLICT))
def sign_in(request: Request, response: Response, wanted: SignInRequest) -> ActorView:
    """Begin a session: the answer sets its cookie. Programs bring a key instead."""
    entrance = _entrance(request)
    if entrance.open_to_all:
        raise ProblemError(
            Problem.CONFLICT, "there are no accounts here: this machine's user may do everything"
        )
    device = entrance.places.device(wanted.name, read_cookie(request, DEVICE_COOKIE))
    token, session = entrance.sign_in(
        wanted.name,
        wanted.password.get_secret_value(),
        address=client_address(request),
        device=device,
        old_token=read_cookie(request, SESSION_COOKIE),
    )
    set_cookie(request, response, SESSION_COOKIE, token, seconds=None)
    set_cookie(request, response, DEVICE_COOKIE, device, seconds=KNOWN_S)
    actor = Actor(session.account, session.role, "session")
    return _view(actor, session, csrf_token_for(request, token))


@router.post("/sign-out", summary="Sign out", responses=problems(Problem.CONFLICT))
def sign_out(
    request: Request, response: Response, _actor: Anybody, wanted: SignOutRequest | None = None
) -> SessionsEnded:
    """End this session, or all of the account."""
    token = read_cookie(request, SESSION_COOKIE)
    if request.state.session is None or token is None:
        raise ProblemError(Problem.CONFLICT, "only a session can be signed out; a key is revoked")
    everywhere = wanted is not None and wanted.everywhere
    ended = _entrance(request).sign_out(token, everywhere=everywhere)
    remove_cookie(request, response, SESSION_COOKIE)
    return SessionsEnded(sessions=ended)


@router.get("/account", summary="Who asks, and what is allowed")
def own_account(request: Request, actor: Anybody) -> ActorView:
    """Tell name, role and permissions of whoever asks."""
    session = request.state.session
    return _view(actor, session, None if session is None else csrf_token(request))


@router.put(
    "/account/password",
    summary="Change the own password",
    responses=problems(Problem.CONFLICT),
)
def change_password(request: Request, actor: Anybody, wanted: PasswordRequest) -> ActorView:
    """Take another password; all other sessions of the account end."""
    entrance, session = _entrance(request), request.state.session
    token = read_cookie(request, SESSION_COOKIE)
    if session is None or token is None:
        raise ProblemError(Problem.CONFLICT, "only who has signed in has a password to change")
    change_own_password(
        entrance,
        actor,
        wanted.old.get_secret_value(),
        wanted.new.get_secret_value(),
        token=token,
        address=client_address(request),
    )
    return _view(actor, session, csrf_token(request))


def change_own_password(
    entrance: Entrance, actor: Actor, old: str, new: str, *, token: str, address: str
) -> None:
    """Change the password of who has signed in, if the old one is right.

    Raises:
        ProblemError: 401 if it is not, 422 for a weak new one, 429 after several failures.
    """
    counters = counters_of_session(token)  # whoever guesses at the account elsewhere is no concern of it
    entrance.attempts.begin(counters)
    if entrance.accounts.check(actor.name, old) is None:
        entrance.ledger.record(
            actor, Action.SIGN_IN_FAILED, details={"account": actor.name, "address": address}
        )
        raise ProblemError(Problem.SIGN_IN_FAILED, "the old password is wrong")
    entrance.attempts.succeeded(counters)
    Administration(entrance, actor).set_password(actor.name, new, keep_session=token)


def _entrance(request: Request) -> Entrance:
    entrance: Entrance = request.app.state.service.entrance
    return entrance


def _view(actor: Actor, session: Session | None, csrf: str | None) -> ActorView:
    return ActorView(
        name=actor.name,
        role=actor.role,
        through=actor.through,
        permissions=[permission for permission in Permission if actor.may(permission)],
        session_ends=None if session is None else moment_of(session.ends_s),
        csrf=csrf,
    )
