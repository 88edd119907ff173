"""What leaves the gallery, and its care."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from attrieve.serving.access.guard import requires
from attrieve.serving.access.roles import Actor, Permission
from attrieve.serving.answers import problems
from attrieve.serving.jobs.job import JobKind
from attrieve.serving.jobs.workshop import Workshop
from attrieve.serving.problems import Problem
from attrieve.serving.wire.deletion import DeletionAnswer, DeletionRequest, ReindexRequest, Why
from attrieve.serving.wire.jobs import JobView, job_address
from attrieve.serving.wire.search import CaseName, Purpose

router = APIRouter()
Deleter = Annotated[Actor, Depends(requires(Permission.DELETE))]
Indexer = Annotated[Actor, Depends(requires(Permission.REINDEX))]


@router.delete(
    "/persons/{key}",
    tags=["persons"],
    summary="Erase a row everywhere",
    status_code=202,
    responses=problems(Problem.PERSON_NOT_FOUND),
)
def erase_person(
    request: Request,
    response: Response,
    actor: Deleter,
    key: Annotated[str, Path(pattern="^[0-9a-f]{16}$", description="Of the row.")],
    why: Annotated[Why, Query()] = None,
    purpose: Annotated[Purpose, Query()] = None,
    case: Annotated[CaseName, Query()] = None,
) -> JobView:
    """Erase a row: from the gallery with its thumbnail, the image if it was uploaded, exports, case folders.

    That it happened stays in the ledger. The bytes leave the disk with a compaction that is queued for
    an hour later, when no running search can hold them any more.
    """
    job = _workshop(request).gallery_orders.erase(key, actor, why=why, purpose=purpose, case=case)
    response.headers["Location"] = job_address(job.number)
    return JobView.of(job)


@router.post(
    "/gallery/delete",
    tags=["gallery"],
    summary="Delete rows by condition or age",
    status_code=200,
    responses={
        202: {"model": DeletionAnswer, "description": "Rows are being deleted."},
        **problems(Problem.QUERY_NOT_UNDERSTOOD, Problem.CONFLICT),
    },
)
def delete_rows(
    request: Request, response: Response, actor: Deleter, wanted: DeletionRequest
) -> DeletionAnswer:
    """Count the rows that are meant (a dry run, unless said otherwise), then delete them everywhere.

    To delete, send ``dry_run: false`` with the count as ``expect``: if other rows came or went meanwhile,
    nothing happens and the answer is 409.
    """
    choice = wanted.choice(datetime.now(UTC))
    rows, job = _workshop(request).gallery_orders.delete(
        choice,
        actor,
        dry_run=wanted.dry_run,
        expect=wanted.expect,
        why=wanted.why,
        purpose=wanted.purpose,
        case=wanted.case,
    )
    if job is None:
        return DeletionAnswer(dry_run=True, rows=rows)
    response.status_code = 202
    response.headers["Location"] = job_address(job.number)
    return DeletionAnswer(dry_run=False, rows=rows, job=JobView.of(job))


@router.post("/gallery/compact", tags=["gallery"], summary="Compact the gallery", status_code=202)
def compact_gallery(request: Request, response: Response, actor: Indexer) -> JobView:
    """Merge small pieces, and free the disk of what was deleted more than an hour ago."""
    job = _workshop(request).orders.submit(lambda jobs: jobs.submit(JobKind.COMPACT, {}, actor))
    response.headers["Location"] = job_address(job.number)
    return JobView.of(job)


@router.post(
    "/gallery/re-index",
    tags=["gallery"],
    summary="Index the gallery anew",
    status_code=202,
    responses=problems(Problem.MODEL_MISSING),
)
def reindex_gallery(
    request: Request, response: Response, actor: Indexer, wanted: ReindexRequest | None = None
) -> JobView:
    """Describe every image by the run of the settings, and search by that one when all are described.

    If the gallery is searched by that run already, only its columns for searching are made anew.
    """
    job = _workshop(request).gallery_orders.reindex(actor, (wanted or ReindexRequest()).model_dump())
    response.headers["Location"] = job_address(job.number)
    return JobView.of(job)


def _workshop(request: Request) -> Workshop:
    workshop: Workshop = request.app.state.service.workshop
    return workshop
