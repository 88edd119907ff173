"""The job that erases rows: some by key, or those that meet conditions or are older than a moment."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from attrieve.errors import InputError
from attrieve.gallery.database.filters import Condition, Filter, Operator, to_predicate
from attrieve.gallery.database.keys import key_numbers
from attrieve.gallery.database.lance import batches, row_ids
from attrieve.gallery.database.layout import filterable
from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.gallery.database.rows import rows_of
from attrieve.gallery.database.writing import KEEP_VERSIONS, older_than
from attrieve.serving.access.roles import Actor
from attrieve.serving.erasure import Erased, Erasure, RowToErase
from attrieve.serving.jobs.gallery_writing import open_gallery_writer
from attrieve.serving.jobs.job import JobKind, JobState
from attrieve.serving.jobs.queue import JobQueue
from attrieve.serving.jobs.run import JobCancelled, JobRun
from attrieve.serving.state.ledger import Action

ROWS_AT_ONCE = 2000
"""Rows erased in one step, with one entry in the ledger."""

COMPACTION_GATHERS = timedelta(minutes=10)
"""Deletions of so long a time share a compaction."""


@dataclass(frozen=True)
class RowChoice:
    """Which rows are meant: by exactly one of these.

    Args:
        keys: of the rows.
        where: conditions that all must hold, as in a search.
        before: taken before this moment, or indexed before it if their time is unknown.

    Raises:
        InputError: if none or several are given, or a key is none.
    """

    keys: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    before: datetime | None = None

    def __post_init__(self) -> None:
        if sum((bool(self.keys), bool(self.where), self.before is not None)) != 1:
            raise InputError("say which rows are meant by one of keys, conditions and age, not by several")
        key_numbers(self.keys)

    def predicate(self, snapshot: GallerySnapshot) -> str:
        """Return the condition the store evaluates.

        Raises:
            QueryError: for a condition that cannot be read.
            UnknownNameError: for an unknown column.
        """
        if self.before is not None:
            return older_than(self.before)
        wanted = snapshot.parse(self.where)
        if self.keys:
            wanted = Filter((Condition("key", Operator.EQUAL, self.keys),))
        predicate = to_predicate(wanted, filterable(snapshot.arrow_schema))
        if predicate is None:
            raise InputError("no condition would mean every row; give at least one")
        return predicate

    def count(self, snapshot: GallerySnapshot) -> int:
        """Return how many rows are meant now; raises as :meth:`predicate`."""
        return len(row_ids(snapshot.table, self.predicate(snapshot)))

    def rows(self, snapshot: GallerySnapshot) -> list[RowToErase]:
        """Return the rows that are meant; of keys also those the gallery does not hold any more."""
        found: dict[str, RowToErase] = {key: RowToErase(key) for key in self.keys}
        for batch in batches(snapshot.table, ["key", "source", "member"], self.predicate(snapshot)):
            for row in rows_of(pa.Table.from_batches([batch])):
                found[row.key] = RowToErase(row.key, None if row.source.member else row.source.path)
        return list(found.values())

    def to_payload(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        before = None if self.before is None else self.before.isoformat()
        return {"keys": list(self.keys), "where": list(self.where), "before": before}

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> "RowChoice":
        """Read what :meth:`to_payload` wrote."""
        before = payload.get("before")
        moment = None if before is None else datetime.fromisoformat(before)
        return cls(tuple(payload.get("keys", ())), tuple(payload.get("where", ())), moment)


class DeleteRows:
    """Erases rows everywhere; done twice, it finds nothing left.

    Args:
        gallery: folder of the gallery.
        erasure: knows where traces are.
        jobs: where the compaction is queued that frees the disk of them.
        changed: called when the gallery has changed.
    """

    def __init__(
        self, gallery: Path, erasure: Erasure, jobs: JobQueue, changed: Callable[[], object]
    ) -> None:
        self._gallery = gallery
        self._erasure = erasure
        self._jobs = jobs
        self._changed = changed

    def __call__(self, run: JobRun) -> Mapping[str, Any]:
        """Do the job.

        Raises:
            JobCancelled: between two steps; what was erased stays so.
            GalleryBusyError: if another process writes to the gallery.
            StorageError: if the disk refuses.
        """
        job = run.job
        choice = RowChoice.from_payload(job.payload)
        action = Action.ERASURE if choice.keys else Action.DELETION
        details = {"what": "rows erased", "job": job.number, "by": _by(choice), "why": job.payload.get("why")}
        done = Erased()
        run.report(0, None, "waits for the gallery")
        with open_gallery_writer(self._gallery) as writer:
            rows = choice.rows(GallerySnapshot.open(self._gallery))
            try:
                for first in range(0, len(rows), ROWS_AT_ONCE):
                    run.report(first, len(rows), "erasing")
                    done += self._erasure.erase(
                        writer,
                        rows[first : first + ROWS_AT_ONCE],
                        job.actor,
                        action=action,
                        purpose=job.purpose,
                        case=job.case,
                        details=details,
                    )
                run.report(len(rows), len(rows))
            except JobCancelled:
                raise JobCancelled(asdict(done)) from None
            finally:
                if done.rows:
                    queue_compaction(self._jobs, job.actor)
                self._changed()
        return asdict(done)


def _by(choice: RowChoice) -> dict[str, Any]:
    return {name: value for name, value in choice.to_payload().items() if value and name != "keys"}


def queue_compaction(jobs: JobQueue, actor: Actor) -> None:
    """Queue a compaction for when no reader can hold the old versions any more, unless such a one waits.

    One that begins earlier would leave on the disk what was deleted just now.
    """
    earliest = datetime.now(UTC) + KEEP_VERSIONS + timedelta(minutes=1)
    waiting = jobs.find(states=[JobState.QUEUED], kinds=[JobKind.COMPACT], limit=100)
    if not any(job.not_before >= earliest for job in waiting):
        begin = earliest + COMPACTION_GATHERS
        jobs.submit(JobKind.COMPACT, {"why": "rows were deleted"}, actor, not_before=begin)
