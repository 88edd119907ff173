"""Searches."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query, Request

from attrieve.serving.access.guard import requires
from attrieve.serving.access.roles import Actor, Permission
from attrieve.serving.answers import problems
from attrieve.serving.problems import Problem
from attrieve.serving.searching import answer_search
from attrieve.serving.service import Service
from attrieve.serving.wire.search import (
    CaseName,
    Distance,
    Key,
    Normalisation,
    Purpose,
    SearchAnswer,
    SearchRequest,
    Text,
)

router = APIRouter(tags=["search"])
Searcher = Annotated[Actor, Depends(requires(Permission.SEARCH))]
ANSWERS = problems(Problem.QUERY_NOT_UNDERSTOOD, Problem.SCHEMA_MISMATCH, Problem.OVERLOADED)

EXAMPLES: dict[str, Any] = {
    "description": {
        "summary": "A description in the query language",
        "value": {"query": "male, backpack, !hat, jacket?", "top": 50, "page_size": 10},
    },
    "sentence": {
        "summary": "A plain sentence, some cameras, the best questions to ask next",
        "value": {"query": "a young man with a backpack", "where": ["camera=C1,C2"], "questions": 3},
    },
    "table": {
        "summary": "A table of attribute to yes, no or certainty",
        "value": {"query": {"hat": False, "backpack": 0.8}, "what_if": True},
    },
    "witnesses": {
        "summary": "What two witnesses say, for a case",
        "value": {
            "witnesses": ["A: male, hat?", "B~0.6: male, !hat"],
            "purpose": "missing person",
            "case": "2024-117",
        },
    },
}


@router.post("/search", summary="Rank the gallery by a description", responses=ANSWERS)
async def search(
    request: Request, actor: Searcher, wanted: Annotated[SearchRequest, Body(openapi_examples=EXAMPLES)]
) -> SearchAnswer:
    """Rank the rows of the gallery by a description, or by what several witnesses say, nearest first.

    Every row has a distance: nothing that fits is no error, the ranking says how far. A hit is a lead, not an
    identification.
    """
    service: Service = request.app.state.service
    return await answer_search(service, actor, wanted)


@router.get("/search", summary="Rank the gallery by a short description", responses=ANSWERS)
async def search_by_address(
    request: Request,
    actor: Searcher,
    q: Annotated[
        str | None,
        Query(max_length=2000, description="Description.", examples=["male, backpack, !hat"]),
    ] = None,
    witness: Annotated[
        list[Text] | None, Query(max_length=20, description="What a witness says, 'NAME: description'.")
    ] = None,
    where: Annotated[
        list[Text] | None, Query(max_length=50, description="Condition on a column, e.g. 'camera=C1,C2'.")
    ] = None,
    top: Annotated[int, Query(ge=1, le=100_000, description="Hits that are ranked.")] = 100,
    page: Annotated[int, Query(ge=1, le=100_000, description="Which part of them to send.")] = 1,
    page_size: Annotated[int, Query(ge=1, le=500, description="Hits in one answer.")] = 20,
    explain: Annotated[bool, Query(description="Whether hits carry reasons.")] = True,
    what_if: Annotated[bool, Query(description="Whether to tell ranks without each thing asked.")] = False,
    questions: Annotated[int, Query(ge=0, le=20, description="How many questions to suggest.")] = 0,
    distance: Annotated[Distance | None, Query(description="How rows are compared.")] = None,
    nats: Annotated[
        float | None, Query(ge=0, le=1000, description="Weight of the embedding in nats.")
    ] = None,
    fusion_weight: Annotated[
        float | None, Query(ge=0, le=1000, description="Weight of the attribute distance.")
    ] = None,
    normalisation: Annotated[
        Normalisation | None, Query(description="What distances are divided by.")
    ] = None,
    right: Annotated[list[Key] | None, Query(max_length=200, description="Row marked right.")] = None,
    wrong: Annotated[list[Key] | None, Query(max_length=200, description="Row marked wrong.")] = None,
    purpose: Annotated[Purpose, Query()] = None,
    case: Annotated[CaseName, Query()] = None,
) -> SearchAnswer:
    """Search as by POST, the whole search in the address, so that it can be kept and sent."""
    service: Service = request.app.state.service
    wanted = SearchRequest(
        query=q,
        witnesses=witness or [],
        where=where or [],
        top=top,
        page=page,
        page_size=page_size,
        explain=explain,
        what_if=what_if,
        questions=questions,
        distance=distance,
        nats=nats,
        fusion_weight=fusion_weight,
        normalisation=normalisation,
        right=right or [],
        wrong=wrong or [],
        purpose=purpose,
        case=case,
    )
    return await answer_search(service, actor, wanted)
