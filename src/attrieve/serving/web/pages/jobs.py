"""Jobs with their progress, and the form that adds images."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from attrieve.serving.access.guard import requires
from attrieve.serving.access.roles import Actor, Permission
from attrieve.serving.jobs.job import Job
from attrieve.serving.jobs.workshop import Workshop
from attrieve.serving.web.environment import render
from attrieve.serving.web.frame import Frame
from attrieve.serving.web.pages.answering import frame_of, go, html, in_thread, occasion_of, service_of

router = APIRouter(include_in_schema=False)
Curator = Annotated[Actor, Depends(requires(Permission.JOBS))]
Adder = Annotated[Actor, Depends(requires(Permission.ADD))]
REFRESH_SECONDS = 3
MOST_SHOWN = 50


@dataclass(frozen=True)
class JobsPage:
    """What the page of jobs shows.

    Args:
        jobs: newest first.
        may_add: whether images can be added by this actor.
        model_there: whether the service has the model that describes them.
        images_most: in one upload.
        bytes_most: of one image.
    """

    jobs: tuple[Job, ...]
    may_add: bool = False
    model_there: bool = False
    images_most: int = 0
    bytes_most: int = 0

    @property
    def running(self) -> bool:
        """Whether any job has not ended."""
        return any(not job.state.is_final for job in self.jobs)


def render_jobs(page: JobsPage, frame: Frame) -> str:
    """Return the page as HTML."""
    return render("jobs", page=page, frame=frame, csrf_field=frame.csrf)


def workshop_of(request: Request) -> Workshop:
    """Return where long work is asked for."""
    workshop: Workshop = service_of(request).workshop
    return workshop


@router.get("/jobs")
async def jobs(request: Request, actor: Curator) -> Response:
    """Show jobs; the page looks again by itself while any of them runs."""
    service = service_of(request)
    found = await in_thread(lambda: tuple(service.jobs.find(limit=MOST_SHOWN)))
    page = JobsPage(
        found,
        may_add=actor.may(Permission.ADD),
        model_there=service.has_run,
        images_most=service.settings.upload_images_most,
        bytes_most=service.settings.upload_bytes_most,
    )
    seconds = REFRESH_SECONDS if page.running else None
    return html(request, render_jobs(page, frame_of(request, actor, "jobs", refresh_seconds=seconds)))


@router.post("/images")
async def upload(request: Request, actor: Adder) -> Response:
    """Take images, and show how they are added."""
    occasion = occasion_of(request)
    await workshop_of(request).upload_orders.take(
        request, actor, purpose=occasion.purpose, case=occasion.case
    )
    return go(request, "/jobs", notice="upload")


@router.post("/jobs/{number}/cancel")
async def cancel(request: Request, actor: Curator, number: int) -> Response:
    """Ask a job to stop."""
    await in_thread(lambda: workshop_of(request).orders.cancel(number, actor))
    return go(request, "/jobs", notice="cancelled")


@router.post("/jobs/{number}/retry")
async def retry(request: Request, actor: Curator, number: int) -> Response:
    """Try a job again."""
    await in_thread(lambda: workshop_of(request).orders.retry(number, actor))
    return go(request, "/jobs", notice="retried")
