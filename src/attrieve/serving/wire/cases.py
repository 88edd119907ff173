"""Case folders as they travel."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from attrieve.serving.cases.case import (
    Case,
    CaseStatus,
    Mark,
    MemberRole,
    Note,
    Page,
    SavedHit,
    SavedQuery,
)
from attrieve.serving.cases.case_store import NAME_MOST, NOTE_MOST, NUMBER_MOST, PURPOSE_MOST, TITLE_MOST
from attrieve.serving.cases.export_index import Export, ExportKind
from attrieve.serving.jobs.job import Job, JobState
from attrieve.serving.wire.base import AnswerModel, RequestModel
from attrieve.serving.wire.hits import HitLinks
from attrieve.serving.wire.jobs import JobProblemView
from attrieve.serving.wire.search import Key, SearchRequest

FileNumber = Annotated[
    str,
    Field(min_length=1, max_length=NUMBER_MOST, description="The file number the authority gave it."),
]
Title = Annotated[str, Field(min_length=1, max_length=TITLE_MOST, description="What it is called.")]
CasePurpose = Annotated[
    str,
    Field(
        min_length=1,
        max_length=PURPOSE_MOST,
        description="What is searched for, and on what ground; stands in the ledger and on exports.",
    ),
]


class NewCase(RequestModel):
    """A case to be made; its maker owns it."""

    number: FileNumber = Field(examples=["2024-117"])
    title: Title = Field(examples=["Missing child, central station"])
    purpose: CasePurpose = Field(examples=["Find the missing child (police act, section 12)"])
    members: dict[str, MemberRole] = Field(default_factory=dict, description="Who else may see it.")


class CaseChange(RequestModel):
    """What to change of a case."""

    number: FileNumber | None = None
    title: Title | None = None
    purpose: CasePurpose | None = None
    status: CaseStatus | None = None


class MemberView(AnswerModel):
    """Somebody who may see a case."""

    name: str
    role: MemberRole


class MemberChange(RequestModel):
    """What a member may do in a case."""

    role: MemberRole


class CaseView(AnswerModel):
    """A case folder."""

    id: int
    number: str
    title: str
    purpose: str
    status: CaseStatus
    created_by: str
    created_at: datetime
    changed_at: datetime
    members: list[MemberView]
    notes: int
    queries: int
    hits: int
    link: str

    @classmethod
    def of(cls, case: Case) -> "CaseView":
        """Return a case as it travels."""
        return cls(
            id=case.id,
            number=case.number,
            title=case.title,
            purpose=case.purpose,
            status=case.status,
            created_by=case.created_by,
            created_at=case.created_at,
            changed_at=case.changed_at,
            members=[MemberView(name=member.name, role=member.role) for member in case.members],
            notes=case.notes,
            queries=case.queries,
            hits=case.hits,
            link=case_address(case.id),
        )


class PageView(AnswerModel):
    """Where a list stands."""

    total: int = Field(description="On all pages.")
    page: int
    page_size: int
    pages: int


class CaseList(PageView):
    """Cases, those changed last first."""

    cases: list[CaseView]


class NewNote(RequestModel):
    """Something to be written down; it stays as it is written."""

    text: Annotated[str, Field(min_length=1, max_length=NOTE_MOST)]
    key: Key | None = Field(default=None, description="Of the hit it is about; null if about the case.")


class NoteView(AnswerModel):
    """A note."""

    id: int
    author: str
    written_at: datetime
    text: str
    key: str | None

    @classmethod
    def of(cls, note: Note) -> "NoteView":
        """Return a note as it travels."""
        return cls(**vars(note))


class NoteList(PageView):
    """Notes in the order they were written."""

    notes: list[NoteView]


class NewQuery(RequestModel):
    """A search to be kept."""

    request: SearchRequest
    name: Annotated[str, Field(max_length=NAME_MOST)] = ""


class SavedQueryView(AnswerModel):
    """A kept search."""

    id: int
    name: str
    text: str = Field(description="The description as it was understood.")
    request: dict[str, Any] = Field(description="To be sent to POST /api/v1/search again.")
    author: str
    saved_at: datetime

    @classmethod
    def of(cls, query: SavedQuery) -> "SavedQueryView":
        """Return a saved query as it travels."""
        return cls(**vars(query))


class SavedQueryList(PageView):
    """Kept searches in the order they were kept."""

    queries: list[SavedQueryView]


class HitsToSave(RequestModel):
    """Hits to be kept, by key; what the search says of them is looked up again."""

    keys: list[Key] = Field(min_length=1, max_length=500)
    query: int | None = Field(
        default=None, ge=1, le=2**53, description="The saved query that found them, or null."
    )


class SavedHitView(AnswerModel):
    """A kept hit. A hit is a lead, not an identification."""

    key: str
    facts: dict[str, Any] = Field(
        description="What the search said of it when it was kept; empty after it was erased."
    )
    query: int | None
    saved_by: str
    saved_at: datetime
    mark: Mark | None
    marked_by: str | None
    marked_at: datetime | None
    erased_at: datetime | None
    links: HitLinks

    @classmethod
    def of(cls, hit: SavedHit) -> "SavedHitView":
        """Return a saved hit as it travels."""
        here = f"/api/v1/persons/{hit.key}"
        links = HitLinks(self=here, crop=f"{here}/crop", thumbnail=f"{here}/thumbnail")
        return cls(**vars(hit), links=links)


class SavedHitList(PageView):
    """Kept hits in the order they were kept."""

    hits: list[SavedHitView]


class MarkRequest(RequestModel):
    """What one thinks of a hit."""

    mark: Mark | None = Field(description="Null takes the mark away.")


class NewExport(RequestModel):
    """An export to be made."""

    kind: ExportKind = Field(description="'pdf' to read and print; 'zip' with everything, signed.")


class ExportView(AnswerModel):
    """An export, being made or made."""

    number: int
    case: int
    kind: ExportKind
    state: JobState
    created_by: str
    created_at: datetime
    file: str | None = Field(default=None, description="Name of the file.")
    sha256: str | None = Field(default=None, description="Of the file.")
    size: int | None = Field(default=None, description="Of the file, in bytes.")
    removed_at: datetime | None = Field(default=None, description="When its file was removed.")
    removed_why: str | None = None
    problem: JobProblemView | None = None
    link: str
    download: str | None = Field(default=None, description="Where the file is, once it is made.")

    @classmethod
    def of(cls, export: Export) -> "ExportView":
        """Return a made export as it travels."""
        link = export_address(export.case, export.number)
        return cls(
            number=export.number,
            case=export.case,
            kind=export.kind,
            state=JobState.DONE,
            created_by=export.created_by,
            created_at=export.created_at,
            file=export.file,
            sha256=export.sha256,
            size=export.size,
            removed_at=export.removed_at,
            removed_why=export.removed_why,
            link=link,
            download=None if export.removed_at is not None else f"{link}/file",
        )

    @classmethod
    def of_job(cls, job: Job) -> "ExportView":
        """Return an export that is not made, as it travels."""
        case = int(job.payload["case_id"])
        problem = job.problem
        return cls(
            number=job.number,
            case=case,
            kind=ExportKind(job.payload["kind"]),
            state=job.state,
            created_by=job.actor.name,
            created_at=job.created_at,
            problem=None if problem is None else JobProblemView(kind=problem.kind, detail=problem.detail),
            link=export_address(case, job.number),
        )


def page_facts(page: Page[Any]) -> dict[str, int]:
    """Return where a list stands."""
    return {"total": page.total, "page": page.page, "page_size": page.page_size, "pages": page.pages}


def case_address(case: int) -> str:
    """Return where a case is."""
    return f"/api/v1/cases/{case}"


def export_address(case: int, number: int) -> str:
    """Return where an export is."""
    return f"{case_address(case)}/exports/{number}"
