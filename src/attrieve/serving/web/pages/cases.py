"""Case folders: their list, one of them, and what is done in it."""

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from attrieve.errors import InputError
from attrieve.serving.access.guard import requires
from attrieve.serving.access.roles import Actor, Permission
from attrieve.serving.cases.case import (
    CaseStatus,
    Mark,
    MemberRole,
)
from attrieve.serving.cases.export_index import ExportKind
from attrieve.serving.cases.hit_facts import hits_to_save
from attrieve.serving.problems import Problem, ProblemError, told
from attrieve.serving.searching import read_request
from attrieve.serving.service import Service
from attrieve.serving.shown import Depth
from attrieve.serving.viewing import view
from attrieve.serving.web.case_pages import (
    CasePage,
    CasesPage,
    ExportShown,
    exports_shown,
    render_case,
    render_cases,
)
from attrieve.serving.web.pages.answering import (
    fields_of,
    frame_of,
    go,
    in_thread,
    occasion_of,
    rendered,
    service_of,
)
from attrieve.serving.web.pages.jobs import REFRESH_SECONDS, workshop_of
from attrieve.serving.web.pages.search import form_of, search_request
from attrieve.serving.web.search_form import MOST_MARKS
from attrieve.serving.wire.search import SearchRequest

router = APIRouter(include_in_schema=False)
Exporter = Annotated[Actor, Depends(requires(Permission.EXPORT))]
InCases = Annotated[Actor, Depends(requires(Permission.CASE))]
HITS_SHOWN = 24
NOTES_SHOWN = 50
QUERIES_SHOWN = 50


@router.get("/cases")
async def cases(request: Request, actor: InCases, text: str = "", page: int = 1) -> Response:
    """List the cases this actor may see."""
    return await _list(request, actor, text=text[:200], number=max(1, page))


@router.get("/cases/add")
async def choose_case(request: Request, actor: InCases) -> Response:
    """Ask which case the hits marked right go into."""
    service = service_of(request)
    form = form_of(request.query_params.multi_items(), service.galleries.current().schema)
    return await _list(request, actor, adding=form.right, back=request.url.query)


async def _list(
    request: Request,
    actor: Actor,
    *,
    text: str = "",
    number: int = 1,
    adding: Sequence[str] = (),
    back: str = "",
    problem: str | None = None,
    status: int = 200,
) -> Response:
    service = service_of(request)
    found = await in_thread(lambda: service.cases.find(actor, text=text or None, page=min(number, 10**6)))
    new_number = occasion_of(request).case or ""
    if any(case.number == new_number for case in found.items):
        new_number = ""
    page = CasesPage(found, text, tuple(adding), back, new_number, problem)
    return await rendered(
        request, lambda: render_cases(page, frame_of(request, actor, "cases")), status=status
    )


@router.post("/cases")
async def make_case(request: Request, actor: InCases) -> Response:
    """Make a case, and put hits into it if any wait for that."""
    service = service_of(request)
    parameters = await fields_of(request)
    fields = dict(parameters)
    adding = _keys(parameters)
    try:
        made = await in_thread(
            lambda: service.cases.create(
                actor,
                number=fields.get("number", ""),
                title=fields.get("title", ""),
                purpose=fields.get("purpose", ""),
            )
        )
    except (InputError, ProblemError) as error:
        return await _list(
            request,
            actor,
            adding=adding,
            back=fields.get("back", ""),
            problem=str(error),
            status=told(error).problem.status,
        )
    if adding:
        await _put(request, actor, made.id, adding, fields.get("back", ""))
    return go(request, f"/cases/{made.id}", notice="case_made")


@router.post("/cases/add")
async def add_hits(request: Request, actor: InCases) -> Response:
    """Put hits into a case, with the search that found them."""
    parameters = await fields_of(request)
    fields = dict(parameters)
    case = _case_number(fields.get("case", ""))
    await _put(request, actor, case, _keys(parameters), fields.get("back", ""))
    return go(request, f"/cases/{case}", notice="added")


def _keys(parameters: Sequence[tuple[str, str]]) -> list[str]:
    keys = [value for name, value in parameters if name == "key"]
    return list(dict.fromkeys(keys))[:MOST_MARKS]


def _case_number(text: str) -> int:
    if not text.isdecimal() or len(text) > 15:
        raise ProblemError(Problem.CASE_NOT_FOUND, f"there is no case {text[:40]!r}; choose one of the list")
    return int(text)


async def _put(request: Request, actor: Actor, case: int, keys: Sequence[str], back: str) -> None:
    service = service_of(request)
    occasion = occasion_of(request)
    form = form_of(parse_qsl(back), service.galleries.current().schema)

    def put() -> None:
        service.cases.get(actor, case)
        wanted = None if form.empty else search_request(form, occasion)
        query = None
        if wanted is not None:
            query = _saved_query(service, actor, case, wanted)
        service.cases.save_hits(actor, case, hits_to_save(service, keys, wanted, query=query))
        for key in keys:
            if form.verdict(key) == "right":
                service.cases.mark(actor, case, key, Mark.RIGHT)

    await service.room.run(put)


