"""Style sheet, script and icon."""

from fastapi import APIRouter
from fastapi.responses import Response

from attrieve.serving.problems import Problem, ProblemError
from attrieve.serving.web.assets import FOR_EVER, asset_at

router = APIRouter(include_in_schema=False)


@router.get("/static/{name}")
async def static(name: str) -> Response:
    """Send an asset; its name changes with its content, so browsers keep it."""
    asset = asset_at(name)
    if asset is None:
        raise ProblemError(Problem.NOT_FOUND, "the pages bring no such file; load the page again")
    return Response(asset.content, media_type=asset.media_type, headers={"cache-control": FOR_EVER})


@router.get("/favicon.ico")
async def favicon() -> Response:
    """Answer browsers that ask for an icon before they read the page: there is none here."""
    return Response(status_code=204)
