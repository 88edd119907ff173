"""What pages and REST interface ask of a gallery: a search from a request to an answer."""

import time
from dataclasses import dataclass, replace
from typing import Any

import anyio.to_thread

from attrieve.errors import ConfigurationError, QueryError
from attrieve.gallery.counterfactual import ranks_without_terms
from attrieve.gallery.database.filters import Filter
from attrieve.gallery.next_question import next_questions
from attrieve.gallery.search import search
from attrieve.gallery.store import Gallery
from attrieve.gallery.witness_search import WitnessRanking, search_for_witnesses
from attrieve.schema import AttributeQuery, AttributeSchema, Ranking
from attrieve.schema.sentence import Statement, read_statement
from attrieve.schema.witnesses import Witness, read_witness
from attrieve.scoring.fusion import Fusion, Normalisation
from attrieve.serving.access.roles import Actor
from attrieve.serving.galleries import version_of
from attrieve.serving.service import Service
from attrieve.serving.showing import hit_view, rows_of_keys
from attrieve.serving.state.ledger_entry import Action
from attrieve.serving.stating import require_purpose
from attrieve.serving.wire.search import (
    ComparisonView,
    FusionView,
    PieceView,
    QueryView,
    QuestionView,
    SearchAnswer,
    SearchRequest,
    TermView,
    WitnessesView,
    WitnessView,
)


async def answer_search(service: Service, actor: Actor, request: SearchRequest) -> SearchAnswer:
    """Search when there is room, write it into the ledger, and answer.

    Raises:
        ProblemError: ``overloaded``, ``purpose-required``.
        AttrieveError: whatever cannot be read, understood or found.
    """
    require_purpose(service.settings, request.purpose, request.case)
    answer = await service.room.run(lambda: find(service, request))

    def record() -> SearchAnswer:
        entry = service.ledger.record(
            actor,
            Action.SEARCH,
            purpose=request.purpose,
            case=request.case,
            query=answer.query.text,
            details=_details(request, answer),
            keys=[hit.key for hit in answer.hits],
        )
        return answer.model_copy(update={"ledger_entry": entry.sequence})

    return await anyio.to_thread.run_sync(record)


def _details(request: SearchRequest, answer: SearchAnswer) -> dict[str, Any]:
    """Return what else the ledger holds of a search: enough to repeat it."""
    kept = request.model_dump(
        mode="json",
        exclude_defaults=True,
        include={"witnesses", "where", "top", "page", "page_size", "distance", "right", "wrong"}
        | {"fusion_weight", "normalisation"},
    )
    return {**kept, "version": answer.version, "model": answer.model, "total": answer.total}


def find(service: Service, request: SearchRequest) -> SearchAnswer:
    """Search, in this thread and now; :func:`answer_search` is what requests call.

    Raises:
        AttrieveError: whatever cannot be read, understood or found.
    """
    begun = time.perf_counter()
    gallery = service.galleries.current()
    asked = _read(request, gallery, service.settings.hits_most)
    found = _search(asked, gallery, service.settings.threads)
    answer = _answer(service, request, asked, found, gallery)
    service.metrics.searches.inc()
    service.metrics.search_seconds.observe(time.perf_counter() - begun)
    return answer


@dataclass(frozen=True)
class _Asked:
    """A request, read against a gallery."""

    statement: Statement
    witnesses: tuple[Witness, ...]
    fusion: Fusion
    where: Filter | None
    top: int
    first: int
    behind: int
    explain: bool


@dataclass(frozen=True)
class _Found:
    """What was found: hits up to the end of the page."""

    query: AttributeQuery
    ranking: Ranking
    rows_searched: int
    by_witnesses: WitnessRanking | None = None


def read_description(query: str | dict[str, Any], schema: AttributeSchema) -> Statement:
    """Read a description: a sentence, the query language, or a table of attribute to yes, no or certainty.

    Raises:
        QueryError: if it cannot be read.
        UnknownNameError: for an unknown attribute, with the nearest.
    """
    if isinstance(query, str):
        return read_statement(query, schema)
    return Statement(AttributeQuery.from_json(schema, query))


def fusion_of(request: SearchRequest, gallery: Gallery) -> Fusion:
    """Return how the distances of a search are joined."""
    fusion = gallery.fusion
    if request.fusion_weight is not None:
        fusion = replace(fusion, attribute_weight=request.fusion_weight)
    if request.normalisation is not None:
        fusion = replace(fusion, normalisation=Normalisation(request.normalisation))
    return fusion


