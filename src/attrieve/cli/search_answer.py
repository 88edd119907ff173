"""What ``attrieve search`` finds, and what it has to tell besides, as JSON and for people."""

import json
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from attrieve.cli.search_marks import MarkOptions, feedback_parts, feedback_to_json
from attrieve.cli.search_tables import (
    influence_table,
    question_table,
    understood,
    what_if_table,
    witness_table,
)
from attrieve.errors import QueryError
from attrieve.gallery.counterfactual import ranks_elsewhere, ranks_without_terms, what_if_lines
from attrieve.gallery.database.filters import Filter
from attrieve.gallery.database.manifest import GalleryModel
from attrieve.gallery.distributed.search import ShardedGallery, open_sharded
from attrieve.gallery.feedback import Marks, RankChange, with_feedback
from attrieve.gallery.likelihood import Distance, LikelihoodFusion
from attrieve.gallery.matches import as_precise_as, expected_matches
from attrieve.gallery.next_question import next_questions
from attrieve.gallery.recognised import description_of_row
from attrieve.gallery.search import search
from attrieve.gallery.store import Gallery
from attrieve.gallery.witness_search import search_for_witnesses
from attrieve.schema import AttributeQuery, AttributeSchema, Hit, Ranking
from attrieve.schema.sentence import Statement, read_statement
from attrieve.schema.witnesses import pool, read_witness
from attrieve.scoring.fusion import Fusion, Normalisation


@dataclass(frozen=True)
class Request:
    """What was asked at the command line; of ``query``, ``witnesses`` and ``like`` one is there."""

    gallery: Path
    query: str | None = None
    witnesses: tuple[str, ...] = ()
    like: str | None = None
    marks: MarkOptions = field(default_factory=MarkOptions)
    top: int = 20
    where: tuple[str, ...] = ()
    fusion_weight: float | None = None
    normalisation: Normalisation | None = None
    distance: Distance | None = None
    nats: float | None = None
    precision: float | None = None
    explain: bool = True
    what_if: bool = False
    ask: bool = False
    approximate: bool = False
    ray: str | None = None


@dataclass
class Answer:
    """What was found.

    Args:
        statement: how the description was understood.
        ranking: the hits.
        facts: of the gallery and the search, for JSON.
        model: whose vectors were searched.
        told: more for JSON, by name.
        more: further columns beside the hits, one cell for each.
        before: shown to people before the hits.
        after: shown to people after them.
    """

    statement: Statement
    ranking: Ranking
    facts: dict[str, Any]
    model: GalleryModel
    told: dict[str, Any] = field(default_factory=dict)
    more: dict[str, list[str]] = field(default_factory=dict)
    before: list[RenderableType] = field(default_factory=list)
    after: list[RenderableType] = field(default_factory=list)

    def to_json(self, *, explain: bool) -> dict[str, Any]:
        """Return the document that programs read."""
        return {
            **self.facts,
            "query": {
                "text": self.statement.query.to_text(),
                "terms": self.statement.query.to_json(),
                "understood": [asdict(piece) for piece in self.statement.pieces],
            },
            "hits": [_hit_to_json(hit, explain=explain) for hit in self.ranking.hits],
            **self.told,
        }


Asked = Gallery | ShardedGallery
Find = Callable[[Request, Asked, Fusion, Filter | None], Answer]


def answer(request: Request) -> Answer:
    """Search as asked, on this machine or on a cluster.

    Raises:
        AttrieveError: whatever cannot be read, understood or found.
    """
    find = _by_witnesses if request.witnesses else _approximately if request.approximate else _exactly
    if request.ray is None:
        return _answer_from(Gallery.open(request.gallery), request, find)
    with (
        redirect_stdout(sys.stderr),  # Ray tells of deaths
        open_sharded(request.gallery, address=request.ray) as sharded,
    ):
        return _answer_from(sharded, request, find)


def _answer_from(gallery: Asked, request: Request, find: Find) -> Answer:
    given = find(request, gallery, *_how(request, gallery))
    if gallery.query_side.calibration is not None:
        where = _how(request, gallery)[1]
        query = given.statement.query
        _tell_matches(
            given,
            gallery.expected_matches(query, where=where)
            if isinstance(gallery, ShardedGallery)
            else expected_matches(gallery, query, where=where),
        )
    _tell_more(given, request, gallery)
    return given


