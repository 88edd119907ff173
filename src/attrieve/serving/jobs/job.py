"""One piece of work that outlasts a request."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from attrieve.serving.access.roles import Actor


class JobKind(StrEnum):
    """What is to be done."""

    ADD_IMAGES = "add-images"
    DELETE_ROWS = "delete-rows"
    REEMBED = "re-embed"
    COMPACT = "compact"
    EXPORT_CASE = "export-case"

    @property
    def writes_gallery(self) -> bool:
        """Whether it needs the gallery for itself among writers; two such jobs never run at once."""
        return self is not JobKind.EXPORT_CASE


class JobState(StrEnum):
    """Where it stands; the last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether it stays so."""
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True)
class JobProblem:
    """Why a job failed.

    Args:
        kind: short name, the same for the same reason, such as ``image-error``.
        detail: for a person.
    """

    kind: str
    detail: str


@dataclass(frozen=True)
class Job:
    """A job as it stood when it was read.

    Args:
        number: what it is known by; later jobs have greater ones.
        kind: what is to be done.
        state: where it stands.
        payload: what it needs to know; plain JSON values.
        actor: who started it.
        purpose: what for, as that person stated it.
        case: identifier of the case it belongs to.
        created_at: when it was asked for, in UTC.
        not_before: it is not begun earlier, in UTC.
        started_at: when it was first begun, or None.
        ended_at: when it became final, or None.
        attempts: how often it was begun.
        done: units that are done: images, rows or pages.
        total: how many there are, or None while nobody knows.
        rate_per_s: units in a second of late, or None.
        message: what it is at, or waits for; for a person.
        cancel_requested: whether it was asked to stop.
        result: what came of it, plain JSON values; None until it is done.
        problem: why it failed; None unless it did.
    """

    number: int
    kind: JobKind
    state: JobState
    payload: Mapping[str, Any]
    actor: Actor
    purpose: str | None
    case: str | None
    created_at: datetime
    not_before: datetime
    started_at: datetime | None
    ended_at: datetime | None
    attempts: int
    done: int
    total: int | None
    rate_per_s: float | None
    message: str | None
    cancel_requested: bool
    result: Mapping[str, Any] | None
    problem: JobProblem | None

    @property
    def seconds_left(self) -> float | None:
        """How long it will take at the present rate, or None if nobody knows."""
        if self.state is not JobState.RUNNING or self.total is None or not self.rate_per_s:
            return None
        return max(0, self.total - self.done) / self.rate_per_s

    @property
    def share_done(self) -> float | None:
        """Part that is done, in [0, 1], or None while nobody knows the whole."""
        if self.state is JobState.DONE:
            return 1.0
        return None if not self.total else min(1.0, self.done / self.total)
