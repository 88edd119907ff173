"""The ledger says under which rules it was written: the settings that protect people, when they change."""

from typing import Any

from attrieve.serving.access.roles import local_actor
from attrieve.serving.settings import ServiceSettings
from attrieve.serving.state.ledger import Action, Ledger

RULES = (
    "access",
    "purpose_required",
    "session_minutes",
    "session_hours",
    "key_days",
    "ledger_days",
    "job_days",
    "row_days",
    "behind_proxy",
)
"""The settings an auditor asks about."""


def record_settings(ledger: Ledger, settings: ServiceSettings) -> bool:
    """Record the rules a service runs by, if they are not those recorded last; return whether they were not.

    Raises:
        StorageError: if the disk refuses.
    """
    rules: dict[str, Any] = settings.model_dump(mode="json", include=set(RULES))
    with ledger.database.transaction():
        before = ledger.entries(action=Action.SETTINGS, newest_first=True, limit=1)
        if before and before[0].details == rules:
            return False
        ledger.record(local_actor(), Action.SETTINGS, details=rules)
    return True