def _read(request: SearchRequest, gallery: Gallery, most: int) -> _Asked:
    if (request.query is None) == (not request.witnesses):
        raise QueryError("give 'query' or 'witnesses', and not both")
    if request.distance is not None:
        raise ConfigurationError(f"distance {request.distance!r} is not known; leave it out")
    if request.right or request.wrong:
        raise ConfigurationError("marked rows do not count in a search yet; leave 'right' and 'wrong' out")
    if request.top > most:
        raise ConfigurationError(f"'top' is at most {most} here, got {request.top}")
    first = (request.page - 1) * request.page_size
    if first >= request.top:
        raise ConfigurationError(
            f"page {request.page} of {request.page_size} hits begins behind the {request.top} hits asked "
            "for; ask for a smaller page or a larger 'top'"
        )
    witnesses = tuple(read_witness(text, gallery.schema) for text in request.witnesses)
    query = request.query
    statement = None if query is None else read_description(query, gallery.schema)
    if statement is None:
        from attrieve.schema.witnesses import pool

        statement = Statement(pool(witnesses).query)
    return _Asked(
        statement,
        witnesses,
        fusion_of(request, gallery),
        gallery.store.parse(request.where) if request.where else None,
        request.top,
        first,
        min(first + request.page_size, request.top),
        request.explain,
    )


def _search(asked: _Asked, gallery: Gallery, threads: int) -> _Found:
    rows = (
        len(gallery)
        if asked.where is None
        else len(gallery.columns.places(gallery.store.select(asked.where)))
    )
    if asked.witnesses:
        found = search_for_witnesses(
            gallery,
            asked.witnesses,
            top=asked.behind,
            fusion=asked.fusion,
            where=asked.where,
            explain=asked.explain,
        )
        return _Found(found.pooled.query, found.ranking, rows, found)
    ranking = search(
        gallery,
        asked.statement.query,
        top=asked.behind,
        fusion=asked.fusion,
        where=asked.where,
        explain=asked.explain,
        threads=threads,
    )
    return _Found(asked.statement.query, ranking, rows)


def _answer(
    service: Service, request: SearchRequest, asked: _Asked, found: _Found, gallery: Gallery
) -> SearchAnswer:
    page = found.ranking.hits[asked.first : asked.behind]
    rows = rows_of_keys(gallery, [hit.key for hit in page])
    total = min(asked.top, found.rows_searched)
    shown = slice(asked.first, asked.behind)
    return SearchAnswer(
        gallery=service.name,
        version=version_of(gallery),
        model=gallery.model.name,
        rows=len(gallery),
        rows_searched=found.rows_searched,
        query=query_view(asked.statement),
        where=list(request.where),
        fusion=FusionView(
            attribute_weight=asked.fusion.attribute_weight,
            embedding_weight=asked.fusion.embedding_weight,
            normalisation=asked.fusion.normalisation.value,
        ),
        hits=[hit_view(hit, row, gallery.schema) for hit, row in zip(page, rows, strict=True)],
        total=total,
        page=request.page,
        page_size=request.page_size,
        pages=max(1, -(-total // request.page_size)),
        witnesses=_witnesses(asked, found.by_witnesses, shown),
        ranks_without=_without(asked, found, gallery, shown) if request.what_if else None,
        questions=_questions(found, gallery, request.questions) if request.questions else None,
    )


def query_view(statement: Statement) -> QueryView:
    """Return a description as it was understood."""
    query = statement.query
    return QueryView(
        text=query.to_text(),
        terms=[
            TermView(
                attributes=[query.schema.names[index] for index in term.attributes],
                wanted=term.wanted,
                certainty=term.certainty,
                text=AttributeQuery(query.schema, (term,)).to_text(),
            )
            for term in query.terms
        ],
        understood=[
            PieceView(
                text=piece.text,
                start=piece.start,
                end=piece.end,
                part=piece.part.value,
                meaning=piece.meaning,
            )
            for piece in statement.pieces
        ],
        ignored=list(statement.ignored),
    )


def _witnesses(asked: _Asked, found: WitnessRanking | None, shown: slice) -> WitnessesView | None:
    if found is None:
        return None
    return WitnessesView(
        said=[
            WitnessView(name=one.name, weight=one.weight, text=one.query.to_text()) for one in asked.witnesses
        ],
        comparisons=[
            ComparisonView(label=row.label, said=list(row.said), pooled=row.pooled, verdict=row.verdict.value)
            for row in found.pooled.comparisons
        ],
        ranks_without={name: list(ranks[shown]) for name, ranks in found.without.items()},
    )


def _without(asked: _Asked, found: _Found, gallery: Gallery, shown: slice) -> dict[str, list[int | None]]:
    told = ranks_without_terms(gallery, found.query, found.ranking, fusion=asked.fusion, where=asked.where)
    return {AttributeQuery(gallery.schema, (one.term,)).to_text(): list(one.ranks[shown]) for one in told}


def _questions(found: _Found, gallery: Gallery, most: int) -> list[QuestionView]:
    if not gallery.model.recognises:
        return []
    return [
        QuestionView(
            attribute=gallery.schema.names[one.attribute], label=one.label, bits=one.bits, share=one.share
        )
        for one in next_questions(gallery, found.query, found.ranking, most=most)
    ]
