"""Every route of the service as a method; written by ``python docs/client.py``, not by hand."""

from typing import Literal
from urllib.parse import quote

from attrieve.client.asking import Asking
from attrieve.serving.wire.accounts import (
    AccountChange,
    AccountView,
    ActorView,
    CreatedKey,
    KeyRotation,
    KeyView,
    NewAccount,
    NewKey,
    PasswordRequest,
    SessionsEnded,
    SignInRequest,
    SignOutRequest,
)
from attrieve.serving.wire.cases import (
    CaseChange,
    CaseList,
    CaseView,
    ExportView,
    HitsToSave,
    MarkRequest,
    MemberChange,
    NewCase,
    NewExport,
    NewNote,
    NewQuery,
    NoteList,
    NoteView,
    SavedHitList,
    SavedHitView,
    SavedQueryList,
    SavedQueryView,
)
from attrieve.serving.wire.deletion import DeletionAnswer, DeletionRequest, ReindexRequest
from attrieve.serving.wire.gallery import GalleryView, StatisticsView
from attrieve.serving.wire.health import LiveView, ReadyView
from attrieve.serving.wire.hits import LikeView, PersonView, TrackView
from attrieve.serving.wire.images import UploadAnswer
from attrieve.serving.wire.jobs import JobList, JobView
from attrieve.serving.wire.ledger import HeadView, LedgerCheckView, LedgerPage
from attrieve.serving.wire.problems import ProblemType
from attrieve.serving.wire.search import QueryView, SearchAnswer, SearchRequest
from attrieve.serving.wire.vocabulary import SynonymsView, VocabularyView


