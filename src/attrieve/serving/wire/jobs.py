"""A job as it travels."""

from datetime import datetime
from typing import Any

from pydantic import Field

from attrieve.serving.jobs.job import Job, JobKind, JobState
from attrieve.serving.wire.base import AnswerModel


class JobProblemView(AnswerModel):
    """Why a job failed."""

    kind: str = Field(description="The same for the same reason.")
    detail: str = Field(description="What happened and what to do.")


class JobView(AnswerModel):
    """A piece of work that outlasts its request."""

    number: int
    kind: JobKind
    state: JobState
    created_by: str = Field(description="Name of the account that asked for it.")
    purpose: str | None
    case: str | None
    created_at: datetime
    not_before: datetime = Field(description="It is not begun earlier.")
    started_at: datetime | None
    ended_at: datetime | None
    attempts: int = Field(description="How often it was begun.")
    done: int = Field(description="Units that are done: images, rows or steps.")
    total: int | None = Field(description="How many there are; null while nobody knows.")
    rate_per_s: float | None = Field(description="Units in a second, over the last half minute.")
    seconds_left: float | None = Field(description="How long it will take at this rate.")
    message: str | None = Field(description="What it is at, or waits for.")
    cancel_requested: bool
    result: dict[str, Any] | None = Field(description="What came of it, once it is done.")
    problem: JobProblemView | None
    link: str = Field(description="Where to ask again.")

    @classmethod
    def of(cls, job: Job) -> "JobView":
        """Return a job as it travels; its payload stays here."""
        problem = job.problem
        return cls(
            number=job.number,
            kind=job.kind,
            state=job.state,
            created_by=job.actor.name,
            purpose=job.purpose,
            case=job.case,
            created_at=job.created_at,
            not_before=job.not_before,
            started_at=job.started_at,
            ended_at=job.ended_at,
            attempts=job.attempts,
            done=job.done,
            total=job.total,
            rate_per_s=job.rate_per_s,
            seconds_left=job.seconds_left,
            message=job.message,
            cancel_requested=job.cancel_requested,
            result=None if job.result is None else dict(job.result),
            problem=None if problem is None else JobProblemView(kind=problem.kind, detail=problem.detail),
            link=job_address(job.number),
        )


class JobList(AnswerModel):
    """Jobs, newest first."""

    jobs: list[JobView]
    next_before: int | None = Field(description="Give this as 'before' for the next page; null at the end.")


def job_address(number: int) -> str:
    """Return where a job can be asked for."""
    return f"/api/v1/jobs/{number}"
