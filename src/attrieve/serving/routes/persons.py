"""Rows of the gallery: details, pictures, what the model saw."""

from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from attrieve.serving.access.guard import requires
from attrieve.serving.access.roles import Actor, Permission
from attrieve.serving.answers import Responses, problems
from attrieve.serving.heat_maps import heat_map
from attrieve.serving.persons import like, person, track
from attrieve.serving.pictures import Picture, crop_of, thumbnail_of
from attrieve.serving.problems import Problem
from attrieve.serving.service import Service
from attrieve.serving.showing import rows_of_keys
from attrieve.serving.shown import Depth
from attrieve.serving.viewing import view
from attrieve.serving.wire.hits import LikeView, PersonView, TrackView
from attrieve.serving.wire.search import CaseName, Key, Purpose, SearchRequest, Text

router = APIRouter(prefix="/persons", tags=["persons"])
Viewer = Annotated[Actor, Depends(requires(Permission.VIEW))]
RowKey = Annotated[Key, Path(examples=["0123456789abcdef"])]
ForPurpose = Annotated[Purpose, Query()]
ForCase = Annotated[CaseName, Query()]

MISSING = "X-Attrieve-Placeholder"
"""Header that says why a picture is a placeholder."""

GONE = problems(Problem.PERSON_NOT_FOUND)
PICTURES: Responses = {
    200: {
        "description": "The picture, or a placeholder; then the header says why.",
        "content": {
            "image/jpeg": {"schema": {"type": "string", "format": "binary"}},
            "image/png": {"schema": {"type": "string", "format": "binary"}},
        },
        "headers": {MISSING: {"description": "Why this is a placeholder.", "schema": {"type": "string"}}},
    },
    **GONE,
}


@router.get(
    "/{key}",
    summary="A row in detail",
    responses=problems(Problem.PERSON_NOT_FOUND, Problem.SCHEMA_MISMATCH, Problem.OVERLOADED),
)
async def get_person(
    request: Request,
    actor: Viewer,
    key: RowKey,
    q: Annotated[
        Text | None, Query(description="A description: then the row comes with its rank and reasons.")
    ] = None,
    witness: Annotated[list[Text] | None, Query(max_length=20, description="In the place of 'q'.")] = None,
    where: Annotated[list[Text] | None, Query(max_length=50, description="Conditions of the search.")] = None,
    right: Annotated[list[Key] | None, Query(max_length=200, description="Rows marked right.")] = None,
    wrong: Annotated[list[Key] | None, Query(max_length=200, description="Rows marked wrong.")] = None,
    purpose: ForPurpose = None,
    case: ForCase = None,
) -> PersonView:
    """Return all that is known of a row; with a description also why it is a hit and what would change it."""
    service: Service = request.app.state.service
    search = (
        None
        if q is None and not witness
        else SearchRequest(
            query=q, witnesses=witness or [], where=where or [], right=right or [], wrong=wrong or []
        )
    )
    shown = await service.room.run(lambda: person(service, key, search))
    await anyio.to_thread.run_sync(
        lambda: view(service, actor, key, Depth.DETAILS, purpose=purpose, case=case, always=True)
    )
    return shown


@router.get("/{key}/crop", summary="The picture of a row", response_class=Response, responses=PICTURES)
async def get_crop(
    request: Request, actor: Viewer, key: RowKey, purpose: ForPurpose = None, case: ForCase = None
) -> Response:
    """Return the picture, encoded anew and at most 1024 pixels long; the file itself is never sent."""
    service: Service = request.app.state.service

    def made() -> Picture:
        [row] = rows_of_keys(service.galleries.current(), [key])
        view(service, actor, key, Depth.DETAILS, purpose=purpose, case=case, details={"what": "crop"})
        return crop_of(row, service.settings.upload_pixels_most)

    return _answer(await anyio.to_thread.run_sync(made))


@router.get(
    "/{key}/thumbnail", summary="A little picture of a row", response_class=Response, responses=PICTURES
)
async def get_thumbnail(
    request: Request, actor: Viewer, key: RowKey, purpose: ForPurpose = None, case: ForCase = None
) -> Response:
    """Return a picture that fits into 128 by 256 pixels."""
    service: Service = request.app.state.service

    def made() -> Picture:
        [row] = rows_of_keys(service.galleries.current(), [key])
        view(service, actor, key, Depth.HIT, purpose=purpose, case=case, details={"what": "thumbnail"})
        return thumbnail_of(row, service.settings.upload_pixels_most)

    return _answer(await anyio.to_thread.run_sync(made))


@router.get(
    "/{key}/heat-maps/{attribute}.png",
    summary="Where an attribute was found in the picture",
    response_class=Response,
    responses={
        200: {
            "description": "The map over the crop, or a placeholder; then the header says why.",
            "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
        },
        **problems(Problem.PERSON_NOT_FOUND, Problem.SCHEMA_MISMATCH, Problem.MODEL_MISSING),
    },
)
async def get_heat_map(
    request: Request,
    actor: Viewer,
    key: RowKey,
    attribute: Annotated[str, Path(max_length=100, examples=["accessoryHat"])],
    legend: Annotated[bool, Query(description="Whether to explain the colours below.")] = False,
    purpose: ForPurpose = None,
    case: ForCase = None,
) -> Response:
    """Return one attribute's heat map over the crop; needs the run that filled the gallery."""
    service: Service = request.app.state.service
    made = await service.room.run(lambda: heat_map(service, key, attribute, legend=legend))
    await anyio.to_thread.run_sync(
        lambda: view(
            service, actor, key, Depth.DETAILS, purpose=purpose, case=case, details={"what": "heat map"}
        )
    )
    return _answer(made)


@router.get("/{key}/like", summary="A description like this row", responses=GONE)
async def describe_like(
    request: Request,
    actor: Viewer,
    key: RowKey,
    purpose: ForPurpose = None,
    case: ForCase = None,
) -> LikeView:
    """Return a description made of what is recognised in the row: attributes, nothing of its appearance."""
    service: Service = request.app.state.service

    def made() -> LikeView:
        found = like(service.galleries.current(), key)
        view(service, actor, key, Depth.DETAILS, purpose=purpose, case=case, details={"what": "like"})
        return found

    return await anyio.to_thread.run_sync(made)


@router.get("/{key}/track", summary="Rows of the same track, in time", responses=GONE)
async def get_track(
    request: Request,
    actor: Viewer,
    key: RowKey,
    purpose: ForPurpose = None,
    case: ForCase = None,
) -> TrackView:
    """Return the rows of the same camera's track; a person is never followed from camera to camera."""
    service: Service = request.app.state.service

    def made() -> TrackView:
        found = track(service.galleries.current(), key)
        beside = [row.key for row in found.rows]
        view(
            service,
            actor,
            key,
            Depth.DETAILS,
            purpose=purpose,
            case=case,
            details={"what": "track"},
            beside=beside,
            always=True,
        )
        return found

    return await anyio.to_thread.run_sync(made)


def _in_a_header(text: str) -> str:
    """Return a text as a header may hold it: names of files may hold anything but a zero byte."""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text)[:500].strip()


def _answer(picture: Picture) -> Response:
    headers = {}
    if picture.missing is not None:
        headers[MISSING] = _in_a_header(picture.missing)
    return Response(picture.content, media_type=picture.media_type, headers=headers)
