"""The ledger, for auditors. It can be read; nothing here or elsewhere changes it."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse

from attrieve.serving.access.guard import requires
from attrieve.serving.access.roles import Actor, Permission
from attrieve.serving.state.ledger import Ledger
from attrieve.serving.state.ledger_entry import Action
from attrieve.serving.state.ledger_export import LedgerFormat, export_lines
from attrieve.serving.wire.ledger import HeadView, LedgerCheckView, LedgerEntryView, LedgerPage

router = APIRouter(tags=["ledger"])
Auditor = Annotated[Actor, Depends(requires(Permission.READ_LEDGER))]
MOST = 1000
LAST = (1 << 63) - 1


@router.get("/ledger", summary="Read the ledger")
def read_ledger(
    request: Request,
    actor: Auditor,
    who: Annotated[str | None, Query(max_length=200, description="Name of the account or key.")] = None,
    action: Annotated[Action | None, Query(description="What was done.")] = None,
    case: Annotated[str | None, Query(max_length=200, description="Number of the case.")] = None,
    purpose: Annotated[str | None, Query(max_length=2000, description="As it was stated.")] = None,
    key: Annotated[str | None, Query(max_length=64, description="Of a gallery row.")] = None,
    since: Annotated[datetime | None, Query(description="From this moment on.")] = None,
    until: Annotated[datetime | None, Query(description="Before this moment.")] = None,
    after: Annotated[int | None, Query(ge=0, le=LAST, description="Only later entries than this.")] = None,
    before: Annotated[int | None, Query(ge=0, le=LAST, description="Only earlier ones than this.")] = None,
    newest_first: Annotated[bool, Query(description="In the opposite order.")] = False,
    limit: Annotated[int, Query(ge=1, le=MOST, description="How many at most.")] = 100,
) -> LedgerPage:
    """Return entries that meet all conditions given, by sequence. Reading is recorded too."""
    ledger = _ledger(request)
    asked = {
        "who": who,
        "action": action,
        "case": case,
        "purpose": purpose,
        "key": key,
        "since": None if since is None else since.isoformat(),
        "until": None if until is None else until.isoformat(),
    }
    ledger.record(
        actor,
        Action.LEDGER_READ,
        details={name: value for name, value in asked.items() if value is not None},
    )
    conditions = {"who": who, "action": action, "case": case, "purpose": purpose, "key": key}
    entries = ledger.entries(
        who=who,
        action=action,
        case=case,
        purpose=purpose,
        key=key,
        since=since,
        until=until,
        after=after,
        before=before,
        newest_first=newest_first,
        limit=limit,
    )
    return LedgerPage(
        entries=[LedgerEntryView.of(entry) for entry in entries],
        total=ledger.count(**conditions, since=since, until=until),
        next=entries[-1].sequence if len(entries) == limit else None,
    )


@router.get("/ledger/verify", summary="Check the ledger")
def verify_ledger(request: Request, actor: Auditor) -> LedgerCheckView:
    """Look for changed, missing, misplaced and cut off entries. A check is recorded too."""
    ledger = _ledger(request)
    check = ledger.verify()
    ledger.record(
        actor, Action.LEDGER_READ, details={"verified": check.clean, "problems": len(check.problems)}
    )
    return LedgerCheckView.of(check)


@router.get("/ledger/head", summary="Where the ledger ends, signed")
def ledger_head(request: Request, _actor: Auditor) -> HeadView:
    """Return the signed end of the ledger: keep it elsewhere, to be able to show later what was there."""
    ledger = _ledger(request)
    return HeadView.of(ledger.head(), ledger.key.public_key)


@router.get(
    "/ledger/export",
    summary="The whole ledger as a file",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "The file",
            "content": {
                "text/csv": {"schema": {"type": "string"}},
                "application/jsonl": {"schema": {"type": "string"}},
            },
        }
    },
)
def export_ledger(
    request: Request,
    actor: Auditor,
    form: Annotated[LedgerFormat, Query(alias="format", description="csv or jsonl.")] = LedgerFormat.CSV,
) -> StreamingResponse:
    """Return every entry. The export is recorded, as the last entry in it."""
    ledger = _ledger(request)
    last = ledger.record(actor, Action.LEDGER_READ, details={"exported": form.value}).sequence
    entries = (entry for entry in ledger.every_entry() if entry.sequence <= last)
    media = {LedgerFormat.CSV: "text/csv; charset=utf-8", LedgerFormat.JSON_LINES: "application/jsonl"}
    return StreamingResponse(
        export_lines(entries, form),
        media_type=media[form],
        headers={"Content-Disposition": f'attachment; filename="ledger.{form.value}"'},
    )


def _ledger(request: Request) -> Ledger:
    ledger: Ledger = request.app.state.service.ledger
    return ledger
