"""What pages and REST interface ask of a gallery: a search from a request to an answer."""

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from attrieve.errors import ConfigurationError, QueryError
from attrieve.gallery.counterfactual import LOOKED_AT
from attrieve.gallery.database.rows import GalleryRow
from attrieve.gallery.feedback import Marks
from attrieve.gallery.likelihood import Distance, LikelihoodFusion
from attrieve.gallery.store import Gallery
from attrieve.schema import AttributeQuery, AttributeSchema, Hit, Term
from attrieve.schema.sentence import Statement, read_statement
from attrieve.schema.witnesses import Pooled, Witness, pool, read_witness
from attrieve.scoring.fusion import Fusion, Normalisation
from attrieve.serving.access.roles import Actor
from attrieve.serving.galleries import version_of
from attrieve.serving.ranking import Ranked, Scope, rank, rank_each, ranks_elsewhere
from attrieve.serving.search_views import feedback_view, query_view, question_views
from attrieve.serving.service import Service
from attrieve.serving.showing import hit_view
from attrieve.serving.shown import Depth
from attrieve.serving.state.ledger_entry import Action
from attrieve.serving.stating import require_purpose
from attrieve.serving.wire.search import (
    ComparisonView,
    FusionView,
    SearchAnswer,
    SearchRequest,
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
    # One thread does both: what is handed from thread to thread waits each time for the interpreter lock.
    return await service.room.run(lambda: _record(service, actor, request, find(service, request)))


def _record(service: Service, actor: Actor, request: SearchRequest, answer: SearchAnswer) -> SearchAnswer:
    """Write a search into the ledger, and return its answer with the number of the entry.

    Raises:
        StorageError: if the disk refuses; nothing may be shown then.
    """
    keys = [hit.key for hit in answer.hits]
    entry = service.ledger.record(
        actor,
        Action.SEARCH,
        purpose=request.purpose,
        case=request.case,
        query=answer.query.text,
        details=_details(request, answer),
        keys=keys,
    )
    service.shown.remember(actor, keys, Depth.HIT)
    return answer.model_copy(update={"ledger_entry": entry.sequence})


def _details(request: SearchRequest, answer: SearchAnswer) -> dict[str, Any]:
    """Return what else the ledger holds of a search: enough to repeat it."""
    kept = request.model_dump(
        mode="json",
        exclude_defaults=True,
        include={"witnesses", "where", "top", "page", "page_size", "distance", "nats", "right", "wrong"}
        | {"fusion_weight", "normalisation"},
    )
    return {**kept, "version": answer.version, "model": answer.model, "total": answer.total}


def warm_up(service: Service) -> None:
    """Search once, so that the first one who asks does not wait for what is loaded at first use."""
    gallery = service.galleries.current()
    if len(gallery):
        query = AttributeQuery(gallery.schema, (Term((0,)),))
        rank(Scope.of(gallery, gallery.fusion, None, None, service.settings.threads), query, 1)


@dataclass(frozen=True)
class Asked:
    """A request, read against a gallery.

    Args:
        statement: the description, or what the witnesses say together.
        witnesses: each of them.
        pooled: how they stand to each other, or None without witnesses.
        scope: where is searched.
    """

    statement: Statement
    witnesses: tuple[Witness, ...]
    pooled: Pooled | None
    scope: Scope


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
    """Return how distances are measured and joined in a search.

    Raises:
        ConfigurationError: for settings that belong to another distance.
    """
    distance = Distance(request.distance or Distance.PAPER)
    if distance.is_likelihood:
        if request.fusion_weight is not None or request.normalisation is not None:
            raise ConfigurationError(
                f"distance {distance.value!r} counts as it is; 'fusion_weight' and 'normalisation' go with "
                f"{Distance.PAPER.value!r} only"
            )
        nats = gallery.query_side.retrieval.embedding_nats if request.nats is None else request.nats
        return LikelihoodFusion(embedding_weight=nats, distance=distance)
    if request.nats is not None:
        raise ConfigurationError(f"'nats' goes with a likelihood, not with {distance.value!r}")
    fusion = gallery.fusion
    if request.fusion_weight is not None:
        fusion = replace(fusion, attribute_weight=request.fusion_weight)
    if request.normalisation is not None:
        fusion = replace(fusion, normalisation=Normalisation(request.normalisation))
    return fusion


def read_request(service: Service, request: SearchRequest, gallery: Gallery) -> Asked:
    """Read a request.

    Raises:
        QueryError: for a description that cannot be read.
        UnknownNameError: for an unknown attribute or column, with the nearest.
        ConfigurationError: for pages beyond the hits asked for, or more hits than the operator allows.
    """
    if (request.query is None) == (not request.witnesses):
        raise QueryError("give 'query' or 'witnesses', and not both")
    most = service.settings.hits_most
    if request.top > most:
        raise ConfigurationError(f"'top' is at most {most} here, got {request.top}")
    if (request.page - 1) * request.page_size >= request.top:
        raise ConfigurationError(
            f"page {request.page} of {request.page_size} hits begins behind the {request.top} hits asked "
            "for; ask for a smaller page or a larger 'top'"
        )
    witnesses = tuple(read_witness(text, gallery.schema) for text in request.witnesses)
    pooled = pool(witnesses) if witnesses else None
    statement = (
        Statement(pooled.query)
        if pooled is not None
        else read_description(request.query if request.query is not None else "", gallery.schema)
    )
    where = gallery.store.parse(request.where) if request.where else None
    marks = Marks.of(request.right, request.wrong)
    scope = Scope.of(
        gallery, fusion_of(request, gallery), where, marks, service.settings.threads, service.scans
    )
    return Asked(statement, witnesses, pooled, scope)


def find(service: Service, request: SearchRequest) -> SearchAnswer:
    """Search, in this thread and now; :func:`answer_search` is what requests call.

    Raises:
        AttrieveError: whatever cannot be read, understood or found.
    """
    begun = time.perf_counter()
    gallery = service.galleries.current()
    asked = read_request(service, request, gallery)
    first = (request.page - 1) * request.page_size
    behind = min(first + request.page_size, request.top)
    left_out = _left_out(asked)
    ranked, *others = rank_each(
        asked.scope,
        [(asked.statement.query, behind), *((query, LOOKED_AT * behind) for query in left_out.values())],
    )
    page = ranked.page(first, behind, explain=request.explain)
    answer = _answer(service, request, asked, ranked, page, dict(zip(left_out, others, strict=True)))
    service.metrics.searches.inc()
    service.metrics.search_seconds.observe(time.perf_counter() - begun)
    return answer


def _answer(
    service: Service,
    request: SearchRequest,
    asked: Asked,
    ranked: Ranked,
    page: list[tuple[Hit, GalleryRow]],
    without: dict[str, Ranked],
) -> SearchAnswer:
    scope, gallery = asked.scope, asked.scope.gallery
    keys = [hit.key for hit, _ in page]
    said = [witness.query for witness in asked.witnesses]
    total = min(request.top, scope.rows)
    return SearchAnswer(
        gallery=service.name,
        version=version_of(gallery),
        model=gallery.model.name,
        rows=len(gallery),
        rows_searched=scope.rows,
        query=query_view(asked.statement),
        where=list(request.where),
        fusion=FusionView(
            attribute_weight=scope.fusion.attribute_weight,
            embedding_weight=scope.fusion.embedding_weight,
            normalisation=scope.fusion.normalisation.value,
        ),
        distance=scope.fusion.distance.value if isinstance(scope.fusion, LikelihoodFusion) else "paper",
        expected_matches=service.expected.of(scope, ranked.query, tuple(request.where)),
        hits=[hit_view(hit, row, gallery.schema) for hit, row in page],
        total=total,
        page=request.page,
        page_size=request.page_size,
        pages=max(1, -(-total // request.page_size)),
        witnesses=None if asked.pooled is None else _witnesses(asked, asked.pooled, keys, without),
        ranks_without=without_terms(ranked, keys) if request.what_if else None,
        questions=question_views(ranked, request.questions, said) if request.questions else None,
        feedback=None if ranked.feedback is None else feedback_view(ranked.feedback),
    )


def _left_out(asked: Asked) -> dict[str, AttributeQuery]:
    """Return what is left to ask without each of several witnesses, where anything is."""
    left: dict[str, AttributeQuery] = {}
    for left_out in asked.witnesses if len(asked.witnesses) > 1 else ():
        others = [witness for witness in asked.witnesses if witness is not left_out]
        with suppress(QueryError):  # nothing is left to ask
            left[left_out.name] = pool(others).query
    return left


def _witnesses(asked: Asked, pooled: Pooled, keys: list[str], without: dict[str, Ranked]) -> WitnessesView:
    several = asked.witnesses if len(asked.witnesses) > 1 else ()
    ranks = {one.name: without[one.name].ranks_of(keys) if one.name in without else [] for one in several}
    return WitnessesView(
        said=[
            WitnessView(name=one.name, weight=one.weight, text=one.query.to_text()) for one in asked.witnesses
        ],
        comparisons=[
            ComparisonView(label=row.label, said=list(row.said), pooled=row.pooled, verdict=row.verdict.value)
            for row in pooled.comparisons
        ],
        ranks_without=ranks,
    )


def without_terms(ranked: Ranked, keys: list[str]) -> dict[str, list[int | None]]:
    """Return, for each thing asked, where rows would stand without it; a single thing cannot be left out."""
    query = ranked.query
    if len(query.terms) < 2:
        return {}
    left = {}
    for left_out in query.terms:
        others = replace(query, terms=tuple(term for term in query.terms if term is not left_out))
        left[AttributeQuery(query.schema, (left_out,)).to_text()] = others
    ranks = ranks_elsewhere(ranked.scope, list(left.values()), keys, len(ranked))
    return dict(zip(left, ranks, strict=True))
