"""The ledger, as it travels."""

from typing import Any

from pydantic import Field

from attrieve.serving.state.ledger_check import LedgerCheck
from attrieve.serving.state.ledger_entry import Action, LedgerEntry
from attrieve.serving.state.ledger_seal import SignedHead
from attrieve.serving.wire.base import AnswerModel


class LedgerEntryView(AnswerModel):
    """Something that was done."""

    sequence: int = Field(description="1, 2, 3, ...; the order of events, whatever the clock said.")
    time: str = Field(description="By the machine's clock, ISO 8601 in UTC.")
    clock_back_s: float = Field(
        description="By how much the clock stood before the entry before, in seconds."
    )
    who: str
    role: str | None
    through: str
    key: str | None = Field(description="Public beginning of the API key, if one was used.")
    action: Action
    purpose: str | None
    case: str | None
    query: Any = Field(description="The description that was searched for.")
    details: dict[str, Any]
    keys: list[str] = Field(description="Of the gallery rows concerned.")
    previous: str = Field(description="SHA-256 of the entry before.")
    hash: str = Field(description="SHA-256 of this entry.")

    @classmethod
    def of(cls, entry: LedgerEntry) -> "LedgerEntryView":
        """Return it as it travels."""
        return cls(**entry.to_dict())


class LedgerPage(AnswerModel):
    """Some entries of the ledger."""

    entries: list[LedgerEntryView]
    total: int = Field(description="How many meet the conditions.")
    next: int | None = Field(description="Send it as 'after' (or 'before', newest first) for more; or null.")


class HeadView(AnswerModel):
    """Where the ledger ends, signed; kept elsewhere, it shows later that nothing was cut off."""

    sequence: int
    hash: str
    signature: str = Field(description="Ed25519, hexadecimal.")
    public_key: str = Field(description="Of the installation, hexadecimal.")

    @classmethod
    def of(cls, head: SignedHead, public_key: str) -> "HeadView":
        """Return it as it travels."""
        return cls(**head.to_dict(), public_key=public_key)


class LedgerCheckView(AnswerModel):
    """What a check of the ledger found."""

    clean: bool
    entries: int
    removed: int = Field(description="Entries that retention has removed, with a signed tombstone.")
    problems: list[str]
    clock_went_back: list[int] = Field(description="Entries before which the clock was set back.")

    @classmethod
    def of(cls, check: LedgerCheck) -> "LedgerCheckView":
        """Return it as it travels."""
        return cls(
            clean=check.clean,
            entries=check.entries,
            removed=check.removed,
            problems=list(check.problems),
            clock_went_back=list(check.clock_went_back),
        )