class AttrieveClient(Asking):
    """A client of a service; methods are named and documented as its routes.

    Every method raises :class:`~attrieve.client.ProblemAnswer` where the service refuses or fails, and
    :class:`~attrieve.errors.AttrieveError` where it cannot be reached.
    """

    def __enter__(self) -> "AttrieveClient":
        return self

    def search(self, body: SearchRequest) -> SearchAnswer:
        """Rank the gallery by a description."""
        answer: SearchAnswer = self._ask("POST", "/api/v1/search", SearchAnswer, body=body)
        return answer

    def search_by_address(
        self,
        *,
        q: str | None = None,
        witness: list[str] | None = None,
        where: list[str] | None = None,
        top: int | None = None,
        page: int | None = None,
        page_size: int | None = None,
        explain: bool | None = None,
        what_if: bool | None = None,
        questions: int | None = None,
        distance: Literal["paper", "independent", "group", "ranked"] | None = None,
        nats: float | None = None,
        fusion_weight: float | None = None,
        normalisation: Literal["matrix", "query", "static"] | None = None,
        right: list[str] | None = None,
        wrong: list[str] | None = None,
        purpose: str | None = None,
        case: str | None = None,
    ) -> SearchAnswer:
        """Rank the gallery by a short description.

        Args:
            q: description.
            witness: what a witness says, 'NAME: description'.
            where: condition on a column, e.g. 'camera=C1,C2'.
            top: hits that are ranked.
            page: which part of them to send.
            page_size: hits in one answer.
            explain: whether hits carry reasons.
            what_if: whether to tell ranks without each thing asked.
            questions: how many questions to suggest.
            distance: how rows are compared.
            nats: weight of the embedding in nats.
            fusion_weight: weight of the attribute distance.
            normalisation: what distances are divided by.
            right: row marked right.
            wrong: row marked wrong.
            purpose: what the search is for.
            case: number of the case it belongs to.
        """
        answer: SearchAnswer = self._ask(
            "GET",
            "/api/v1/search",
            SearchAnswer,
            query={
                "q": q,
                "witness": witness,
                "where": where,
                "top": top,
                "page": page,
                "page_size": page_size,
                "explain": explain,
                "what_if": what_if,
                "questions": questions,
                "distance": distance,
                "nats": nats,
                "fusion_weight": fusion_weight,
                "normalisation": normalisation,
                "right": right,
                "wrong": wrong,
                "purpose": purpose,
                "case": case,
            },
        )
        return answer

    def get_person(
        self,
        key: str,
        *,
        q: str | None = None,
        witness: list[str] | None = None,
        where: list[str] | None = None,
        right: list[str] | None = None,
        wrong: list[str] | None = None,
        purpose: str | None = None,
        case: str | None = None,
    ) -> PersonView:
        """A row in detail.

        Args:
            key: key of a row.
            q: A description: then the row comes with its rank and reasons.
            witness: in the place of 'q'.
            where: conditions of the search.
            right: rows marked right.
            wrong: rows marked wrong.
            purpose: what the search is for.
            case: number of the case it belongs to.
        """
        answer: PersonView = self._ask(
            "GET",
            f"/api/v1/persons/{quote(str(key), safe='')}",
            PersonView,
            query={
                "q": q,
                "witness": witness,
                "where": where,
                "right": right,
                "wrong": wrong,
                "purpose": purpose,
                "case": case,
            },
        )
        return answer

    def erase_person(
        self, key: str, *, why: str | None = None, purpose: str | None = None, case: str | None = None
    ) -> JobView:
        """Erase a row everywhere.

        Args:
            key: of the row.
            why: why, for the ledger.
            purpose: what the search is for.
            case: number of the case it belongs to.
        """
        answer: JobView = self._ask(
            "DELETE",
            f"/api/v1/persons/{quote(str(key), safe='')}",
            JobView,
            query={"why": why, "purpose": purpose, "case": case},
        )
        return answer

    def get_crop(self, key: str, *, purpose: str | None = None, case: str | None = None) -> bytes:
        """The picture of a row.

        Args:
            key: key of a row.
            purpose: what the search is for.
            case: number of the case it belongs to.
        """
        answer: bytes = self._ask(
            "GET",
            f"/api/v1/persons/{quote(str(key), safe='')}/crop",
            bytes,
            query={"purpose": purpose, "case": case},
        )
        return answer

    def get_thumbnail(self, key: str, *, purpose: str | None = None, case: str | None = None) -> bytes:
        """A little picture of a row.

        Args:
            key: key of a row.
            purpose: what the search is for.
            case: number of the case it belongs to.
        """
        answer: bytes = self._ask(
            "GET",
            f"/api/v1/persons/{quote(str(key), safe='')}/thumbnail",
            bytes,
            query={"purpose": purpose, "case": case},
        )
        return answer

    def get_heat_map(
        self,
        key: str,
        attribute: str,
        *,
        legend: bool | None = None,
        purpose: str | None = None,
        case: str | None = None,
    ) -> bytes:
        """Where an attribute was found in the picture.

        Args:
            key: key of a row.
            legend: whether to explain the colours below.
            purpose: what the search is for.
            case: number of the case it belongs to.
        """
        answer: bytes = self._ask(
            "GET",
            f"/api/v1/persons/{quote(str(key), safe='')}/heat-maps/{quote(str(attribute), safe='')}.png",
            bytes,
            query={"legend": legend, "purpose": purpose, "case": case},
        )
        return answer

    def describe_like(self, key: str, *, purpose: str | None = None, case: str | None = None) -> LikeView:
        """A description like this row.

        Args:
            key: key of a row.
            purpose: what the search is for.
            case: number of the case it belongs to.
        """
        answer: LikeView = self._ask(
            "GET",
            f"/api/v1/persons/{quote(str(key), safe='')}/like",
            LikeView,
            query={"purpose": purpose, "case": case},
        )
        return answer

    def get_track(self, key: str, *, purpose: str | None = None, case: str | None = None) -> TrackView:
        """Rows of the same track, in time.

        Args:
            key: key of a row.
            purpose: what the search is for.
            case: number of the case it belongs to.
        """
        answer: TrackView = self._ask(
            "GET",
            f"/api/v1/persons/{quote(str(key), safe='')}/track",
            TrackView,
            query={"purpose": purpose, "case": case},
        )
        return answer

    def get_gallery(self) -> GalleryView:
        """What the gallery is."""
        answer: GalleryView = self._ask("GET", "/api/v1/gallery", GalleryView)
        return answer

    def get_statistics(self) -> StatisticsView:
        """What the gallery holds, counted."""
        answer: StatisticsView = self._ask("GET", "/api/v1/gallery/statistics", StatisticsView)
        return answer

    def get_vocabulary(self) -> VocabularyView:
        """The attributes one can ask for."""
        answer: VocabularyView = self._ask("GET", "/api/v1/vocabulary", VocabularyView)
        return answer

    def list_synonyms(self, *, language: str | None = None) -> SynonymsView:
        """What else people say for them.

        Args:
            language: of the words.
        """
        answer: SynonymsView = self._ask(
            "GET", "/api/v1/vocabulary/synonyms", SynonymsView, query={"language": language}
        )
        return answer

    def list_languages(self) -> list[str]:
        """Languages a description may be written in."""
        answer: list[str] = self._ask("GET", "/api/v1/vocabulary/languages", list[str])
        return answer

    def read_text(self, *, q: str) -> QueryView:
        """How a description is understood.

        Args:
            q: the description.
        """
        answer: QueryView = self._ask("GET", "/api/v1/vocabulary/reading", QueryView, query={"q": q})
        return answer

    def list_problems(self) -> list[ProblemType]:
        """Everything that can go wrong."""
        answer: list[ProblemType] = self._ask("GET", "/api/v1/problems", list[ProblemType])
        return answer

    def get_problem(self, name: str) -> ProblemType:
        """One kind of problem."""
        answer: ProblemType = self._ask("GET", f"/api/v1/problems/{quote(str(name), safe='')}", ProblemType)
        return answer

    def add_images(
        self,
        images: list[tuple[str, bytes, str]],
        *,
        name: str | None = None,
        camera: str | None = None,
        time: str | None = None,
        track: str | None = None,
        source: str | None = None,
        purpose: str | None = None,
        case: str | None = None,
    ) -> UploadAnswer:
        """Add images.

        Args:
            name: name of a picture sent alone.
            camera: of all images.
            time: of all images, ISO 8601.
            track: of all images.
            source: what their source is called.
            purpose: what the search is for.
            case: number of the case it belongs to.
        """
        answer: UploadAnswer = self._ask(
            "POST",
            "/api/v1/images",
            UploadAnswer,
            files=[("images", image) for image in images],
            query={
                "name": name,
                "camera": camera,
                "time": time,
                "track": track,
                "source": source,
                "purpose": purpose,
                "case": case,
            },
        )
        return answer

    def delete_rows(self, body: DeletionRequest) -> DeletionAnswer:
        """Delete rows by condition or age."""
        answer: DeletionAnswer = self._ask("POST", "/api/v1/gallery/delete", DeletionAnswer, body=body)
        return answer

    def compact_gallery(self) -> JobView:
        """Compact the gallery."""
        answer: JobView = self._ask("POST", "/api/v1/gallery/compact", JobView)
        return answer

    def reindex_gallery(self, body: ReindexRequest | None) -> JobView:
        """Index the gallery anew."""
        answer: JobView = self._ask("POST", "/api/v1/gallery/re-index", JobView, body=body)
        return answer

    def list_jobs(
        self,
        *,
        state: list[Literal["queued", "running", "done", "failed", "cancelled"]] | None = None,
        kind: list[Literal["add-images", "delete-rows", "re-embed", "compact", "export-case"]] | None = None,
        created_by: str | None = None,
        before: int | None = None,
        limit: int | None = None,
    ) -> JobList:
        """List jobs.

        Args:
            state: only these.
            kind: only these.
            created_by: only this account's.
            before: only smaller numbers, for paging.
            limit: at most so many.
        """
        answer: JobList = self._ask(
            "GET",
            "/api/v1/jobs",
            JobList,
            query={"state": state, "kind": kind, "created_by": created_by, "before": before, "limit": limit},
        )
        return answer

    def get_job(self, number: int) -> JobView:
        """Look at a job.

        Args:
            number: of the job.
        """
        answer: JobView = self._ask("GET", f"/api/v1/jobs/{quote(str(number), safe='')}", JobView)
        return answer

    def cancel_job(self, number: int) -> JobView:
        """Cancel a job.

        Args:
            number: of the job.
        """
        answer: JobView = self._ask("POST", f"/api/v1/jobs/{quote(str(number), safe='')}/cancel", JobView)
        return answer

    def retry_job(self, number: int) -> JobView:
        """Try a job again.

        Args:
            number: of the job.
        """
        answer: JobView = self._ask("POST", f"/api/v1/jobs/{quote(str(number), safe='')}/retry", JobView)
        return answer

    def list_cases(
        self,
        *,
        text: str | None = None,
        status: Literal["open", "closed"] | None = None,
        page: int | None = None,
        page_size: int | None = None,
    ) -> CaseList:
        """List cases.

        Args:
            text: only those whose number or title holds it.
            status: only these.
            page: from 1.
            page_size: in one answer.
        """
        answer: CaseList = self._ask(
            "GET",
            "/api/v1/cases",
            CaseList,
            query={"text": text, "status": status, "page": page, "page_size": page_size},
        )
        return answer

    def create_case(self, body: NewCase) -> CaseView:
        """Make a case."""
        answer: CaseView = self._ask("POST", "/api/v1/cases", CaseView, body=body)
        return answer

    def get_case(self, case: int) -> CaseView:
        """Look at a case.

        Args:
            case: of the case.
        """
        answer: CaseView = self._ask("GET", f"/api/v1/cases/{quote(str(case), safe='')}", CaseView)
        return answer

    def change_case(self, case: int, body: CaseChange) -> CaseView:
        """Change a case.

        Args:
            case: of the case.
        """
        answer: CaseView = self._ask(
            "PATCH", f"/api/v1/cases/{quote(str(case), safe='')}", CaseView, body=body
        )
        return answer

    def delete_case(self, case: int) -> None:
        """Delete a case.

        Args:
            case: of the case.
        """
        self._ask("DELETE", f"/api/v1/cases/{quote(str(case), safe='')}", type(None))

    def set_member(self, case: int, name: str, body: MemberChange) -> CaseView:
        """Let somebody see a case.

        Args:
            case: of the case.
            name: of the account.
        """
        answer: CaseView = self._ask(
            "PUT",
            f"/api/v1/cases/{quote(str(case), safe='')}/members/{quote(str(name), safe='')}",
            CaseView,
            body=body,
        )
        return answer

    def remove_member(self, case: int, name: str) -> CaseView:
        """Hide a case from somebody.

        Args:
            case: of the case.
            name: of the account.
        """
        answer: CaseView = self._ask(
            "DELETE",
            f"/api/v1/cases/{quote(str(case), safe='')}/members/{quote(str(name), safe='')}",
            CaseView,
        )
        return answer

    def list_notes(
        self, case: int, *, key: str | None = None, page: int | None = None, page_size: int | None = None
    ) -> NoteList:
        """List notes.

        Args:
            case: of the case.
            key: only those about this hit.
            page: from 1.
            page_size: in one answer.
        """
        answer: NoteList = self._ask(
            "GET",
            f"/api/v1/cases/{quote(str(case), safe='')}/notes",
            NoteList,
            query={"key": key, "page": page, "page_size": page_size},
        )
        return answer

    def add_note(self, case: int, body: NewNote) -> NoteView:
        """Write a note.

        Args:
            case: of the case.
        """
        answer: NoteView = self._ask(
            "POST", f"/api/v1/cases/{quote(str(case), safe='')}/notes", NoteView, body=body
        )
        return answer

    def delete_note(self, case: int, note: int) -> None:
        """Delete a note.

        Args:
            case: of the case.
        """
        self._ask(
            "DELETE",
            f"/api/v1/cases/{quote(str(case), safe='')}/notes/{quote(str(note), safe='')}",
            type(None),
        )

    def list_queries(
        self, case: int, *, page: int | None = None, page_size: int | None = None
    ) -> SavedQueryList:
        """List saved searches.

        Args:
            case: of the case.
            page: from 1.
            page_size: in one answer.
        """
        answer: SavedQueryList = self._ask(
            "GET",
            f"/api/v1/cases/{quote(str(case), safe='')}/queries",
            SavedQueryList,
            query={"page": page, "page_size": page_size},
        )
        return answer

    def save_query(self, case: int, body: NewQuery) -> SavedQueryView:
        """Save a search.

        Args:
            case: of the case.
        """
        answer: SavedQueryView = self._ask(
            "POST", f"/api/v1/cases/{quote(str(case), safe='')}/queries", SavedQueryView, body=body
        )
        return answer

    def delete_query(self, case: int, query: int) -> None:
        """Forget a saved search.

        Args:
            case: of the case.
        """
        self._ask(
            "DELETE",
            f"/api/v1/cases/{quote(str(case), safe='')}/queries/{quote(str(query), safe='')}",
            type(None),
        )

    def list_hits(
        self,
        case: int,
        *,
        mark: Literal["right", "wrong", "unsure"] | None = None,
        page: int | None = None,
        page_size: int | None = None,
    ) -> SavedHitList:
        """List saved hits.

        Args:
            case: of the case.
            mark: only those that bear it.
            page: from 1.
            page_size: in one answer.
        """
        answer: SavedHitList = self._ask(
            "GET",
            f"/api/v1/cases/{quote(str(case), safe='')}/hits",
            SavedHitList,
            query={"mark": mark, "page": page, "page_size": page_size},
        )
        return answer

    def save_hits(self, case: int, body: HitsToSave) -> list[SavedHitView]:
        """Save hits.

        Args:
            case: of the case.
        """
        answer: list[SavedHitView] = self._ask(
            "POST", f"/api/v1/cases/{quote(str(case), safe='')}/hits", list[SavedHitView], body=body
        )
        return answer

    def get_hit(self, case: int, key: str) -> SavedHitView:
        """Look at a saved hit.

        Args:
            case: of the case.
            key: of the row.
        """
        answer: SavedHitView = self._ask(
            "GET", f"/api/v1/cases/{quote(str(case), safe='')}/hits/{quote(str(key), safe='')}", SavedHitView
        )
        return answer

    def remove_hit(self, case: int, key: str) -> None:
        """Take a hit out of a case.

        Args:
            case: of the case.
            key: of the row.
        """
        self._ask(
            "DELETE", f"/api/v1/cases/{quote(str(case), safe='')}/hits/{quote(str(key), safe='')}", type(None)
        )

    def mark_hit(self, case: int, key: str, body: MarkRequest) -> SavedHitView:
        """Mark a hit.

        Args:
            case: of the case.
            key: of the row.
        """
        answer: SavedHitView = self._ask(
            "PUT",
            f"/api/v1/cases/{quote(str(case), safe='')}/hits/{quote(str(key), safe='')}/mark",
            SavedHitView,
            body=body,
        )
        return answer

    def get_marks(self, case: int) -> dict[str, object]:
        """Marks as a file.

        Args:
            case: of the case.
        """
        answer: dict[str, object] = self._ask(
            "GET", f"/api/v1/cases/{quote(str(case), safe='')}/marks", dict[str, object]
        )
        return answer

    def refine(self, case: int, body: SearchRequest) -> SearchAnswer:
        """Search with the case's marks.

        Args:
            case: of the case.
        """
        answer: SearchAnswer = self._ask(
            "POST", f"/api/v1/cases/{quote(str(case), safe='')}/refine", SearchAnswer, body=body
        )
        return answer

    def export_case(self, case: int, body: NewExport) -> ExportView:
        """Export a case.

        Args:
            case: of the case.
        """
        answer: ExportView = self._ask(
            "POST", f"/api/v1/cases/{quote(str(case), safe='')}/exports", ExportView, body=body
        )
        return answer

    def list_exports(self, case: int) -> list[ExportView]:
        """List exports.

        Args:
            case: of the case.
        """
        answer: list[ExportView] = self._ask(
            "GET", f"/api/v1/cases/{quote(str(case), safe='')}/exports", list[ExportView]
        )
        return answer

    def get_export(self, case: int, number: int) -> ExportView:
        """Look at an export.

        Args:
            case: of the case.
            number: of the export.
        """
        answer: ExportView = self._ask(
            "GET",
            f"/api/v1/cases/{quote(str(case), safe='')}/exports/{quote(str(number), safe='')}",
            ExportView,
        )
        return answer

    def download_export(self, case: int, number: int) -> bytes:
        """Download an export.

        Args:
            case: of the case.
            number: of the export.
        """
        answer: bytes = self._ask(
            "GET",
            f"/api/v1/cases/{quote(str(case), safe='')}/exports/{quote(str(number), safe='')}/file",
            bytes,
        )
        return answer

    def sign_in(self, body: SignInRequest) -> ActorView:
        """Sign in."""
        answer: ActorView = self._ask("POST", "/api/v1/sign-in", ActorView, body=body)
        return answer

    def sign_out(self, body: SignOutRequest | None) -> SessionsEnded:
        """Sign out."""
        answer: SessionsEnded = self._ask("POST", "/api/v1/sign-out", SessionsEnded, body=body)
        return answer

    def own_account(self) -> ActorView:
        """Who asks, and what is allowed."""
        answer: ActorView = self._ask("GET", "/api/v1/account", ActorView)
        return answer

    def change_password(self, body: PasswordRequest) -> ActorView:
        """Change the own password."""
        answer: ActorView = self._ask("PUT", "/api/v1/account/password", ActorView, body=body)
        return answer

    def list_accounts(self) -> list[AccountView]:
        """List accounts."""
        answer: list[AccountView] = self._ask("GET", "/api/v1/accounts", list[AccountView])
        return answer

    def add_account(self, body: NewAccount) -> AccountView:
        """Make an account."""
        answer: AccountView = self._ask("POST", "/api/v1/accounts", AccountView, body=body)
        return answer

    def get_account(self, name: str) -> AccountView:
        """Look at an account.

        Args:
            name: of the account.
        """
        answer: AccountView = self._ask("GET", f"/api/v1/accounts/{quote(str(name), safe='')}", AccountView)
        return answer

    def change_account(self, name: str, body: AccountChange) -> AccountView:
        """Change an account.

        Args:
            name: of the account.
        """
        answer: AccountView = self._ask(
            "PATCH", f"/api/v1/accounts/{quote(str(name), safe='')}", AccountView, body=body
        )
        return answer

    def remove_account(self, name: str) -> None:
        """Remove an account.

        Args:
            name: of the account.
        """
        self._ask("DELETE", f"/api/v1/accounts/{quote(str(name), safe='')}", type(None))

    def list_keys(self) -> list[KeyView]:
        """List keys."""
        answer: list[KeyView] = self._ask("GET", "/api/v1/keys", list[KeyView])
        return answer

    def create_key(self, body: NewKey) -> CreatedKey:
        """Make a key."""
        answer: CreatedKey = self._ask("POST", "/api/v1/keys", CreatedKey, body=body)
        return answer

    def rotate_key(self, prefix: str, body: KeyRotation | None) -> CreatedKey:
        """Replace a key by a new one.

        Args:
            prefix: of the key.
        """
        answer: CreatedKey = self._ask(
            "POST", f"/api/v1/keys/{quote(str(prefix), safe='')}/rotate", CreatedKey, body=body
        )
        return answer

    def revoke_key(self, prefix: str) -> KeyView:
        """Revoke a key.

        Args:
            prefix: of the key.
        """
        answer: KeyView = self._ask("DELETE", f"/api/v1/keys/{quote(str(prefix), safe='')}", KeyView)
        return answer

    def read_ledger(
        self,
        *,
        who: str | None = None,
        action: Literal[
            "search",
            "view",
            "export",
            "deletion",
            "addition",
            "reindexing",
            "mark",
            "case",
            "sign-in",
            "sign-out",
            "sign-in-failed",
            "refused",
            "account",
            "key",
            "ledger-read",
            "retention",
            "erasure",
            "settings",
            "start",
            "stop",
        ]
        | None = None,
        case: str | None = None,
        purpose: str | None = None,
        key: str | None = None,
        since: str | None = None,
        until: str | None = None,
        after: int | None = None,
        before: int | None = None,
        newest_first: bool | None = None,
        limit: int | None = None,
    ) -> LedgerPage:
        """Read the ledger.

        Args:
            who: name of the account or key.
            action: what was done.
            case: number of the case.
            purpose: as it was stated.
            key: of a gallery row.
            since: from this moment on.
            until: before this moment.
            after: only later entries than this.
            before: only earlier ones than this.
            newest_first: in the opposite order.
            limit: how many at most.
        """
        answer: LedgerPage = self._ask(
            "GET",
            "/api/v1/ledger",
            LedgerPage,
            query={
                "who": who,
                "action": action,
                "case": case,
                "purpose": purpose,
                "key": key,
                "since": since,
                "until": until,
                "after": after,
                "before": before,
                "newest_first": newest_first,
                "limit": limit,
            },
        )
        return answer

    def verify_ledger(self) -> LedgerCheckView:
        """Check the ledger."""
        answer: LedgerCheckView = self._ask("GET", "/api/v1/ledger/verify", LedgerCheckView)
        return answer

    def ledger_head(self) -> HeadView:
        """Where the ledger ends, signed."""
        answer: HeadView = self._ask("GET", "/api/v1/ledger/head", HeadView)
        return answer

    def export_ledger(self, *, format: Literal["csv", "jsonl"] | None = None) -> str:
        """The whole ledger as a file.

        Args:
            format: csv or jsonl.
        """
        answer: str = self._ask("GET", "/api/v1/ledger/export", str, query={"format": format})
        return answer

    def check_live(self) -> LiveView:
        """Whether the process answers."""
        answer: LiveView = self._ask("GET", "/api/v1/health/live", LiveView)
        return answer

    def check_ready(self) -> ReadyView:
        """Whether the service can answer searches."""
        answer: ReadyView = self._ask("GET", "/api/v1/health/ready", ReadyView)
        return answer

    def read_metrics(self) -> str:
        """Numbers for Prometheus."""
        answer: str = self._ask("GET", "/api/v1/metrics", str)
        return answer
