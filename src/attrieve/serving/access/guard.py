"""What stands before every route and page: who asks, whether they may, and whether the form is ours.

>>> requires(Permission.SEARCH).permission.value
'search'
"""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPBearer
from starlette.concurrency import run_in_threadpool

from attrieve.serving.access.cookies import SESSION_COOKIE
from attrieve.serving.access.csrf import check_csrf
from attrieve.serving.access.roles import POLICY, Actor, Permission
from attrieve.serving.problems import Problem, ProblemError
from attrieve.serving.state.ledger_entry import Action

_KEY = HTTPBearer(scheme_name="key", description="An API key: Authorization: Bearer KEY.", auto_error=False)
_SESSION = APIKeyCookie(
    name=SESSION_COOKIE,
    scheme_name="session",
    description="The cookie the sign-in page sets; requests that change something also need the header "
    "X-CSRF-Token or the form field csrf.",
    auto_error=False,
)


@dataclass(frozen=True)
class Requires:
    """A dependency of a route that returns its :class:`Actor`, or refuses.

    Args:
        permission: what the route needs.

    Raises:
        ProblemError: 401 without a valid key or session, 403 without the permission or with a form that is
            not ours, 429 when too many requests came.
    """

    permission: Permission

    async def __call__(
        self,
        request: Request,
        _key: Annotated[Any, Depends(_KEY)],
        _session: Annotated[Any, Depends(_SESSION)],
    ) -> Actor:
        """Return who asks."""
        entrance = request.app.state.service.entrance
        visitor = await run_in_threadpool(entrance.admit, request)
        actor: Actor = visitor.actor
        request.state.actor = actor
        request.state.session = visitor.session
        if not actor.may(self.permission):
            await run_in_threadpool(
                entrance.ledger.record,
                actor,
                Action.REFUSED,
                details={"method": request.method, "path": request.url.path, "needs": self.permission.value},
            )
            roles = " or ".join(sorted(role.value for role in POLICY[self.permission]))
            raise ProblemError(
                Problem.FORBIDDEN,
                f"this needs the role {roles}; {actor.name} has the role {actor.role.value}",
            )
        await check_csrf(request, actor)
        return actor


def requires(permission: Permission) -> Requires:
    """Return the dependency of a route: ``actor: Annotated[Actor, Depends(requires(Permission.VIEW))]``."""
    return Requires(permission)
