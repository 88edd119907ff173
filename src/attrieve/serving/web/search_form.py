"""A search as the page holds it, and its address.

An address holds the whole query, so that it can be kept, sent and read: ``q`` the description or ``w`` one
per witness ("NAME~0.6: description"), ``camera``, ``from``, ``to``, ``source`` and ``where`` the filters,
``right`` and ``wrong`` keys of marked hits, ``refine`` whether they count, ``page``.
"""

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from attrieve.serving.web.witness_columns import WitnessColumn

PAGE_SIZE = 24
"""Hits on one page: four rows of six, light enough to show at once."""
MOST_MARKS = 200
"""Marked hits one address can hold."""


@dataclass(frozen=True)
class SearchForm:
    """A search as the page holds it.

    Args:
        text: the description; with witnesses, what the active one says.
        witnesses: none, or all of them.
        active: which witness the builder fills in.
        cameras: only these; empty for all.
        since: only from this moment on, as the browser writes it; empty for any.
        until: only up to this moment.
        source: only sources that contain this.
        where: further conditions, as ``attrieve search --where`` takes them.
        right: keys marked right.
        wrong: keys marked wrong.
        refine: whether marks count in the ranking.
        page: from 1.
    """

    text: str = ""
    witnesses: tuple[WitnessColumn, ...] = ()
    active: int = 0
    cameras: tuple[str, ...] = ()
    since: str = ""
    until: str = ""
    source: str = ""
    where: tuple[str, ...] = ()
    right: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    refine: bool = False
    page: int = 1

    @property
    def empty(self) -> bool:
        """Whether nothing is asked."""
        return not (self.text.strip() or any(witness.text for witness in self.witnesses))

    @property
    def filters(self) -> int:
        """How many filters narrow the search."""
        given = (self.cameras, self.since, self.until, self.source)
        return sum(bool(value) for value in given) + len(self.where)

    def conditions(self) -> list[str]:
        """Return the filters as conditions on columns."""
        found = [f"camera={','.join(map(_quoted, self.cameras))}"] if self.cameras else []
        found += [f"time>={self.since}"] if self.since else []
        found += [f"time<={self.until}"] if self.until else []
        found += [f"source~{_quoted(self.source)}"] if self.source else []
        return found + list(self.where)

    def parameters(self) -> list[tuple[str, str]]:
        """Return the address's parameters, without those that say nothing."""
        asked = (
            [("w", witness.line) for witness in self.witnesses]
            if self.witnesses
            else [("q", self.text)]
            if self.text
            else []
        )
        return [
            *asked,
            *([("at", str(self.active))] if self.witnesses and self.active else []),
            *(("camera", name) for name in self.cameras),
            *([("from", self.since)] if self.since else []),
            *([("to", self.until)] if self.until else []),
            *([("source", self.source)] if self.source else []),
            *(("where", condition) for condition in self.where),
            *(("right", key) for key in self.right),
            *(("wrong", key) for key in self.wrong),
            *([("refine", "1")] if self.refine else []),
            *([("page", str(self.page))] if self.page > 1 else []),
        ]

    def address(self, path: str = "/", **changes: Any) -> str:
        """Return the address of this search with something changed, and then its first page."""
        if changes and "page" not in changes:
            changes["page"] = 1
        text = urlencode(replace(self, **changes).parameters())
        return f"{path}?{text}" if text else path

    def marked(self, key: str, verdict: str) -> "SearchForm":
        """Return the search with a hit marked "right", "wrong" or not at all."""
        right = [other for other in self.right if other != key]
        wrong = [other for other in self.wrong if other != key]
        if verdict == "right":
            right.append(key)
        elif verdict == "wrong":
            wrong.append(key)
        return replace(self, right=tuple(right[-MOST_MARKS:]), wrong=tuple(wrong[-MOST_MARKS:]))

    def verdict(self, key: str) -> str:
        """Return how a hit is marked: "right", "wrong" or an empty text."""
        return "right" if key in self.right else "wrong" if key in self.wrong else ""


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def with_text(form: SearchForm, text: str) -> SearchForm:
    """Return the search with another description, of the active witness where there are several."""
    if not form.witnesses:
        return replace(form, text=text)
    changed = replace(form.witnesses[form.active], text=text)
    columns = (*form.witnesses[: form.active], changed, *form.witnesses[form.active + 1 :])
    return replace(form, text=text, witnesses=columns)
