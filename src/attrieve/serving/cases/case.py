"""What a case folder holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

from attrieve.errors import InputError
from attrieve.serving.problems import Problem, ProblemError


class MemberRole(StrEnum):
    """What a member of a case may do in it."""

    OWNER = "owner"
    """Everything, also choose the members, close and delete the case."""
    EDITOR = "editor"
    """Save queries and hits, mark, write notes, export."""
    READER = "reader"
    """Look at it."""


class CaseStatus(StrEnum):
    """Whether a case is worked on; a closed one is only read and exported."""

    OPEN = "open"
    CLOSED = "closed"


class Mark(StrEnum):
    """What somebody thinks of a hit: the described person, not that person, or open."""

    RIGHT = "right"
    WRONG = "wrong"
    UNSURE = "unsure"


class UnknownCaseError(ProblemError):
    """There is no such case, or none that the asker may see; the two are not told apart."""

    def __init__(self, number: int | str) -> None:
        told = f"there is no case {number!r} that you are a member of; GET /api/v1/cases lists yours"
        super().__init__(Problem.CASE_NOT_FOUND, told)


class NotAllowedInCaseError(ProblemError):
    """The asker is a member of the case, but not of the role this needs."""

    def __init__(self, needed: MemberRole) -> None:
        told = f"this needs the role {needed.value!r} in the case; ask its owner"
        super().__init__(Problem.FORBIDDEN, told)


@dataclass(frozen=True)
class Member:
    """Somebody who may see a case.

    Args:
        name: of the account.
        role: in this case.
    """

    name: str
    role: MemberRole


@dataclass(frozen=True)
class Case:
    """A case folder as it stood when it was read.

    Args:
        id: what it is known by here.
        number: the file number it has with the authority; no two cases have the same.
        title: what it is called.
        purpose: what is searched for, and on what ground.
        status: whether it is worked on.
        created_by: name of the account.
        created_at: in UTC.
        changed_at: when anything in it was last changed, in UTC.
        members: who may see it, by name.
        notes: how many it holds.
        queries: how many it holds.
        hits: how many it holds.
    """

    id: int
    number: str
    title: str
    purpose: str
    status: CaseStatus
    created_by: str
    created_at: datetime
    changed_at: datetime
    members: tuple[Member, ...]
    notes: int
    queries: int
    hits: int

    def role_of(self, name: str) -> MemberRole | None:
        """Return what somebody may do in it, or None for who is no member."""
        return next((member.role for member in self.members if member.name == name), None)


@dataclass(frozen=True)
class Note:
    """Something written down in a case; it stays as it was written.

    Args:
        id: what it is known by.
        author: name of the account.
        written_at: in UTC.
        text: as it was written.
        key: of the hit it is about, or None if it is about the case.
    """

    id: int
    author: str
    written_at: datetime
    text: str
    key: str | None


@dataclass(frozen=True)
class SavedQuery:
    """A search that can be made again.

    Args:
        id: what it is known by.
        name: what its author calls it.
        text: the description as it was understood, for a person.
        request: the whole search as the search interface takes it.
        author: name of the account.
        saved_at: in UTC.
    """

    id: int
    name: str
    text: str
    request: Mapping[str, Any]
    author: str
    saved_at: datetime


@dataclass(frozen=True)
class HitToSave:
    """A hit on its way into a case.

    Args:
        key: of the gallery row.
        facts: what the search said of it: the members of a hit as the search interface gives it.
        query: the saved query that found it, or None.
    """

    key: str
    facts: Mapping[str, Any]
    query: int | None = None


@dataclass(frozen=True)
class SavedHit:
    """A row somebody chose.

    Args:
        key: of the gallery row.
        facts: what the search said of it when it was saved; empty after it was erased.
        query: the saved query that found it, or None.
        saved_by: name of the account.
        saved_at: in UTC.
        mark: what somebody thinks of it, or None.
        marked_by: name of the account that marked it last, or None.
        marked_at: in UTC, or None.
        erased_at: when the row was erased everywhere, or None.
    """

    key: str
    facts: Mapping[str, Any]
    query: int | None
    saved_by: str
    saved_at: datetime
    mark: Mark | None
    marked_by: str | None
    marked_at: datetime | None
    erased_at: datetime | None


Item = TypeVar("Item")


@dataclass(frozen=True)
class Page(Generic[Item]):
    """Some of a longer list.

    Args:
        items: of this page.
        total: how many there are on all pages.
        page: from 1.
        page_size: most items of a page.
    """

    items: tuple[Item, ...]
    total: int
    page: int
    page_size: int

    @property
    def pages(self) -> int:
        """How many pages there are, at least 1."""
        return max(1, -(-self.total // self.page_size))


def clean_text(text: str, what: str, most: int, *, least: int = 0) -> str:
    """Return text without blanks around it and with one kind of line end.

    Raises:
        InputError: if it is too short or too long, or holds what is no text: other control characters or
            halves of characters.

    >>> clean_text("  seen at\\r\\nthe gate ", "note", 100)
    'seen at\\nthe gate'
    """
    cleaned = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not least <= len(cleaned) <= most:
        raise InputError(f"the {what} has {len(cleaned):,} characters; expected {least} to {most:,}")
    for character in cleaned:
        if (ord(character) < 32 and character not in "\n\t") or 0xD7FF < ord(character) < 0xE000:
            raise InputError(f"the {what} holds the character U+{ord(character):04X}, which is no text")
    return cleaned
