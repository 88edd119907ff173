"""Case folders: their list, one of them, and what is done in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import ValidationError

from attrieve.errors import InputError
from attrieve.serving.access.guard import requires
from attrieve.serving.access.roles import Actor, Permission
from attrieve.serving.cases.case import (
    Case,
    CaseStatus,
    Mark,
    MemberRole,
    Note,
    Page,
    SavedHit,
    SavedQuery,
)
from attrieve.serving.cases.export_index import Export, ExportKind
from attrieve.serving.cases.hit_facts import hits_to_save
from attrieve.serving.jobs.job import Job, JobState
from attrieve.serving.problems import Problem, ProblemError, told
from attrieve.serving.searching import read_request
from attrieve.serving.service import Service
from attrieve.serving.shown import Depth
from attrieve.serving.viewing import view
from attrieve.serving.web.environment import render, size
from attrieve.serving.web.frame import Frame
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
from attrieve.serving.web.strings import load_strings
from attrieve.serving.wire.cases import export_address
from attrieve.serving.wire.hits import ReasonView
from attrieve.serving.wire.search import SearchRequest

router = APIRouter(include_in_schema=False)
Exporter = Annotated[Actor, Depends(requires(Permission.EXPORT))]
InCases = Annotated[Actor, Depends(requires(Permission.CASE))]
HITS_SHOWN = 24
NOTES_SHOWN = 50
QUERIES_SHOWN = 50


@dataclass(frozen=True)
class CasesPage:
    """What the list of cases shows.

    Args:
        cases: of this page.
        text: what was searched for in them.
        adding: keys of hits that are about to be put into one.
        back: the search these were found by, as an address's query.
        new_number: what a new case may be numbered.
        problem: why the last change was refused, or None.
    """

    cases: Page[Case]
    text: str = ""
    adding: tuple[str, ...] = ()
    back: str = ""
    new_number: str = ""
    problem: str | None = None


@dataclass(frozen=True)
class ExportShown:
    """An export as it is listed.

    Args:
        name: of the file, or what it will be.
        note: size and time, or how far it is.
        address: where it is downloaded, or empty.
    """

    name: str
    note: str
    address: str = ""


@dataclass(frozen=True)
class CasePage:
    """What a case's page shows.

    Args:
        case: the case.
        hits: of this page.
        notes: newest part of them.
        queries: saved searches.
        exports: newest first.
        exports_running: whether one is being written.
        may_edit: whether this actor may change it.
        may_export: whether this actor may export it.
        owns: whether this actor chooses its members.
    """

    case: Case
    hits: Page[SavedHit]
    notes: Page[Note]
    queries: Page[SavedQuery]
    exports: tuple[ExportShown, ...] = ()
    exports_running: bool = False
    may_edit: bool = False
    may_export: bool = False
    owns: bool = False

    def reasons_of(self, saved: SavedHit) -> list[ReasonView]:
        """Return why a hit was one when it was saved; what cannot be read is left out."""
        try:
            return [ReasonView.model_validate(reason) for reason in saved.facts.get("reasons", ())]
        except (ValidationError, TypeError):
            return []

    def text_of(self, saved: SavedHit) -> str:
        """Return the description that found a hit, or empty."""
        return next((query.text for query in self.queries.items if query.id == saved.query), "")

    def address_of(self, query: SavedQuery) -> str:
        """Return where a saved search is made again."""
        return search_address(query.request, query.text)


def search_address(request: Mapping[str, Any], text: str) -> str:
    """Return the address of the search page for a search as the interface takes it."""
    asked = request.get("witnesses") or ()
    parameters = [("w", str(line)) for line in asked] if asked else [("q", text)]
    parameters += [("where", str(condition)) for condition in request.get("where") or ()]
    return f"/?{urlencode(parameters)}"


def render_cases(page: CasesPage, frame: Frame) -> str:
    """Return the list as HTML."""
    return render("cases", page=page, frame=frame, csrf_field=frame.csrf)


def render_case(page: CasePage, frame: Frame) -> str:
    """Return a case as HTML."""
    return render("case", page=page, frame=frame, csrf_field=frame.csrf)


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
            made, being_made = workshop_of(request).exports_of(actor, number)
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


def exports_shown(case: int, made: Sequence[Export], being_made: Sequence[Job]) -> tuple[ExportShown, ...]:
    """Return exports and those that are being made, newest first."""
    t = load_strings()
    shown: list[tuple[int, ExportShown]] = []
    for one in made:
        if one.removed_at is not None:
            note, address = t("case.export_removed", reason=one.removed_why or ""), ""
        else:
            note = t("case.export_done", size=size(one.size, t), time=f"{one.created_at:%Y-%m-%d %H:%M}")
            address = f"{export_address(case, one.number)}/file"
        shown.append((one.number, ExportShown(one.file, note, address)))
    for job in being_made:
        name = t("case.export_name", number=job.number, kind=str(job.payload.get("kind", "")).upper())
        reason = job.problem.detail if job.problem is not None else ""
        failed = job.state is JobState.FAILED
        note = t("case.export_failed", reason=reason) if failed else t(f"jobs.states.{job.state}")
        shown.append((job.number, ExportShown(name, note)))
    return tuple(one for _, one in sorted(shown, key=lambda pair: -pair[0]))


@router.post("/cases/{number}/exports")
async def export(request: Request, actor: Exporter, number: int) -> Response:
    """Begin an export; the case's page shows it when it is made."""
    said = dict(await fields_of(request)).get("format", "")
    try:
        kind = ExportKind(said)
    except ValueError as error:
        raise InputError(f"an export is one of {', '.join(ExportKind)}, got {said[:40]!r}") from error
    await in_thread(lambda: workshop_of(request).export(actor, number, kind))
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
