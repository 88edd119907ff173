"""The list of cases and a case's page: their views, and how they become HTML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from pydantic import ValidationError

from attrieve.serving.cases.case import Case, Note, Page, SavedHit, SavedQuery
from attrieve.serving.cases.export_index import Export
from attrieve.serving.jobs.job import Job, JobState
from attrieve.serving.web.environment import render, size
from attrieve.serving.web.frame import Frame
from attrieve.serving.web.strings import load_strings
from attrieve.serving.wire.cases import export_address
from attrieve.serving.wire.hits import ReasonView


@dataclass(frozen=True)
class CasesPage:
    """What the list of cases shows.

    Args:
        cases: of this page.
        text: what was searched for in them.
        adding: keys of hits that are about to be put into one.
        back: the search these were found by, as an address's query.
        new_number: what a new case may be numbered.
        problem: why the last change was refused, or None.
    """

    cases: Page[Case]
    text: str = ""
    adding: tuple[str, ...] = ()
    back: str = ""
    new_number: str = ""
    problem: str | None = None


@dataclass(frozen=True)
class ExportShown:
    """An export as it is listed.

    Args:
        name: of the file, or what it will be.
        note: size and time, or how far it is.
        address: where it is downloaded, or empty.
    """

    name: str
    note: str
    address: str = ""


@dataclass(frozen=True)
class CasePage:
    """What a case's page shows.

    Args:
        case: the case.
        hits: of this page.
        notes: newest part of them.
        queries: saved searches.
        exports: newest first.
        exports_running: whether one is being written.
        may_edit: whether this actor may change it.
        may_export: whether this actor may export it.
        owns: whether this actor chooses its members.
    """

    case: Case
    hits: Page[SavedHit]
    notes: Page[Note]
    queries: Page[SavedQuery]
    exports: tuple[ExportShown, ...] = ()
    exports_running: bool = False
    may_edit: bool = False
    may_export: bool = False
    owns: bool = False

    def reasons_of(self, saved: SavedHit) -> list[ReasonView]:
        """Return why a hit was one when it was saved; what cannot be read is left out."""
        try:
            return [ReasonView.model_validate(reason) for reason in saved.facts.get("reasons", ())]
        except (ValidationError, TypeError):
            return []

    def text_of(self, saved: SavedHit) -> str:
        """Return the description that found a hit, or empty."""
        return next((query.text for query in self.queries.items if query.id == saved.query), "")

    def address_of(self, query: SavedQuery) -> str:
        """Return where a saved search is made again."""
        return search_address(query.request, query.text)


def search_address(request: Mapping[str, Any], text: str) -> str:
    """Return the address of the search page for a search as the interface takes it."""
    asked = request.get("witnesses") or ()
    parameters = [("w", str(line)) for line in asked] if asked else [("q", text)]
    parameters += [("where", str(condition)) for condition in request.get("where") or ()]
    return f"/?{urlencode(parameters)}"


def render_cases(page: CasesPage, frame: Frame) -> str:
    """Return the list as HTML."""
    return render("cases", page=page, frame=frame, csrf_field=frame.csrf)


def render_case(page: CasePage, frame: Frame) -> str:
    """Return a case as HTML."""
    return render("case", page=page, frame=frame, csrf_field=frame.csrf)


def exports_shown(case: int, made: Sequence[Export], being_made: Sequence[Job]) -> tuple[ExportShown, ...]:
    """Return exports and those that are being made, newest first."""
    t = load_strings()
    shown: list[tuple[int, ExportShown]] = []
    for one in made:
        if one.removed_at is not None:
            note, address = t("case.export_removed", reason=one.removed_why or ""), ""
        else:
            note = t("case.export_done", size=size(one.size, t), time=f"{one.created_at:%Y-%m-%d %H:%M}")
            address = f"{export_address(case, one.number)}/file"
        shown.append((one.number, ExportShown(one.file, note, address)))
    for job in being_made:
        name = t("case.export_name", number=job.number, kind=str(job.payload.get("kind", "")).upper())
        reason = job.problem.detail if job.problem is not None else ""
        failed = job.state is JobState.FAILED
        note = t("case.export_failed", reason=reason) if failed else t(f"jobs.states.{job.state}")
        shown.append((job.number, ExportShown(name, note)))
    return tuple(one for _, one in sorted(shown, key=lambda pair: -pair[0]))