def _how(request: Request, gallery: Asked) -> tuple[Fusion, Filter | None]:
    where = gallery.store.parse(request.where) if request.where else None
    if request.distance is not None and request.distance.is_likelihood:
        nats = gallery.query_side.retrieval.embedding_nats if request.nats is None else request.nats
        return LikelihoodFusion(embedding_weight=nats, distance=request.distance), where
    fusion = gallery.fusion
    if request.fusion_weight is not None:
        fusion = replace(fusion, attribute_weight=request.fusion_weight)
    if request.normalisation is not None:
        fusion = replace(fusion, normalisation=request.normalisation)
    return fusion, where


def _begun(
    request: Request,
    gallery: Asked,
    fusion: Fusion,
    statement: Statement,
    ranking: Ranking,
) -> Answer:
    facts = {
        "gallery": str(gallery.folder),
        "calibrated": gallery.query_side.calibration is not None,
        "rows": len(gallery),
        "run": {"name": gallery.model.name, "fingerprint": gallery.model.fingerprint},
        "where": list(request.where),
        "fusion": asdict(fusion),
    }
    before: list[RenderableType] = [understood(statement)] if statement.pieces else []
    return Answer(statement, ranking, facts, gallery.model, before=before)


def _exactly(request: Request, gallery: Asked, fusion: Fusion, where: Filter | None) -> Answer:
    if request.like is not None:
        statement = Statement(description_of_row(gallery, request.like))
    else:
        statement = read_description(request.query or "", gallery.schema)
    query = statement.query
    marks = _marks(request, gallery, query)
    ranking = search(
        gallery, query, top=request.top, fusion=fusion, where=where, explain=request.explain, marks=marks
    )
    given = _begun(request, gallery, fusion, statement, _precise(request, ranking))
    if request.like is not None:
        given.told["like"] = {"key": request.like, "description": query.to_text()}
        given.before.append(Text(f"recognised in {request.like}: {query.to_text()}"))
    return given


def _precise(request: Request, ranking: Ranking) -> Ranking:
    return ranking if request.precision is None else as_precise_as(ranking, request.precision)


def _marks(request: Request, gallery: Asked, query: AttributeQuery) -> Marks | None:
    return request.marks.marks(query.to_text(), gallery.schema) if request.marks else None


def _approximately(request: Request, gallery: Asked, fusion: Fusion, where: Filter | None) -> Answer:
    """Search by the index, and say what share of the exact answer it found."""
    from attrieve.gallery.approximate import search_approximately

    if not isinstance(gallery, Gallery):
        raise AssertionError("an index is searched on one machine; this was refused before")
    exact = _exactly(replace(request, explain=False, precision=None), gallery, fusion, where)
    query = exact.statement.query
    near = search_approximately(
        gallery,
        query,
        top=request.top,
        fusion=fusion,
        where=where,
        explain=request.explain,
        marks=_marks(request, gallery, query),
    )
    right = {hit.key for hit in exact.ranking.hits}
    recall = len(right & {hit.key for hit in near.ranking.hits}) / len(right) if right else 1.0
    given = _begun(request, gallery, fusion, exact.statement, _precise(request, near.ranking))
    given.told["approximate"] = {
        "recall": recall,
        "looked_at": near.looked_at,
        "exact_because": near.exact_because,
    }
    told = (
        f"exact: {near.exact_because}"
        if near.exact_because is not None
        else f"approximate: {near.looked_at:,} of {len(gallery):,} rows looked at"
    )
    given.after.append(Text(f"{told}; {recall:.1%} of the exact answer found"))
    return given


