"""The words a description is made of."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from attrieve.schema.language import language_names
from attrieve.serving.access.guard import requires
from attrieve.serving.access.roles import Actor, Permission
from attrieve.serving.answers import problems
from attrieve.serving.problems import Problem
from attrieve.serving.search_views import query_view
from attrieve.serving.searching import read_description
from attrieve.serving.service import Service
from attrieve.serving.wire.search import QueryView, Text
from attrieve.serving.wire.vocabulary import SynonymsView, VocabularyView
from attrieve.serving.words import synonyms_view, vocabulary_view

router = APIRouter(prefix="/vocabulary", tags=["vocabulary"])
Reader = Annotated[Actor, Depends(requires(Permission.SEE_VOCABULARY))]


@router.get("", summary="The attributes one can ask for")
async def get_vocabulary(request: Request, _actor: Reader) -> VocabularyView:
    """Return all attributes in their groups, each with the part of the body it is seen at."""
    service: Service = request.app.state.service
    return vocabulary_view(service.galleries.current().schema)


@router.get("/synonyms", summary="What else people say for them")
async def list_synonyms(
    request: Request,
    _actor: Reader,
    language: Annotated[str, Query(max_length=20, description="Of the words.", examples=["en"])] = "en",
) -> SynonymsView:
    """Return words and phrases of a language, and what each says in the query language."""
    service: Service = request.app.state.service
    return synonyms_view(service.galleries.current().schema, language)


@router.get("/languages", summary="Languages a description may be written in")
async def list_languages(_actor: Reader) -> list[str]:
    """Return the names of the languages."""
    return list(language_names())


@router.get(
    "/reading", summary="How a description is understood", responses=problems(Problem.QUERY_NOT_UNDERSTOOD)
)
async def read_text(
    request: Request,
    _actor: Reader,
    q: Annotated[Text, Query(description="The description.", examples=["a young man, no hat"])],
) -> QueryView:
    """Return how every word of a description is understood, without searching."""
    service: Service = request.app.state.service
    return query_view(read_description(q, service.galleries.current().schema))
