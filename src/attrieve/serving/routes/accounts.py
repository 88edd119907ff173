"""Accounts and keys, for administrators."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from attrieve.serving.access.administration import Administration
from attrieve.serving.access.entrance import Entrance
from attrieve.serving.access.guard import requires
from attrieve.serving.access.roles import Actor, Permission
from attrieve.serving.answers import problems
from attrieve.serving.problems import Problem
from attrieve.serving.wire.accounts import (
    AccountChange,
    AccountView,
    CreatedKey,
    KeyRotation,
    KeyView,
    NewAccount,
    NewKey,
)

router = APIRouter(tags=["accounts"])
Administrator = Annotated[Actor, Depends(requires(Permission.MANAGE_ACCOUNTS))]
Name = Annotated[str, Path(max_length=64, description="Of the account.", examples=["kim"])]
Prefix = Annotated[str, Path(max_length=64, description="Of the key.", examples=["0123456789ab"])]
CHANGES = problems(Problem.UNKNOWN_NAME, Problem.CONFLICT)


@router.get("/accounts", summary="List accounts")
def list_accounts(request: Request, _actor: Administrator) -> list[AccountView]:
    """Return all accounts by name."""
    return [AccountView.of(account) for account in _entrance(request).accounts.all()]


@router.post("/accounts", summary="Make an account", status_code=201, responses=CHANGES)
def add_account(request: Request, actor: Administrator, wanted: NewAccount) -> AccountView:
    """Make an account. Names are never given twice."""
    made = _administration(request, actor).add_account(
        wanted.name, wanted.role, wanted.password.get_secret_value()
    )
    return AccountView.of(made)


@router.get("/accounts/{name}", summary="Look at an account", responses=CHANGES)
def get_account(request: Request, _actor: Administrator, name: Name) -> AccountView:
    """Return an account."""
    return AccountView.of(_entrance(request).accounts.get(name))


@router.patch("/accounts/{name}", summary="Change an account", responses=CHANGES)
def change_account(request: Request, actor: Administrator, name: Name, wanted: AccountChange) -> AccountView:
    """Change role or password, or forbid or allow signing in. The last administrator stays one."""
    administration = _administration(request, actor)
    with _entrance(request).database.transaction():
        if wanted.role is not None:
            administration.set_role(name, wanted.role)
        if wanted.password is not None:
            administration.set_password(name, wanted.password.get_secret_value())
        if wanted.disabled is not None:
            (administration.disable if wanted.disabled else administration.enable)(name)
        account = _entrance(request).accounts.get(name)
    return AccountView.of(account)


@router.delete(
    "/accounts/{name}",
    summary="Remove an account",
    status_code=204,
    response_class=Response,
    responses=CHANGES,
)
def remove_account(request: Request, actor: Administrator, name: Name) -> None:
    """Remove an account for ever and end its sessions. What it did stays in the ledger."""
    _administration(request, actor).remove(name)


@router.get("/keys", summary="List keys")
def list_keys(request: Request, _actor: Administrator) -> list[KeyView]:
    """Return all keys, oldest first, ended and revoked ones included."""
    return [KeyView.of(key) for key in _entrance(request).keys.all()]


@router.post("/keys", summary="Make a key", status_code=201, responses=CHANGES)
def create_key(request: Request, actor: Administrator, wanted: NewKey) -> CreatedKey:
    """Make a key for a program. Its text is in this answer and nowhere else."""
    text, key = _administration(request, actor).create_key(
        wanted.name, wanted.role, days=_days(request, wanted.days)
    )
    return CreatedKey(**KeyView.of(key).model_dump(), key=text)


@router.post(
    "/keys/{prefix}/rotate", summary="Replace a key by a new one", status_code=201, responses=CHANGES
)
def rotate_key(
    request: Request, actor: Administrator, prefix: Prefix, wanted: KeyRotation | None = None
) -> CreatedKey:
    """Make a successor with the same name and role; the old key ends at once or after the overlap."""
    wanted = wanted or KeyRotation()
    text, key = _administration(request, actor).rotate_key(
        prefix, days=_days(request, wanted.days), overlap_s=wanted.overlap_hours * 3600.0
    )
    return CreatedKey(**KeyView.of(key).model_dump(), key=text)


@router.delete("/keys/{prefix}", summary="Revoke a key", responses=CHANGES)
def revoke_key(request: Request, actor: Administrator, prefix: Prefix) -> KeyView:
    """Take a key back at once. It stays in the list, so that the ledger can be read."""
    return KeyView.of(_administration(request, actor).revoke_key(prefix))


def _entrance(request: Request) -> Entrance:
    entrance: Entrance = request.app.state.service.entrance
    return entrance


def _administration(request: Request, actor: Actor) -> Administration:
    return Administration(_entrance(request), actor)


def _days(request: Request, wanted: int | None) -> float:
    return float(wanted if wanted is not None else request.app.state.service.settings.key_days)
