"""Accounts and keys, for administrators."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from attrieve.errors import InputError
from attrieve.serving.access.administration import Administration
from attrieve.serving.access.guard import requires
from attrieve.serving.access.roles import Actor, Permission, Role
from attrieve.serving.problems import ProblemError, told
from attrieve.serving.state.accounts import Account
from attrieve.serving.state.keys import ApiKey
from attrieve.serving.web.environment import render
from attrieve.serving.web.frame import Frame
from attrieve.serving.web.pages.answering import fields_of, frame_of, go, html, in_thread, service_of

router = APIRouter(include_in_schema=False)
Administrator = Annotated[Actor, Depends(requires(Permission.MANAGE_ACCOUNTS))]


@dataclass(frozen=True)
class NewKeyShown:
    """A key that was just made; its text is shown this once."""

    name: str
    text: str


@dataclass(frozen=True)
class AccountsPage:
    """What the page of accounts and keys shows.

    Args:
        accounts: all of them, by name.
        keys: all of them, oldest first.
        roles: to choose from.
        key_days: how long a new key is good for unless said otherwise.
        open_to_all: whether the service runs without accounts.
        new_key: the one just made, or None.
        problem: why the last change was refused, or None.
    """

    accounts: tuple[Account, ...]
    keys: tuple[ApiKey, ...]
    roles: tuple[Role, ...] = tuple(Role)
    key_days: int = 365
    open_to_all: bool = False
    new_key: NewKeyShown | None = None
    problem: str | None = None


def render_accounts(page: AccountsPage, frame: Frame) -> str:
    """Return the page as HTML."""
    return render("accounts", page=page, frame=frame, csrf_field=frame.csrf)


async def _page(
    request: Request,
    actor: Actor,
    *,
    new_key: NewKeyShown | None = None,
    problem: str | None = None,
    status: int = 200,
) -> Response:
    service = service_of(request)
    accounts, keys = await in_thread(
        lambda: (tuple(service.entrance.accounts.all()), tuple(service.entrance.keys.all()))
    )
    page = AccountsPage(
        accounts,
        keys,
        key_days=service.settings.key_days,
        open_to_all=service.entrance.open_to_all,
        new_key=new_key,
        problem=problem,
    )
    return html(request, render_accounts(page, frame_of(request, actor, "accounts")), status=status)


@router.get("/accounts")
async def accounts(request: Request, actor: Administrator) -> Response:
    """Show accounts and keys."""
    return await _page(request, actor)


async def _changed(
    request: Request, actor: Actor, change: Callable[[Administration, dict[str, str]], object], notice: str
) -> Response:
    fields = dict(await fields_of(request))
    administration = Administration(service_of(request).entrance, actor)
    try:
        await in_thread(lambda: change(administration, fields))
    except (InputError, ProblemError) as error:
        return await _page(request, actor, problem=str(error), status=told(error).problem.status)
    return go(request, "/accounts", notice=notice)


def _role(fields: dict[str, str]) -> Role:
    try:
        return Role(fields.get("role", ""))
    except ValueError as error:
        raise InputError(
            f"a role is one of {', '.join(Role)}, got {fields.get('role', '')[:40]!r}"
        ) from error


@router.post("/accounts")
async def add_account(request: Request, actor: Administrator) -> Response:
    """Make an account."""
    return await _changed(
        request,
        actor,
        lambda does, fields: does.add_account(
            fields.get("name", ""), _role(fields), fields.get("password", "")
        ),
        "account",
    )


@router.post("/accounts/role")
async def set_role(request: Request, actor: Administrator) -> Response:
    """Give an account another role."""
    return await _changed(
        request, actor, lambda does, fields: does.set_role(fields.get("name", ""), _role(fields)), "account"
    )


@router.post("/accounts/disable")
async def disable(request: Request, actor: Administrator) -> Response:
    """Forbid signing in."""
    return await _changed(
        request, actor, lambda does, fields: does.disable(fields.get("name", "")), "account"
    )


@router.post("/accounts/enable")
async def enable(request: Request, actor: Administrator) -> Response:
    """Allow signing in again."""
    return await _changed(request, actor, lambda does, fields: does.enable(fields.get("name", "")), "account")


@router.post("/accounts/keys")
async def make_key(request: Request, actor: Administrator) -> Response:
    """Make a key, and show it in this answer alone."""
    fields = dict(await fields_of(request))
    days = fields.get("days", "")
    administration = Administration(service_of(request).entrance, actor)
    try:
        if not days.isdecimal() or not 1 <= int(days) <= 3650:
            raise InputError(f"a key is good for 1 to 3650 days, got {days[:20]!r}")
        text, key = await in_thread(
            lambda: administration.create_key(fields.get("name", ""), _role(fields), days=float(days))
        )
    except (InputError, ProblemError) as error:
        return await _page(request, actor, problem=str(error), status=told(error).problem.status)
    return await _page(request, actor, new_key=NewKeyShown(key.name, text))


@router.post("/accounts/keys/revoke")
async def revoke_key(request: Request, actor: Administrator) -> Response:
    """Take a key back."""
    return await _changed(
        request, actor, lambda does, fields: does.revoke_key(fields.get("prefix", "")), "key"
    )
