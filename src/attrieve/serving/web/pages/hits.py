"""A row in detail, and several side by side."""

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import ValidationError

from attrieve.errors import InputError
from attrieve.serving.access.guard import requires
from attrieve.serving.access.roles import Actor, Permission
from attrieve.serving.persons import person, track
from attrieve.serving.problems import Problem, ProblemError
from attrieve.serving.service import Service
from attrieve.serving.shown import Depth
from attrieve.serving.viewing import view
from attrieve.serving.web.hit_pages import (
    ComparePage,
    HitPage,
    compared,
    heat_maps,
    render_compare,
    render_hit,
)
from attrieve.serving.web.pages.answering import (
    Occasion,
    frame_of,
    go,
    here_of,
    in_thread,
    occasion_of,
    rendered,
    service_of,
)
from attrieve.serving.web.pages.search import form_of, search_request
from attrieve.serving.web.search_form import SearchForm
from attrieve.serving.wire.hits import PersonView
from attrieve.serving.wire.search import SearchRequest

router = APIRouter(include_in_schema=False)
Viewer = Annotated[Actor, Depends(requires(Permission.VIEW))]
MOST_COMPARED = 6


def _request_of(form: SearchForm, occasion: Occasion, actor: Actor) -> SearchRequest | None:
    """Return the search of a form, if there is one that can be made; marks count only where they refine."""
    if form.empty or not actor.may(Permission.SEARCH):
        return None
    try:
        return search_request(form, occasion)
    except ValidationError as error:
        raise ProblemError(Problem.INVALID_REQUEST, str(error.errors()[0]["msg"])) from error


def _needs_occasion(service: Service, occasion: Occasion) -> bool:
    return service.settings.purpose_required and not (occasion.purpose and occasion.case)


@router.get("/persons/{key}")
async def hit(request: Request, actor: Viewer, key: str) -> Response:
    """Show a row, and why it is a hit if the address holds a search."""
    service = service_of(request)
    occasion = occasion_of(request)
    if _needs_occasion(service, occasion):
        return go(request, _occasion_address(request))
    schema = service.galleries.current().schema
    form = form_of(request.query_params.multi_items(), schema)
    found = await _found(service, form, occasion, actor, [key])
    neighbours = await in_thread(lambda: track(service.galleries.current(), key))
    await in_thread(
        lambda: view(
            service,
            actor,
            key,
            Depth.DETAILS,
            purpose=occasion.purpose,
            case=occasion.case,
            details={"query": form.text} if form.text else None,
            beside=[row.key for row in neighbours.rows],
            always=True,
        )
    )
    maps, reason = heat_maps(found[0], run_there=service.has_run)
    page = HitPage(
        found[0],
        form,
        here_of(request),
        neighbours,
        maps,
        reason,
        may_mark=actor.may(Permission.MARK),
        may_keep=actor.may(Permission.CASE),
        may_search=actor.may(Permission.SEARCH),
    )
    return await rendered(request, lambda: render_hit(page, frame_of(request, actor, "search")))


def _occasion_address(request: Request) -> str:
    return f"/occasion?back={quote(here_of(request), safe='')}"


async def _found(
    service: Service,
    form: SearchForm,
    occasion: Occasion,
    actor: Actor,
    keys: Sequence[str],
) -> list[PersonView]:
    wanted = _request_of(form, occasion, actor)

    def look() -> list[PersonView]:
        try:
            return [person(service, key, wanted) for key in keys]
        except ProblemError:
            raise
        except InputError:
            if wanted is None:
                raise
            return [person(service, key) for key in keys]  # the description is told about on the search page

    return await service.room.run(look)


@router.get("/compare")
async def compare(request: Request, actor: Viewer) -> Response:
    """Show rows side by side."""
    service = service_of(request)
    occasion = occasion_of(request)
    if _needs_occasion(service, occasion):
        return go(request, _occasion_address(request))
    schema = service.galleries.current().schema
    parameters = request.query_params.multi_items()
    form = form_of([pair for pair in parameters if pair[0] != "key"], schema)
    keys = list(dict.fromkeys(value for name, value in parameters if name == "key"))[:MOST_COMPARED]
    persons = await _found(service, form, occasion, actor, keys) if keys else []

    def record() -> None:
        for key in keys:
            view(
                service,
                actor,
                key,
                Depth.DETAILS,
                purpose=occasion.purpose,
                case=occasion.case,
                details={"what": "compare"},
            )

    await in_thread(record)
    page = ComparePage(tuple(persons), form, compared(persons))
    return await rendered(request, lambda: render_compare(page, frame_of(request, actor, "search")))
