"""Views of rows: the ledger holds every one, and each but once."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from attrieve.serving.access.roles import Actor
from attrieve.serving.service import Service
from attrieve.serving.shown import SAME_VIEW_S, Depth
from attrieve.serving.state.ledger_entry import Action
from attrieve.serving.stating import require_purpose


def view(
    service: Service,
    actor: Actor,
    key: str,
    depth: Depth,
    *,
    purpose: str | None = None,
    case: str | None = None,
    details: dict[str, Any] | None = None,
    beside: Sequence[str] = (),
    always: bool = False,
) -> int | None:
    """Write into the ledger that somebody looks at a row, unless it holds that already.

    Args:
        service: its ledger.
        actor: who looks.
        key: of the row.
        depth: how much is shown.
        purpose: what for; may be left out if the row was shown of late for a stated one.
        case: the same.
        details: more for the ledger.
        beside: keys of rows that are shown along with it, as in a list of hits.
        always: whether it is a new view even if the row was shown of late.

    Returns:
        Number of the entry, or None if there is one already.

    Raises:
        ProblemError: ``purpose-required``.
        StorageError: if the disk refuses; nothing may be shown then.
    """
    if not always and (service.shown.covers(actor, key, depth) or _in_ledger(service, actor, key, depth)):
        return None
    require_purpose(service.settings, purpose, case)
    entry = service.ledger.record(
        actor,
        Action.VIEW,
        purpose=purpose,
        case=case,
        details={"depth": depth.name.lower()} | (details or {}),
        keys=list(dict.fromkeys([key, *beside])),
    )
    service.shown.remember(actor, [key], depth)
    service.shown.remember(actor, beside, Depth.HIT)
    return entry.sequence


def _in_ledger(service: Service, actor: Actor, key: str, depth: Depth) -> bool:
    """Look whether another process, which answers the same people, has written it down."""
    if service.settings.workers == 1:
        return False
    since = datetime.now(UTC) - timedelta(seconds=SAME_VIEW_S)
    for entry in service.ledger.entries(who=actor.name, key=key, since=since, newest_first=True, limit=20):
        if depth is Depth.HIT and entry.action is Action.SEARCH:
            return True
        if entry.action is Action.VIEW and (
            depth is Depth.HIT or entry.details.get("depth") == depth.name.lower()
        ):
            return True
    return False
