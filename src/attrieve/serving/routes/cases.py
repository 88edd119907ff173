"""Case folders."""

from typing import Annotated, Any, TypedDict

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from attrieve.gallery.feedback.marks_file import marks_to_json
from attrieve.serving.access.guard import requires
from attrieve.serving.access.roles import Actor, Permission
from attrieve.serving.answers import problems
from attrieve.serving.cases.case import CaseStatus, Mark
from attrieve.serving.cases.cases import Cases
from attrieve.serving.cases.hit_facts import hits_to_save
from attrieve.serving.cases.refining import case_marks, refined
from attrieve.serving.problems import Problem
from attrieve.serving.searching import answer_search, read_request
from attrieve.serving.service import Service
from attrieve.serving.wire.cases import (
    CaseChange,
    CaseList,
    CaseView,
    HitsToSave,
    MarkRequest,
    MemberChange,
    NewCase,
    NewNote,
    NewQuery,
    NoteList,
    NoteView,
    SavedHitList,
    SavedHitView,
    SavedQueryList,
    SavedQueryView,
    case_address,
    page_facts,
)
from attrieve.serving.wire.search import SearchAnswer, SearchRequest

router = APIRouter(prefix="/cases", tags=["cases"])
Investigator = Annotated[Actor, Depends(requires(Permission.CASE))]
Marker = Annotated[Actor, Depends(requires(Permission.MARK))]
Searcher = Annotated[Actor, Depends(requires(Permission.SEARCH))]
CaseId = Annotated[int, Path(ge=1, le=2**53, description="Of the case.")]
Number = Annotated[int, Path(ge=1, le=2**53)]
RowKey = Annotated[str, Path(pattern="^[0-9a-f]{16}$", description="Of the row.")]
MemberName = Annotated[str, Path(min_length=1, max_length=200, description="Of the account.")]
UNKNOWN = problems(Problem.CASE_NOT_FOUND)
CHANGES = problems(Problem.CASE_NOT_FOUND, Problem.CONFLICT)


class Paging(TypedDict):
    """Which part of a list is wanted."""

    page: int
    page_size: int


def _paging(
    page: Annotated[int, Query(ge=1, le=100_000, description="From 1.")] = 1,
    page_size: Annotated[int, Query(ge=1, le=500, description="In one answer.")] = 50,
) -> Paging:
    return Paging(page=page, page_size=page_size)


PageWanted = Annotated[Paging, Depends(_paging)]


@router.get("", summary="List cases")
def list_cases(
    request: Request,
    actor: Investigator,
    paging: PageWanted,
    text: Annotated[
        str | None, Query(max_length=200, description="Only those whose number or title holds it.")
    ] = None,
    status: Annotated[CaseStatus | None, Query(description="Only these.")] = None,
) -> CaseList:
    """Return the cases you are a member of, those changed last first."""
    found = _cases(request).find(actor, text=text, status=status, **paging)
    return CaseList(cases=[CaseView.of(case) for case in found.items], **page_facts(found))


@router.post("", summary="Make a case", status_code=201, responses=problems(Problem.CONFLICT))
def create_case(request: Request, response: Response, actor: Investigator, wanted: NewCase) -> CaseView:
    """Make a case that you own."""
    made = _cases(request).create(
        actor, number=wanted.number, title=wanted.title, purpose=wanted.purpose, members=wanted.members
    )
    response.headers["Location"] = case_address(made.id)
    return CaseView.of(made)


@router.get("/{case}", summary="Look at a case", responses=UNKNOWN)
def get_case(request: Request, actor: Investigator, case: CaseId) -> CaseView:
    """Return a case you are a member of."""
    return CaseView.of(_cases(request).get(actor, case))


@router.patch("/{case}", summary="Change a case", responses=CHANGES)
def change_case(request: Request, actor: Investigator, case: CaseId, wanted: CaseChange) -> CaseView:
    """Change number, title or purpose, close the case or open it again; its owner may."""
    changed = _cases(request).change(
        actor,
        case,
        number=wanted.number,
        title=wanted.title,
        purpose=wanted.purpose,
        status=wanted.status,
    )
    return CaseView.of(changed)


@router.delete(
    "/{case}", summary="Delete a case", status_code=204, response_class=Response, responses=UNKNOWN
)
def delete_case(request: Request, actor: Investigator, case: CaseId) -> None:
    """Delete a case with everything in it and its exports; its owner may. The ledger keeps what was done."""
    _cases(request).delete(actor, case)


@router.put("/{case}/members/{name}", summary="Let somebody see a case", responses=CHANGES)
def set_member(
    request: Request, actor: Investigator, case: CaseId, name: MemberName, wanted: MemberChange
) -> CaseView:
    """Make somebody a member, or change what the member may do; the case's owner may."""
    return CaseView.of(_cases(request).set_member(actor, case, name, wanted.role))


@router.delete("/{case}/members/{name}", summary="Hide a case from somebody", responses=CHANGES)
def remove_member(request: Request, actor: Investigator, case: CaseId, name: MemberName) -> CaseView:
    """End a membership; the case's owner may."""
    return CaseView.of(_cases(request).remove_member(actor, case, name))


@router.get("/{case}/notes", summary="List notes", responses=UNKNOWN)
def list_notes(
    request: Request,
    actor: Investigator,
    case: CaseId,
    paging: PageWanted,
    key: Annotated[
        str | None, Query(pattern="^[0-9a-f]{16}$", description="Only those about this hit.")
    ] = None,
) -> NoteList:
    """Return notes in the order they were written."""
    found = _cases(request).notes(actor, case, key=key, **paging)
    return NoteList(notes=[NoteView.of(note) for note in found.items], **page_facts(found))


