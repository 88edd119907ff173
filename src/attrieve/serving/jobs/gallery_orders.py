"""Orders that change the gallery: erasure of a row, deletion of many, indexing anew."""

from collections.abc import Mapping
from typing import Any

from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.serving.access.roles import Actor
from attrieve.serving.erasure import Erasure
from attrieve.serving.jobs.deleting import RowChoice
from attrieve.serving.jobs.job import Job, JobKind
from attrieve.serving.jobs.job_orders import JobOrders
from attrieve.serving.problems import Problem, ProblemError
from attrieve.serving.settings import ServiceSettings


class GalleryOrders:
    """Takes orders that change the gallery.

    Args:
        orders: takes the jobs.
        erasure: knows where traces of rows are.
        settings: name the gallery and the run.
    """

    def __init__(self, orders: JobOrders, erasure: Erasure, settings: ServiceSettings) -> None:
        self._orders = orders
        self._erasure = erasure
        self._settings = settings

    def erase(self, key: str, actor: Actor, *, why: str | None, purpose: str | None, case: str | None) -> Job:
        """Queue the erasure of one row everywhere.

        Raises:
            ProblemError: if neither the gallery nor anything else knows it.
            StorageError: if the disk refuses.
        """
        choice = RowChoice(keys=(key,))
        if not choice.count(self._snapshot()) and not self._erasure.has_traces(key):
            told = f"the gallery holds no row {key!r}, and nothing is left of one"
            raise ProblemError(Problem.PERSON_NOT_FOUND, told)
        payload = {**choice.to_payload(), "why": why}
        return self._orders.submit(
            lambda jobs: jobs.submit(JobKind.DELETE_ROWS, payload, actor, purpose=purpose, case=case),
            keys=[key],
        )

    def delete(
        self,
        choice: RowChoice,
        actor: Actor,
        *,
        dry_run: bool,
        expect: int | None,
        why: str | None = None,
        purpose: str | None = None,
        case: str | None = None,
    ) -> tuple[int, Job | None]:
        """Count rows, and queue their deletion unless it is a dry run.

        Args:
            choice: which rows.
            actor: who wants it.
            dry_run: only count.
            expect: how many it shall be; required to delete.
            why: why.
            purpose: what for.
            case: number of the case it belongs to.

        Raises:
            ProblemError: a conflict, if it are others than expected, or nothing was expected.
            QueryError: for a condition that cannot be read.
            StorageError: if the disk refuses.
        """
        rows = choice.count(self._snapshot())
        if dry_run:
            return rows, None
        if expect != rows:
            said = "nothing was expected" if expect is None else f"{expect:,} were expected"
            told = f"{rows:,} rows would be deleted, {said}; look again, then send that number as 'expect'"
            raise ProblemError(Problem.CONFLICT, told, rows=rows)
        payload = {**choice.to_payload(), "why": why}
        job = self._orders.submit(
            lambda jobs: jobs.submit(JobKind.DELETE_ROWS, payload, actor, purpose=purpose, case=case),
            details={"rows": rows},
        )
        return rows, job

    def reindex(self, actor: Actor, options: Mapping[str, Any]) -> Job:
        """Queue the indexing of the gallery by the run of the settings.

        Raises:
            ProblemError: ``model-missing``.
        """
        if self._settings.run is None and not options.get("columns_only"):
            told = "the settings name no 'run' to describe the images by"
            raise ProblemError(Problem.MODEL_MISSING, told)
        return self._orders.submit(lambda jobs: jobs.submit(JobKind.REEMBED, options, actor))

    def _snapshot(self) -> GallerySnapshot:
        return GallerySnapshot.open(self._settings.gallery)
