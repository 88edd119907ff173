"""Whether the service is well, and its numbers."""

from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Depends, Request, Response

from attrieve import __version__
from attrieve.errors import AttrieveError
from attrieve.serving.access.guard import requires
from attrieve.serving.access.roles import Actor, Permission
from attrieve.serving.metrics import CONTENT_TYPE
from attrieve.serving.service import Service
from attrieve.serving.wire.health import LiveView, ReadyView

router = APIRouter(tags=["health"])
metrics_router = APIRouter(tags=["health"])


@router.get("/health/live", summary="Whether the process answers")
async def check_live() -> LiveView:
    """Answer; a process that does not should be started anew."""
    return LiveView(version=__version__)


@router.get(
    "/health/ready",
    summary="Whether the service can answer searches",
    responses={503: {"model": ReadyView, "description": "Not ready"}},
)
async def check_ready(request: Request, response: Response) -> ReadyView:
    """Look at each part; 503 if one of those a search needs does not work."""
    service: Service = request.app.state.service
    checks = await anyio.to_thread.run_sync(_checks, service)
    well = all(value == "ok" for value in checks.values())
    if not well:
        response.status_code = 503
    return ReadyView(status="ready" if well else "not ready", checks=checks)


def _checks(service: Service) -> dict[str, str]:
    problem = service.galleries.problem
    checks = {"gallery": "ok" if problem is None else "cannot be opened anew; the log tells why"}
    try:
        service.state.rows("SELECT 1")
        checks["state"] = "ok"
    except AttrieveError:
        checks["state"] = "cannot be read; the log tells why"
    return checks


@metrics_router.get(
    "/metrics",
    summary="Numbers for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def read_metrics(
    request: Request, _actor: Annotated[Actor, Depends(requires(Permission.SEE_METRICS))]
) -> Response:
    """Return requests, searches, what waits and what there is, in the text format of Prometheus."""
    service: Service = request.app.state.service
    text = await anyio.to_thread.run_sync(service.metrics.text)
    return Response(text, headers={"Content-Type": CONTENT_TYPE})
