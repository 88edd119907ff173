"""Exports of cases."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from attrieve.serving.access.guard import requires
from attrieve.serving.access.roles import Actor, Permission
from attrieve.serving.answers import problems
from attrieve.serving.jobs.export_orders import ExportOrders
from attrieve.serving.jobs.job import Job
from attrieve.serving.problems import Problem
from attrieve.serving.wire.cases import ExportView, NewExport, export_address

router = APIRouter(prefix="/cases/{case}/exports", tags=["cases"])
Exporter = Annotated[Actor, Depends(requires(Permission.EXPORT))]
CaseId = Annotated[int, Path(ge=1, le=2**53, description="Of the case.")]
Number = Annotated[int, Path(ge=1, le=2**53, description="Of the export.")]
MEDIA = {"pdf": "application/pdf", "zip": "application/zip"}


@router.post("", summary="Export a case", status_code=202, responses=problems(Problem.CASE_NOT_FOUND))
def export_case(
    request: Request, response: Response, actor: Exporter, case: CaseId, wanted: NewExport
) -> ExportView:
    """Make a document, or an archive with everything, checksums and a signature; a job does it."""
    job = _orders(request).export(actor, case, wanted.kind)
    response.headers["Location"] = export_address(case, job.number)
    return ExportView.of_job(job)


@router.get("", summary="List exports", responses=problems(Problem.CASE_NOT_FOUND))
def list_exports(request: Request, actor: Exporter, case: CaseId) -> list[ExportView]:
    """Return the exports of a case, newest first: who made which when, also those whose file was removed."""
    made, being_made = _orders(request).exports_of(actor, case)
    views = [*map(ExportView.of, made), *map(ExportView.of_job, being_made)]
    return sorted(views, key=lambda view: -view.number)


@router.get("/{number}", summary="Look at an export", responses=problems(Problem.CASE_NOT_FOUND))
def get_export(request: Request, actor: Exporter, case: CaseId, number: Number) -> ExportView:
    """Return whether an export is made, and where its file is."""
    found = _orders(request).export_of(actor, case, number)
    return ExportView.of_job(found) if isinstance(found, Job) else ExportView.of(found)


@router.get(
    "/{number}/file",
    summary="Download an export",
    response_class=Response,
    responses={
        200: {
            "description": "The file.",
            "content": {name: {"schema": {"type": "string", "format": "binary"}} for name in MEDIA.values()},
        },
        **problems(Problem.CASE_NOT_FOUND, Problem.CONFLICT),
    },
)
def download_export(request: Request, actor: Exporter, case: CaseId, number: Number) -> Response:
    """Return the file; every download stands in the ledger."""
    export, content = _orders(request).download(actor, case, number)
    headers = {
        "Content-Disposition": f'attachment; filename="{export.file}"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(content, media_type=MEDIA[export.kind.value], headers=headers)


def _orders(request: Request) -> ExportOrders:
    orders: ExportOrders = request.app.state.service.workshop.export_orders
    return orders
