"""Exports of cases: asked for, looked up, fetched."""

from attrieve.serving.access.roles import Actor
from attrieve.serving.cases.cases import Cases
from attrieve.serving.cases.export_index import Export, ExportIndex, ExportKind
from attrieve.serving.jobs.job import Job, JobKind
from attrieve.serving.jobs.job_orders import JobOrders
from attrieve.serving.problems import Problem, ProblemError
from attrieve.serving.state.ledger import Action, Ledger


class ExportOrders:
    """Takes orders for exports, and hands them out.

    Args:
        orders: takes the jobs.
        cases: what is exported.
        exports: those that are made.
        ledger: where it is recorded that one was fetched.
    """

    def __init__(self, orders: JobOrders, cases: Cases, exports: ExportIndex, ledger: Ledger) -> None:
        self._orders = orders
        self._cases = cases
        self._exports = exports
        self._ledger = ledger

    def export(self, actor: Actor, case: int, kind: ExportKind) -> Job:
        """Queue the export of a case; everybody who may see it may export it.

        Raises:
            UnknownCaseError: if there is none that the actor may see.
            StorageError: if the disk refuses; nothing is queued then.
        """
        folder = self._cases.get(actor, case)
        payload = {"case_id": folder.id, "kind": kind.value}
        return self._orders.submit(
            lambda jobs: jobs.submit(
                JobKind.EXPORT_CASE, payload, actor, purpose=folder.purpose, case=folder.number
            )
        )

    def exports_of(self, actor: Actor, case: int) -> tuple[tuple[Export, ...], list[Job]]:
        """Return the exports of a case that are made, and the jobs of those that are not.

        Raises:
            UnknownCaseError: if there is none that the actor may see.
        """
        folder = self._cases.get(actor, case)
        made = self._exports.of_case(folder.id)
        numbers = {export.number for export in made}
        jobs = self._orders.jobs.find(kinds=[JobKind.EXPORT_CASE], case=folder.number, limit=500)
        ours = [job for job in jobs if job.payload["case_id"] == folder.id and job.number not in numbers]
        return made, ours

    def export_of(self, actor: Actor, case: int, number: int) -> Export | Job:
        """Return an export of a case, or the job that makes it.

        Raises:
            UnknownCaseError: if there is none that the actor may see.
            ProblemError: if the case has no such export.
        """
        made, being_made = self.exports_of(actor, case)
        found: list[Export | Job] = [*made, *being_made]
        for one in found:
            if one.number == number:
                return one
        raise ProblemError(Problem.NOT_FOUND, f"the case has no export {number}")

    def download(self, actor: Actor, case: int, number: int) -> tuple[Export, bytes]:
        """Return an export with its file, and record that it was fetched.

        Raises:
            UnknownCaseError: if there is none that the actor may see.
            ProblemError: if the case has no such export, it is not made, or its file was removed.
            StorageError: if it cannot be read, or the disk refuses the record; nothing is sent then.
        """
        folder = self._cases.get(actor, case)
        found = self.export_of(actor, case, number)
        if isinstance(found, Job):
            told = f"export {number} is {found.state.value}; wait until it is made"
            raise ProblemError(Problem.CONFLICT, told)
        content = self._exports.content(found)
        self._ledger.record(
            actor,
            Action.EXPORT,
            purpose=folder.purpose,
            case=folder.number,
            details={"what": "export downloaded", "export": number, "sha256": found.sha256},
            keys=self._exports.keys(number),
        )
        return found, content