def _saved_query(service: Service, actor: Actor, case: int, wanted: SearchRequest) -> int:
    """Return the number of a search in a case; it is kept if it is not there yet."""
    request = wanted.model_dump(
        mode="json", exclude_defaults=True, exclude={"questions", "page", "page_size", "purpose", "case"}
    )
    saved = service.cases.queries(actor, case, page_size=1000).items
    same = next((one for one in saved if dict(one.request) == request), None)
    if same is not None:
        return same.id
    text = read_request(service, wanted, service.galleries.current()).statement.query.to_text()
    return service.cases.save_query(actor, case, request, text=text).id


@router.get("/cases/{number}")
async def case(request: Request, actor: InCases, number: int, page: int = 1) -> Response:
    """Show a case."""
    service = service_of(request)
    occasion = occasion_of(request)

    def look() -> CasePage:
        found = service.cases.get(actor, number)
        hits = service.cases.hits(actor, number, page=min(max(1, page), 10**6), page_size=HITS_SHOWN)
        shown = [hit.key for hit in hits.items if hit.erased_at is None]
        if shown:
            view(
                service,
                actor,
                shown[0],
                Depth.HIT,
                purpose=occasion.purpose or found.purpose,
                case=occasion.case or found.number,
                details={"what": "case"},
                beside=shown[1:],
                always=not all(service.shown.covers(actor, key, Depth.HIT) for key in shown),
            )
        notes = service.cases.notes(actor, number, page_size=NOTES_SHOWN)
        queries = service.cases.queries(actor, number, page_size=QUERIES_SHOWN)
        role = found.role_of(actor.name)
        edits = role in (MemberRole.OWNER, MemberRole.EDITOR) and found.status is CaseStatus.OPEN
        exports: tuple[ExportShown, ...] = ()
        running = False
        if actor.may(Permission.EXPORT):
            made, being_made = workshop_of(request).export_orders.exports_of(actor, number)
            exports = exports_shown(number, made, being_made)
            running = any(not job.state.is_final for job in being_made)
        return CasePage(
            found,
            hits,
            notes,
            queries,
            exports,
            running,
            may_edit=edits,
            may_export=actor.may(Permission.EXPORT),
            owns=role is MemberRole.OWNER,
        )

    shown = await in_thread(look)
    seconds = REFRESH_SECONDS if shown.exports_running else None
    frame = frame_of(request, actor, "cases", refresh_seconds=seconds)
    return await rendered(request, lambda: render_case(shown, frame))


@router.post("/cases/{number}/exports")
async def export(request: Request, actor: Exporter, number: int) -> Response:
    """Begin an export; the case's page shows it when it is made."""
    said = dict(await fields_of(request)).get("format", "")
    try:
        kind = ExportKind(said)
    except ValueError as error:
        raise InputError(f"an export is one of {', '.join(ExportKind)}, got {said[:40]!r}") from error
    await in_thread(lambda: workshop_of(request).export_orders.export(actor, number, kind))
    return go(request, f"/cases/{number}", notice="export")


@router.post("/cases/{number}/hits/{key}")
async def change_hit(request: Request, actor: InCases, number: int, key: str) -> Response:
    """Mark a hit of a case, or take it out."""
    service = service_of(request)
    said = dict(await fields_of(request)).get("mark", "")

    def change() -> None:
        if said == "remove":
            service.cases.remove_hit(actor, number, key)
        elif said == "none":
            service.cases.mark(actor, number, key, None)
        else:
            service.cases.mark(actor, number, key, _mark(said))

    await in_thread(change)
    return go(request, f"/cases/{number}")


def _mark(said: str) -> Mark:
    try:
        return Mark(said)
    except ValueError as error:
        raise InputError(f"a mark is one of {', '.join(Mark)}, got {said[:40]!r}") from error


@router.post("/cases/{number}/notes")
async def add_note(request: Request, actor: InCases, number: int) -> Response:
    """Write a note."""
    text = dict(await fields_of(request)).get("text", "")
    await in_thread(lambda: service_of(request).cases.add_note(actor, number, text))
    return go(request, f"/cases/{number}", notice="note")


@router.post("/cases/{number}/members")
async def set_member(request: Request, actor: InCases, number: int) -> Response:
    """Let somebody see a case, or do more or less in it."""
    fields = dict(await fields_of(request))
    try:
        role = MemberRole(fields.get("role", ""))
    except ValueError as error:
        raise InputError(
            f"a role is one of {', '.join(MemberRole)}, got {fields.get('role', '')[:40]!r}"
        ) from error
    await in_thread(lambda: service_of(request).cases.set_member(actor, number, fields.get("name", ""), role))
    return go(request, f"/cases/{number}", notice="member")


@router.post("/cases/{number}/status")
async def set_status(request: Request, actor: InCases, number: int) -> Response:
    """Close a case, or open it again."""
    closed = dict(await fields_of(request)).get("status") == "closed"
    status = CaseStatus.CLOSED if closed else CaseStatus.OPEN
    await in_thread(lambda: service_of(request).cases.change(actor, number, status=status))
    return go(request, f"/cases/{number}", notice="status")
