"""Adding images."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from attrieve.serving.access.guard import requires
from attrieve.serving.access.roles import Actor, Permission
from attrieve.serving.answers import problems
from attrieve.serving.jobs.workshop import Workshop
from attrieve.serving.problems import Problem
from attrieve.serving.uploads.receiving import ARCHIVE_TYPES, IMAGE_TYPES
from attrieve.serving.wire.images import UploadAnswer
from attrieve.serving.wire.search import CaseName, Purpose

router = APIRouter(tags=["images"])

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["images"],
                    "properties": {
                        "images": {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                            "description": "JPEG, PNG or WebP pictures, or zip archives of such.",
                        },
                        "camera": {"type": "string", "description": "Of all images."},
                        "time": {"type": "string", "description": "Of all images, ISO 8601."},
                        "track": {"type": "string", "description": "Of all images."},
                        "source": {"type": "string", "description": "What their source is called."},
                        "metadata": {
                            "type": "string",
                            "description": "JSON object from file name to fields of that image alone.",
                            "examples": ['{"a.jpg": {"camera": "C1", "box": [10, 20, 64, 128]}}'],
                        },
                    },
                },
                "encoding": {"images": {"contentType": ", ".join((*IMAGE_TYPES, ARCHIVE_TYPES[0]))}},
            },
            **dict.fromkeys((*IMAGE_TYPES, ARCHIVE_TYPES[0]), _BINARY),
        },
    }
}

Field = Annotated[str | None, Query(max_length=200)]


@router.post(
    "/images",
    summary="Add images",
    status_code=202,
    responses=problems(
        Problem.IMAGE_NOT_READABLE, Problem.UNSUPPORTED_MEDIA_TYPE, Problem.TOO_LARGE, Problem.MODEL_MISSING
    ),
    openapi_extra=_BODY,
)
async def add_images(
    request: Request,
    response: Response,
    actor: Annotated[Actor, Depends(requires(Permission.ADD))],
    _name: Annotated[
        str | None, Query(alias="name", max_length=1000, description="Name of a picture sent alone.")
    ] = None,
    camera: Annotated[Field, Query(description="Of all images.")] = None,
    time: Annotated[Field, Query(description="Of all images, ISO 8601.")] = None,
    track: Annotated[Field, Query(description="Of all images.")] = None,
    source: Annotated[Field, Query(description="What their source is called.")] = None,
    purpose: Annotated[Purpose, Query()] = None,
    case: Annotated[CaseName, Query()] = None,
) -> UploadAnswer:
    """Take one picture, several in a form, or a zip archive.

    Every file is judged at once, and nothing but the pixels of what is accepted is kept. A job then describes
    the pictures and adds them to the gallery; it survives a restart. Pictures that the gallery has already
    are found there, so sending them again does no harm.
    """
    workshop: Workshop = request.app.state.service.workshop
    given = {"camera": camera, "time": time, "track": track, "source": source}
    told = {field: value for field, value in given.items() if value is not None}
    taken = await workshop.upload_orders.take(request, actor, told, purpose=purpose, case=case)
    answer = UploadAnswer.of(taken)
    response.headers["Location"] = answer.job.link
    return answer
