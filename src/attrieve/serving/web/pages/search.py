"""The search page, the reading of a description for the builder, and marks."""

from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlsplit

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError

from attrieve.errors import InputError, QueryError
from attrieve.schema.attributes import AttributeSchema
from attrieve.serving.access.guard import requires
from attrieve.serving.access.roles import Actor, Permission
from attrieve.serving.problems import Problem, ProblemError, told
from attrieve.serving.searching import answer_search
from attrieve.serving.state.ledger_entry import Action
from attrieve.serving.web.builder import build, read_answers, sayings
from attrieve.serving.web.environment import render
from attrieve.serving.web.form_reading import built_text, is_submitted, read_form
from attrieve.serving.web.pages.answering import (
    Occasion,
    fields_of,
    frame_of,
    go,
    in_thread,
    occasion_of,
    own_address,
    rendered,
    service_of,
)
from attrieve.serving.web.reading import Reading, read
from attrieve.serving.web.search_form import PAGE_SIZE, SearchForm
from attrieve.serving.web.search_page import Failure, SearchPage, render_search, search_page
from attrieve.serving.wire.search import SearchAnswer, SearchRequest

router = APIRouter(include_in_schema=False)
Searcher = Annotated[Actor, Depends(requires(Permission.SEARCH))]
Marker = Annotated[Actor, Depends(requires(Permission.MARK))]
QUESTIONS = 20
"""Asked for; the page shows the best that are open to the witness being written."""


@router.get("/")
async def search(request: Request, actor: Searcher) -> Response:
    """Show the form, and what was found if something is asked."""
    service = service_of(request)
    gallery = service.galleries.current()
    parameters = request.query_params.multi_items()
    form = form_of(parameters, gallery.schema)
    if is_submitted(parameters):
        return go(request, form.address(page=1))
    occasion = occasion_of(request)
    needs = service.settings.purpose_required and not (occasion.purpose and occasion.case)
    answer, failure, status = None, None, 200
    if not form.empty and not needs:
        answer, failure, status = await _answer(request, actor, form, occasion, gallery.schema)
    counted = service.statistics.counted(gallery)  # seconds where there are millions: not waited for

    def page() -> str:
        view = search_page(
            form,
            gallery.schema,
            answer=answer,
            failure=failure,
            cameras=() if counted is None else counted.cameras,
            rows=len(gallery),
            may_mark=actor.may(Permission.MARK),
            may_keep=actor.may(Permission.CASE),
            needs_occasion=needs,
        )
        return render_search(view, frame_of(request, actor, "search"))

    return await rendered(request, page, status=status)


def form_of(parameters: list[tuple[str, str]], schema: AttributeSchema) -> SearchForm:
    """Read a form; if its text cannot be read, the builder's changes wait until it can."""
    try:
        return read_form(parameters, schema)
    except QueryError:
        return read_form([pair for pair in parameters if pair[0] != "vocabulary"], schema)


async def _answer(
    request: Request, actor: Actor, form: SearchForm, occasion: Occasion, schema: AttributeSchema
) -> tuple[SearchAnswer | None, Failure | None, int]:
    if not form.witnesses and not isinstance(read(form, schema), Reading):
        return None, None, 422  # told at its place, in the form
    try:
        return await answer_search(service_of(request), actor, search_request(form, occasion)), None, 200
    except ValidationError as error:
        return None, Failure(Problem.INVALID_REQUEST.title, _plainly(error)), 422
    except (InputError, ProblemError) as error:
        one = told(error)
        return None, Failure(one.problem.title, one.detail), one.problem.status


def _plainly(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())


def search_request(form: SearchForm, occasion: Occasion) -> SearchRequest:
    """Return the search a form asks for.

    Raises:
        ValidationError: if the address holds what no form sends.
    """
    return SearchRequest(
        query=None if form.witnesses else form.text,
        witnesses=[witness.line for witness in form.witnesses if witness.text],
        right=list(form.right) if form.refine else [],
        wrong=list(form.wrong) if form.refine else [],
        where=form.conditions(),
        page=form.page,
        page_size=PAGE_SIZE,
        questions=QUESTIONS,
        purpose=occasion.purpose,
        case=occasion.case,
    )


@router.get("/description")
async def description(request: Request, _actor: Searcher) -> Response:
    """Tell how a description is read and how the builder stands for it; nothing is searched for.

    The answer is JSON for the page's own script: ``text``, whether it is ``readable``, what is ``said`` of
    each attribute by position, ``counts`` per region, and ``html`` that shows the reading.
    """
    service = service_of(request)
    schema = service.galleries.current().schema
    parameters = request.query_params.multi_items()

    def tell() -> dict[str, Any]:
        text, readable = request.query_params.get("q", "").strip(), True
        if request.query_params.get("vocabulary") == schema.fingerprint:
            try:
                answers = read_answers(parameters, schema)
                text = built_text(text, request.query_params.get("shown", ""), answers, schema)
            except QueryError:
                readable = False
        form = SearchForm(text)
        reading = read(form, schema)
        readable = readable and (reading is None or isinstance(reading, Reading))
        query = reading.query if isinstance(reading, Reading) else None
        view = search_page(form, schema)
        return {
            "text": text,
            "readable": readable,
            "said": {str(index): [said.choice.value, said.percent] for index, said in sayings(query).items()},
            "counts": {part.region.value: part.asked for part in build(query, schema)},
            "html": understood(view),
        }

    return JSONResponse(await in_thread(tell))


def understood(view: SearchPage) -> str:
    """Return the part of the page that shows how a description is understood."""
    return render("parts/understood", page=view)


@router.post("/marks")
async def mark(request: Request, actor: Marker) -> Response:
    """Mark a hit right, wrong or not at all: written into the ledger, and into the address of the search."""
    service = service_of(request)
    fields = dict(await fields_of(request))
    back = own_address(fields.get("back"))
    verdict, _, key = fields.get("mark", "").partition(".")
    if verdict not in ("right", "wrong", "none") or len(key) != 16:
        raise ProblemError(Problem.INVALID_REQUEST, "a mark is right, wrong or none, and names a row")
    parts = urlsplit(back)
    form = form_of(parse_qsl(parts.query, keep_blank_values=True), service.galleries.current().schema)
    occasion = occasion_of(request)
    await in_thread(
        lambda: service.ledger.record(
            actor,
            Action.MARK,
            purpose=occasion.purpose,
            case=occasion.case,
            query=form.text or None,
            details={"mark": verdict},
            keys=[key],
        )
    )
    marked = form.marked(key, verdict)
    address = replace(marked, page=form.page).address(parts.path or "/", page=form.page)
    return go(request, address if parts.path.startswith("/persons/") else f"{address}#hit-{key}")
