"""What a search says of hits that somebody saves: looked up again here, never taken from the client."""

from collections.abc import Sequence
from typing import Any

from attrieve.serving.cases.case import HitToSave
from attrieve.serving.ranking import rank
from attrieve.serving.searching import read_request
from attrieve.serving.service import Service
from attrieve.serving.showing import hit_view, row_view, rows_of_keys
from attrieve.serving.wire.search import SearchRequest


def hits_to_save(
    service: Service, keys: Sequence[str], request: SearchRequest | None = None, *, query: int | None = None
) -> list[HitToSave]:
    """Return rows with what is known of them, and with a search what it says of them.

    Args:
        service: its gallery.
        keys: of the rows.
        request: the search that found them, or None.
        query: number of the saved query it is, or None.

    Raises:
        ProblemError: ``person-not-found`` for a row the gallery does not hold.
        AttrieveError: for a search that cannot be understood any more.
    """
    gallery = service.galleries.current()
    wanted = list(dict.fromkeys(keys))
    rows = rows_of_keys(gallery, wanted)
    facts: dict[str, dict[str, Any]] = {
        row.key: row_view(row).model_dump(mode="json", exclude={"links"}) for row in rows
    }
    if request is not None:
        asked = read_request(service, request.model_copy(update={"page": 1}), gallery)
        most = min(service.settings.hits_most, max(asked.scope.rows, 1))
        ranked = rank(asked.scope, asked.statement.query, most)
        for key in wanted:
            place = ranked.rank_of(key)
            if place is not None:
                [(hit, row)] = ranked.page(place - 1, place, explain=True)
                view = hit_view(hit, row, gallery.schema)
                facts[key] = view.model_dump(mode="json", exclude={"links"})
                facts[key]["query_text"] = asked.statement.query.to_text()
    return [HitToSave(key, facts[key], query) for key in wanted]
