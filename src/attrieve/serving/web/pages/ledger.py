"""The ledger, for auditors."""

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from attrieve.serving.access.guard import requires
from attrieve.serving.access.roles import Actor, Permission
from attrieve.serving.state.ledger import Ledger
from attrieve.serving.state.ledger_check import LedgerCheck
from attrieve.serving.state.ledger_entry import Action, LedgerEntry
from attrieve.serving.web.environment import render
from attrieve.serving.web.frame import Frame
from attrieve.serving.web.pages.answering import frame_of, in_thread, rendered, service_of

router = APIRouter(include_in_schema=False)
Auditor = Annotated[Actor, Depends(requires(Permission.READ_LEDGER))]
PAGE_SIZE = 50


@dataclass(frozen=True)
class Wanted:
    """Which entries are shown, as the form says it; empty means all."""

    action: str = ""
    who: str = ""
    case: str = ""
    key: str = ""
    since: str = ""
    until: str = ""

    def address(self, **more: object) -> str:
        """Return the address of the page with these conditions."""
        fields = {name: value for name, value in {**asdict(self), **more}.items() if value}
        return f"/ledger?{urlencode(fields)}" if fields else "/ledger"


@dataclass(frozen=True)
class LedgerPage:
    """What the ledger's page shows.

    Args:
        entries: newest first.
        total: that meet the conditions.
        wanted: the conditions.
        actions: to choose from.
        check: what a verification found, or None if none was asked for.
        older: address of the next page, or None.
        newer: address of the first page, or None on it.
    """

    entries: tuple[LedgerEntry, ...]
    total: int
    wanted: Wanted = Wanted()
    actions: tuple[str, ...] = tuple(action.value for action in Action)
    check: LedgerCheck | None = None
    older: str | None = None
    newer: str | None = None

    @staticmethod
    def brief(entry: LedgerEntry) -> str:
        """Return the first things an entry tells, on one line."""
        told = [
            f"{name} {value}"
            for name, value in entry.details.items()
            if isinstance(value, str | int | float) and len(str(value)) <= 40
        ]
        return ", ".join(told[:3])


def render_ledger(page: LedgerPage, frame: Frame) -> str:
    """Return the page as HTML."""
    return render("ledger", page=page, frame=frame, csrf_field=frame.csrf)


@router.get("/ledger")
async def ledger(
    request: Request,
    actor: Auditor,
    action: str = "",
    who: str = "",
    case: str = "",
    key: str = "",
    since: str = "",
    until: str = "",
    before: str = "",
    verify: str = "",
) -> Response:
    """Show entries, newest first, and verify the chain if asked; reading is recorded itself."""
    wanted = Wanted(
        action if action in set(Action) else "",
        who.strip()[:200],
        case.strip()[:100],
        key.strip()[:16],
        since[:10],
        until[:10],
    )
    book = service_of(request).ledger
    last = int(before) if before.isdecimal() and len(before) < 18 else None
    page = await in_thread(lambda: _page(book, actor, wanted, last, verify=verify == "1"))
    return await rendered(request, lambda: render_ledger(page, frame_of(request, actor, "ledger")))


def _page(book: Ledger, actor: Actor, wanted: Wanted, before: int | None, *, verify: bool) -> LedgerPage:
    check = book.verify() if verify else None
    told = {name: value for name, value in asdict(wanted).items() if value}
    if check is not None:
        told |= {"verified": check.clean, "problems": len(check.problems)}
    book.record(actor, Action.LEDGER_READ, details=told)
    since, until = _day(wanted.since), _day(wanted.until)
    conditions: dict[str, Any] = {
        "who": wanted.who or None,
        "action": wanted.action or None,
        "case": wanted.case or None,
        "key": wanted.key or None,
        "since": since,
        "until": None if until is None else until + timedelta(days=1),
    }
    entries = book.entries(**conditions, before=before, newest_first=True, limit=PAGE_SIZE + 1)
    shown = tuple(entries[:PAGE_SIZE])
    return LedgerPage(
        shown,
        book.count(**conditions),
        wanted,
        check=check,
        older=wanted.address(before=shown[-1].sequence) if len(entries) > PAGE_SIZE else None,
        newer=wanted.address() if before is not None else None,
    )


def _day(text: str) -> datetime | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return datetime(day.year, day.month, day.day, tzinfo=UTC) if day.year < 9999 else None
