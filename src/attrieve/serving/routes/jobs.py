"""Jobs."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from attrieve.serving.access.guard import requires
from attrieve.serving.access.roles import Actor, Permission
from attrieve.serving.answers import problems
from attrieve.serving.jobs.job import JobKind, JobState
from attrieve.serving.jobs.workshop import Workshop
from attrieve.serving.problems import Problem
from attrieve.serving.wire.jobs import JobList, JobView

router = APIRouter(tags=["jobs"])
Curator = Annotated[Actor, Depends(requires(Permission.JOBS))]
Number = Annotated[int, Path(ge=1, le=2**53, description="Of the job.")]
UNKNOWN = problems(Problem.JOB_NOT_FOUND)


@router.get("/jobs", summary="List jobs")
def list_jobs(
    request: Request,
    _actor: Curator,
    state: Annotated[list[JobState] | None, Query(description="Only these.")] = None,
    kind: Annotated[list[JobKind] | None, Query(description="Only these.")] = None,
    created_by: Annotated[str | None, Query(max_length=200, description="Only this account's.")] = None,
    before: Annotated[
        int | None, Query(ge=1, le=2**53, description="Only smaller numbers, for paging.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="At most so many.")] = 50,
) -> JobList:
    """Return jobs, newest first."""
    found = _workshop(request).jobs.find(
        states=state or (), kinds=kind or (), actor=created_by, before=before, limit=limit + 1
    )
    more = len(found) > limit
    jobs = [JobView.of(job) for job in found[:limit]]
    return JobList(jobs=jobs, next_before=jobs[-1].number if more else None)


@router.get("/jobs/{number}", summary="Look at a job", responses=UNKNOWN)
def get_job(request: Request, _actor: Curator, number: Number) -> JobView:
    """Return how far a job is, and what came of it."""
    return JobView.of(_workshop(request).jobs.get(number))


@router.post("/jobs/{number}/cancel", summary="Cancel a job", status_code=202, responses=UNKNOWN)
def cancel_job(request: Request, actor: Curator, number: Number) -> JobView:
    """Ask a job to stop: one that waits is cancelled at once, one that runs in a moment.

    What it has done stays done; a job that has ended stays as it is.
    """
    return JobView.of(_workshop(request).orders.cancel(number, actor))


@router.post(
    "/jobs/{number}/retry",
    summary="Try a job again",
    status_code=202,
    responses=problems(Problem.JOB_NOT_FOUND, Problem.CONFLICT),
)
def retry_job(request: Request, actor: Curator, number: Number) -> JobView:
    """Put a job that failed or was cancelled in the queue again; what it did it does not do twice."""
    return JobView.of(_workshop(request).orders.retry(number, actor))


def _workshop(request: Request) -> Workshop:
    workshop: Workshop = request.app.state.service.workshop
    return workshop
