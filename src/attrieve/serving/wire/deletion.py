"""Deletion by condition or age, compaction and indexing anew, as they travel."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field

from attrieve.errors import InputError
from attrieve.serving.jobs.deleting import RowChoice
from attrieve.serving.wire.base import AnswerModel, RequestModel
from attrieve.serving.wire.jobs import JobView
from attrieve.serving.wire.search import CaseName, Purpose, Text

Why = Annotated[
    str | None, Field(max_length=500, description="Why, for the ledger.", examples=["retention period"])
]


class DeletionRequest(RequestModel):
    """Which rows: by ``where`` or by ``older_than_days`` or by ``before``."""

    where: list[Text] = Field(
        default_factory=list,
        max_length=50,
        description="Conditions on the gallery's columns; all must hold.",
        examples=[["camera=C1", "time<2024-05-01"]],
    )
    older_than_days: float | None = Field(
        default=None, ge=0, le=100_000, description="Rows taken longer ago; without a time, indexed so."
    )
    before: datetime | None = Field(
        default=None, description="Rows taken before this moment; without a time, indexed so."
    )
    dry_run: bool = Field(
        default=True, description="Only count. To delete, send false and the count as 'expect'."
    )
    expect: int | None = Field(
        default=None, ge=0, description="How many rows it shall be; if it are others now, nothing happens."
    )
    why: Why = None
    purpose: Purpose = None
    case: CaseName = None

    def choice(self, now: datetime) -> RowChoice:
        """Return which rows are meant.

        Raises:
            InputError: if it is none or several of the three ways.
        """
        if sum((bool(self.where), self.older_than_days is not None, self.before is not None)) != 1:
            raise InputError("say which rows are meant by one of where, older_than_days and before")
        if self.where:
            return RowChoice(where=tuple(self.where))
        if self.older_than_days is not None:
            seconds = max(0.0, now.timestamp() - 86400 * self.older_than_days)
            return RowChoice(before=datetime.fromtimestamp(seconds, UTC))
        assert self.before is not None
        return RowChoice(before=self.before)


class DeletionAnswer(AnswerModel):
    """How many rows are meant, and the job that deletes them."""

    dry_run: bool
    rows: int
    job: JobView | None = Field(default=None, description="Null for a dry run.")


class ReindexRequest(RequestModel):
    """How to index anew."""

    columns_only: bool = Field(
        default=False, description="Only make the columns for searching anew, if the model is the same."
    )
    delete_unreadable: bool = Field(
        default=False,
        description="Delete rows whose image is gone or changed; else the old model stays in use.",
    )