def _by_witnesses(request: Request, gallery: Asked, fusion: Fusion, where: Filter | None) -> Answer:
    witnesses = [read_witness(text, gallery.schema) for text in request.witnesses]
    found = search_for_witnesses(
        gallery,
        witnesses,
        top=request.top,
        fusion=fusion,
        where=where,
        explain=request.explain,
        marks=_marks(request, gallery, pool(witnesses).query),
    )
    shown = _precise(request, found.ranking)
    without = {name: ranks[: len(shown)] for name, ranks in found.without.items()}
    given = _begun(request, gallery, fusion, Statement(found.pooled.query), shown)
    given.before.append(witness_table(found, witnesses))
    given.told["witnesses"] = {
        "said": [{"name": one.name, "weight": one.weight, "query": one.query.to_text()} for one in witnesses],
        "comparisons": [asdict(row) for row in found.pooled.comparisons],
        "ranks_without": {name: list(ranks) for name, ranks in without.items()},
    }
    if without:
        given.after.append(influence_table(shown, without))
    return given


def _tell_matches(given: Answer, count: float | None) -> None:
    """Say how probable the hits are, and how many matches are expected."""
    found = [hit.match_probability or 0.0 for hit in given.ranking.hits]
    given.told["expected_matches"] = {"gallery": count, "shown": sum(found)}
    given.more["P(match)"] = [f"{probability:.2f}" for probability in found]
    if count is not None:
        given.after.append(
            Text(f"about {count:,.1f} matches expected in the gallery, {sum(found):,.1f} among those shown")
        )


def _tell_more(given: Answer, request: Request, gallery: Asked) -> None:
    fusion, where = _how(request, gallery)
    query = given.statement.query
    marks = _marks(request, gallery, query)
    if marks is not None:
        _tell_marks(given, request, gallery, marks)
    if request.what_if:
        told = ranks_without_terms(gallery, query, given.ranking, fusion=fusion, where=where, marks=marks)
        given.told["ranks_without"] = {one.text(gallery.schema): list(one.ranks) for one in told}
        if told:
            given.after.append(
                what_if_table(given.ranking, what_if_lines(given.ranking, told, gallery.schema))
            )
    if request.ask:
        said = [read_witness(text, gallery.schema).query for text in request.witnesses]
        questions = next_questions(gallery, query, given.ranking, said=said)
        given.told["questions"] = [asdict(question) for question in questions]
        if questions:
            given.after.append(question_table(questions))


def _tell_marks(given: Answer, request: Request, gallery: Asked, marks: Marks) -> None:
    """Say what marks changed, which hits bear them, and keep them in their file."""
    fusion, where = _how(request, gallery)
    query, hits = given.statement.query, given.ranking.hits
    ranks = ranks_elsewhere(gallery, given.ranking, query, fusion=fusion, where=where)
    changes = [RankChange(hit.key, hit.rank, rank) for hit, rank in zip(hits, ranks, strict=True)]
    feedback = with_feedback(gallery, query, marks)
    judged = [None if (mark := marks.get(hit.key)) is None else mark.verdict for hit in hits]
    given.told["feedback"] = {**feedback_to_json(feedback, changes), "marked": judged}
    given.more["key"] = [hit.key for hit in hits]
    given.more["marked"] = [verdict or "" for verdict in judged]
    given.more["was"] = ["-" if rank is None else f"{rank:,}" for rank in ranks]
    given.after += feedback_parts(feedback, changes)
    request.marks.keep(marks, gallery.schema)


def _hit_to_json(hit: Hit, *, explain: bool) -> dict[str, Any]:
    document = asdict(hit)
    if not explain:
        del document["reasons"], document["embedding_contribution"]
    return document


def read_description(text: str, schema: AttributeSchema) -> Statement:
    """Read a description: a sentence, the small language, a JSON table, or ``@FILE`` holding JSON.

    Raises:
        QueryError: if it cannot be read.
        UnknownNameError: for an unknown attribute, with the nearest names.
    """
    source = text.strip()
    if not source.startswith(("@", "{")):
        return read_statement(text, schema)
    where = "the description"
    if source.startswith("@"):
        where = source[1:]
        try:
            source = Path(where).read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise QueryError(f"cannot read a description from {where}: {error}") from error
    try:
        document = json.loads(source)
        if isinstance(document, str):
            return read_statement(document, schema)
        return Statement(AttributeQuery.from_json(schema, document))
    except json.JSONDecodeError as error:
        raise QueryError(
            f'{where} is not JSON ({error}); write a table such as {{"hat": true, "jeans": 0.5}}'
        ) from error
