"""The marks of a case, as what changes its searches."""

from anyio.to_thread import run_sync

from attrieve.gallery.feedback import Mark as Judgement
from attrieve.gallery.feedback import Marks
from attrieve.serving.access.roles import Actor
from attrieve.serving.cases.case import Mark
from attrieve.serving.cases.case_store import HITS_MOST
from attrieve.serving.cases.cases import Cases
from attrieve.serving.service import Service
from attrieve.serving.wire.search import SearchRequest

MARKS_MOST = 200
"""Marks of each kind that one search takes; of more, those made last."""

PURPOSE_MOST = 500
"""Characters of a purpose that a search takes."""


def case_marks(cases: Cases, actor: Actor, case: int) -> Marks:
    """Return the marks right and wrong of a case, with the description each was made by.

    Hits that are unsure teach nothing; those that were erased are gone from the gallery and are left out.

    Raises:
        UnknownCaseError: if there is none that the actor may see.
    """
    queries = {
        query.id: query.text for query in cases.queries(actor, case, page=1, page_size=HITS_MOST).items
    }
    judged = []
    for hit in cases.hits(actor, case, page=1, page_size=HITS_MOST).items:
        if hit.mark in (Mark.RIGHT, Mark.WRONG) and hit.erased_at is None:
            text = str(hit.facts.get("query_text") or (queries.get(hit.query, "") if hit.query else ""))
            judged.append(Judgement(hit.key, hit.mark is Mark.RIGHT, text, hit.marked_at, hit.marked_by))
    return Marks(tuple(judged))


async def refined(service: Service, actor: Actor, case: int, request: SearchRequest) -> SearchRequest:
    """Return a search for a case: with its purpose and number, and its marks added to those that are given.

    Raises:
        UnknownCaseError: if there is none that the actor may see.
    """

    def read() -> SearchRequest:
        folder = service.cases.get(actor, case)
        marks = case_marks(service.cases, actor, case)
        latest = sorted(marks.marks, key=lambda mark: mark.time.timestamp() if mark.time else 0.0)
        given = {*request.right, *request.wrong}
        new = [mark for mark in latest if mark.key not in given]
        right = [mark.key for mark in new if mark.right]
        wrong = [mark.key for mark in new if not mark.right]
        changed = {
            "right": [*right, *request.right][-MARKS_MOST:],
            "wrong": [*wrong, *request.wrong][-MARKS_MOST:],
            "purpose": request.purpose or folder.purpose[:PURPOSE_MOST],
            "case": folder.number,
        }
        return request.model_copy(update=changed)

    return await run_sync(read)
