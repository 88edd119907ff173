"""One line of the ledger, and the text its hash is taken of."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from attrieve.errors import InputError
from attrieve.serving.access.roles import Actor


class Action(StrEnum):
    """What was done."""

    SEARCH = "search"
    VIEW = "view"
    EXPORT = "export"
    DELETION = "deletion"
    ADDITION = "addition"
    REINDEXING = "reindexing"
    MARK = "mark"
    CASE = "case"
    SIGN_IN = "sign-in"
    SIGN_OUT = "sign-out"
    SIGN_IN_FAILED = "sign-in-failed"
    REFUSED = "refused"
    ACCOUNT = "account"
    KEY = "key"
    LEDGER_READ = "ledger-read"
    RETENTION = "retention"
    ERASURE = "erasure"
    SETTINGS = "settings"
    START = "start"
    STOP = "stop"


NOTHING_BEFORE = "0" * 64
"""The hash that the first entry of all names as its predecessor's."""


@dataclass(frozen=True)
class LedgerEntry:
    """Something that was done, as it stands in the ledger.

    Args:
        sequence: 1, 2, 3, ... without gaps; the order of events, whatever the clock said.
        time: by the machine's clock, ISO 8601 in UTC with microseconds.
        clock_back_s: by how many seconds the clock stood before the entry before, or 0.
        who: name of the account.
        role: of the account, then; None for who failed to sign in.
        through: "local", "session", "key" or "nobody".
        key: public beginning of the API key, if one was used.
        action: what was done.
        purpose: what for, as it was stated.
        case: number of the case, as it was stated.
        query: the description that was searched for.
        details: whatever else tells what was done.
        keys: of the gallery rows that were shown, exported, marked, added or deleted.
        previous: hash of the entry before.
        hash: of this entry.
    """

    sequence: int
    time: str
    clock_back_s: float
    who: str
    role: str | None
    through: str
    key: str | None
    action: Action
    purpose: str | None
    case: str | None
    query: Any
    details: Mapping[str, Any]
    keys: tuple[str, ...]
    previous: str
    hash: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return {**_content(self), "hash": self.hash}

    @classmethod
    def from_text(cls, text: str, digest: str) -> "LedgerEntry":
        """Read the text that is stored.

        Raises:
            ValueError: if it is not the text of an entry.
        """
        content = json.loads(text)
        if not isinstance(content, dict) or set(content) != _FIELDS:
            raise ValueError("not the fields of an entry")
        content["action"] = Action(content["action"])
        content["keys"] = tuple(content["keys"])
        return cls(**content, hash=digest)


_FIELDS = frozenset(LedgerEntry.__dataclass_fields__) - {"hash"}


def _content(entry: LedgerEntry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in sorted(_FIELDS)} | {"keys": list(entry.keys)}


@dataclass(frozen=True)
class Draft:
    """What is to be recorded, before it has a place in the ledger."""

    actor: Actor
    action: Action
    purpose: str | None
    case: str | None
    query: Any
    details: Mapping[str, Any]
    keys: Sequence[str]

    def checked(self) -> "Draft":
        """Return it as it can be written: halves of characters (lone surrogates) become question marks.

        Raises:
            InputError: if something in it is not JSON: NaN, infinity or an object.
        """
        texts = [self.purpose, self.case, self.query, dict(self.details), list(self.keys)]
        canonical_json(texts)
        whole = json.dumps(texts, ensure_ascii=False).encode("utf-8", "replace")
        purpose, case, query, details, keys = json.loads(whole)
        return Draft(self.actor, self.action, purpose, case, query, details, keys)

    def placed(self, sequence: int, previous: str, now_s: float, before_s: float) -> tuple[str, LedgerEntry]:
        """Return the text to store and the entry.

        Args:
            sequence: its place.
            previous: hash of the entry before.
            now_s: the clock, in seconds since 1970.
            before_s: the clock at the entry before.
        """
        content = {
            "sequence": sequence,
            "time": datetime.fromtimestamp(now_s, UTC).isoformat(timespec="microseconds"),
            "clock_back_s": round(max(0.0, before_s - now_s), 6),
            "who": self.actor.name,
            "role": None if self.actor.through == "nobody" else self.actor.role.value,
            "through": self.actor.through,
            "key": self.actor.key,
            "action": self.action.value,
            "purpose": self.purpose,
            "case": self.case,
            "query": self.query,
            "details": dict(self.details),
            "keys": list(self.keys),
            "previous": previous,
        }
        text = canonical_json(content)
        return text, LedgerEntry.from_text(text, digest_of(text))


def canonical_json(value: Any) -> str:
    """Return the one text a JSON value has here: names sorted, no blanks, ASCII alone.

    >>> canonical_json({"b": [1, "ü"], "a": None})
    '{"a":null,"b":[1,"\\\\u00fc"]}'

    Raises:
        InputError: if it is not JSON.
    """
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"cannot be recorded in the ledger: {error}") from error


def digest_of(text: str) -> str:
    """Return the SHA-256 of an entry's text: 64 hexadecimal digits."""
    return hashlib.sha256(text.encode("ascii")).hexdigest()