@router.post("/{case}/notes", summary="Write a note", status_code=201, responses=CHANGES)
def add_note(request: Request, actor: Investigator, case: CaseId, wanted: NewNote) -> NoteView:
    """Write something down, about the case or about one of its hits."""
    return NoteView.of(_cases(request).add_note(actor, case, wanted.text, key=wanted.key))


@router.delete(
    "/{case}/notes/{note}",
    summary="Delete a note",
    status_code=204,
    response_class=Response,
    responses=CHANGES,
)
def delete_note(request: Request, actor: Investigator, case: CaseId, note: Number) -> None:
    """Delete a note; its author may, and the owner of the case."""
    _cases(request).delete_note(actor, case, note)


@router.get("/{case}/queries", summary="List saved searches", responses=UNKNOWN)
def list_queries(request: Request, actor: Investigator, case: CaseId, paging: PageWanted) -> SavedQueryList:
    """Return saved searches in the order they were saved."""
    found = _cases(request).queries(actor, case, **paging)
    return SavedQueryList(queries=[SavedQueryView.of(query) for query in found.items], **page_facts(found))


@router.post("/{case}/queries", summary="Save a search", status_code=201, responses=CHANGES)
def save_query(request: Request, actor: Investigator, case: CaseId, wanted: NewQuery) -> SavedQueryView:
    """Keep a search with the case; it must be one that is understood."""
    service = _service(request)
    asked = read_request(service, wanted.request, service.galleries.current())
    plain = wanted.request.model_dump(mode="json", exclude_defaults=True)
    text = asked.statement.query.to_text()
    return SavedQueryView.of(service.cases.save_query(actor, case, plain, text=text, name=wanted.name))


@router.delete(
    "/{case}/queries/{query}",
    summary="Forget a saved search",
    status_code=204,
    response_class=Response,
    responses=CHANGES,
)
def delete_query(request: Request, actor: Investigator, case: CaseId, query: Number) -> None:
    """Forget a saved search; the hits it found stay."""
    _cases(request).delete_query(actor, case, query)


@router.get("/{case}/hits", summary="List saved hits", responses=UNKNOWN)
def list_hits(
    request: Request,
    actor: Investigator,
    case: CaseId,
    paging: PageWanted,
    mark: Annotated[Mark | None, Query(description="Only those that bear it.")] = None,
) -> SavedHitList:
    """Return saved hits in the order they were saved."""
    found = _cases(request).hits(actor, case, mark=mark, **paging)
    return SavedHitList(hits=[SavedHitView.of(hit) for hit in found.items], **page_facts(found))


@router.post(
    "/{case}/hits",
    summary="Save hits",
    status_code=201,
    responses=CHANGES,
)
def save_hits(request: Request, actor: Investigator, case: CaseId, wanted: HitsToSave) -> list[SavedHitView]:
    """Keep rows with the case, and what the search said of them, which is looked up again."""
    service = _service(request)
    search = None
    if wanted.query is not None:
        saved = service.cases.query(actor, case, wanted.query)
        search = SearchRequest.model_validate(saved.request)
    hits = hits_to_save(service, wanted.keys, search, query=wanted.query)
    return [SavedHitView.of(hit) for hit in service.cases.save_hits(actor, case, hits)]


@router.get("/{case}/hits/{key}", summary="Look at a saved hit", responses=UNKNOWN)
def get_hit(request: Request, actor: Investigator, case: CaseId, key: RowKey) -> SavedHitView:
    """Return a saved hit."""
    return SavedHitView.of(_cases(request).hit(actor, case, key))


@router.delete(
    "/{case}/hits/{key}",
    summary="Take a hit out of a case",
    status_code=204,
    response_class=Response,
    responses=CHANGES,
)
def remove_hit(request: Request, actor: Investigator, case: CaseId, key: RowKey) -> None:
    """Take a hit out of a case; notes about it stay."""
    _cases(request).remove_hit(actor, case, key)


@router.put("/{case}/hits/{key}/mark", summary="Mark a hit", responses=CHANGES)
def mark_hit(request: Request, actor: Marker, case: CaseId, key: RowKey, wanted: MarkRequest) -> SavedHitView:
    """Say whether a hit is right, wrong, or still open."""
    return SavedHitView.of(_cases(request).mark(actor, case, key, wanted.mark))


@router.get("/{case}/marks", summary="Marks as a file", responses=UNKNOWN)
def get_marks(request: Request, actor: Investigator, case: CaseId) -> dict[str, Any]:
    """Return the marks right and wrong as ``attrieve`` reads them: for searches, or as training labels."""
    service = _service(request)
    return marks_to_json(case_marks(service.cases, actor, case), service.galleries.current().schema)


@router.post(
    "/{case}/refine",
    summary="Search with the case's marks",
    responses=problems(
        Problem.CASE_NOT_FOUND, Problem.QUERY_NOT_UNDERSTOOD, Problem.SCHEMA_MISMATCH, Problem.OVERLOADED
    ),
)
async def refine(request: Request, actor: Searcher, case: CaseId, wanted: SearchRequest) -> SearchAnswer:
    """Search as by ``POST /search``, for this case, and let its marks right and wrong change the order."""
    service = _service(request)
    return await answer_search(service, actor, await refined(service, actor, case, wanted))


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def _cases(request: Request) -> Cases:
    return _service(request).cases
