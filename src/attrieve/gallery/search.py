"""From a description to ranked hits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt64

from attrieve.errors import ConfigurationError, InputError
from attrieve.gallery.asked import asked_columns
from attrieve.gallery.completion import expected_embedding
from attrieve.gallery.database.filters import Filter
from attrieve.gallery.database.rows import GalleryRow
from attrieve.gallery.database.vectors import Vectors
from attrieve.gallery.exact import FusedQuery, search_exact
from attrieve.gallery.explain import Factors
from attrieve.gallery.feedback import Feedback, Marks, with_feedback
from attrieve.gallery.feedback.applying import weighted_reasons
from attrieve.gallery.found_rows import FoundRows, ranking_of
from attrieve.gallery.likelihood import LikelihoodFusion, likelihood_query, search_likelihood
from attrieve.gallery.likelihood.asked import LikelihoodQuery
from attrieve.gallery.likelihood.explain import likelihood_reasons
from attrieve.gallery.matches import with_probabilities
from attrieve.gallery.store import Gallery, SeesRows
from attrieve.models.query_side import QuerySide
from attrieve.schema import AttributeQuery, AttributeReason, Ranking
from attrieve.scoring.factors import counted_alike
from attrieve.scoring.fusion import Fusion


@runtime_checkable
class SearchedElsewhere(SeesRows, Protocol):
    """A gallery whose rows are held elsewhere; what is asked of :func:`search` is asked of it."""

    def search(
        self,
        query: AttributeQuery,
        *,
        top: int,
        fusion: Fusion | None,
        where: Filter | None,
        explain: bool,
        marks: Marks | None,
    ) -> Ranking:
        """Rank its rows, as :func:`search` does."""


AnyGallery = Gallery | SearchedElsewhere
"""On this machine or elsewhere."""


def search(
    gallery: AnyGallery,
    query: AttributeQuery,
    *,
    top: int = 20,
    fusion: Fusion | None = None,
    where: Filter | None = None,
    explain: bool = True,
    threads: int | None = None,
    marks: Marks | None = None,
) -> Ranking:
    """Rank the rows of a gallery by a description, nearest first; ties resolve by key.

    The distance is the evaluator's (paper, "Retrieval"): the attribute distance over what is named
    and the cosine distance to :func:`~attrieve.gallery.completion.expected_embedding`, joined by
    ``fusion``. Every row has a distance: nothing matching is no error, the ranking says how far. Hits of a
    calibrated gallery say how probable it is that they match.

    Args:
        gallery: where to look.
        query: in the gallery's vocabulary.
        top: how many hits, at least 1; more than there are rows gives all rows.
        fusion: how to join the distances, or None for the gallery's own way; a
            :class:`~attrieve.gallery.likelihood.LikelihoodFusion` searches by likelihood instead.
        where: only rows that meet this take part, also in what distances are divided by; the ranking is
            empty if none does.
        explain: whether hits carry reasons; they need a model that recognises attributes.
        threads: None for all cores; elsewhere as many as the shards were given.
        marks: rows judged right or wrong; they change weights and embedding as
            :func:`~attrieve.gallery.feedback.with_feedback` says, and stay in the ranking.

    Raises:
        InputError: if the gallery has no rows, ``top`` is below 1, or rows are marked of a model that
            recognises nothing.
        UnknownNameError: for a marked row the gallery does not hold.
        ConfigurationError: if the weights leave nothing to rank by.
        SchemaMismatchError: if the query is of another vocabulary.
        ClusterError: if rows held elsewhere do not answer.
    """
    if not isinstance(gallery, Gallery):
        return gallery.search(query, top=top, fusion=fusion, where=where, explain=explain, marks=marks)
    prepared = prepare_search(gallery, query, top, fusion or gallery.fusion, marks)
    columns, keep = gallery.columns, gallery.places(where)
    if columns.compact is None:
        raise AssertionError("a gallery without rows was refused before")
    if prepared.likely is not None:
        hits = search_likelihood(
            columns.compact, prepared.likely, top, keep=keep, tie=columns.key, threads=threads
        )
    else:
        hits = search_exact(
            columns.compact, [prepared.wanted], top, keep=keep, tie=columns.key, threads=threads
        )
    found = FoundRows.of(columns, hits, prepared.wanted, embedding=True)
    return prepared.ranking(found, found.vectors, gallery.facts_at, explain=explain)


@dataclass(frozen=True, eq=False)
class PreparedSearch:
    """A description as numbers, and what tells its hits.

    Args:
        query_side: of the model that is searched by.
        query: what was asked.
        wanted: the same as numbers, with what marks changed in a search by the paper's distance.
        likely: the same for a search by likelihood, or None for the paper's distance.
        feedback: what marks changed, or None without any.
    """

    query_side: QuerySide
    query: AttributeQuery
    wanted: FusedQuery
    likely: LikelihoodQuery | None
    feedback: Feedback | None

    def ranking(
        self,
        found: FoundRows,
        vectors: Vectors,
        rows_at: Callable[[UInt64[np.ndarray, " some"]], list[GalleryRow]],
        *,
        explain: bool,
    ) -> Ranking:
        """Return rows that were found as hits with facts, reasons and P(match).

        Args:
            found: the rows.
            vectors: theirs.
            rows_at: gives the facts of the rows with some ids, in their order.
            explain: whether hits carry reasons.
        """
        ranking = ranking_of(
            found, self.query, rows_at, explain=explain, reasons_of=self._reasons_of(found.factors)
        )
        return with_probabilities(ranking, self.query, self.query_side, vectors)

    def _reasons_of(
        self, factors: Factors
    ) -> Callable[[Sequence[float]], tuple[AttributeReason, ...]] | None:
        if self.likely is not None:
            return likelihood_reasons(self.query, self.likely)
        return None if self.feedback is None else weighted_reasons(self.feedback, factors.attribute)


def prepare_search(
    gallery: "Searchable", query: AttributeQuery, top: int, fusion: Fusion, marks: Marks | None
) -> PreparedSearch:
    """Read a description and marks for a search, wherever the rows are.

    Raises:
        InputError: if the gallery has no rows, or ``top`` is below 1.
        UnknownNameError: for a marked row the gallery does not hold.
        ConfigurationError: if the weights leave nothing to rank by.
        SchemaMismatchError: if the query is of another vocabulary.
        ClusterError: if marked rows are held elsewhere and not told of.
    """
    _check(gallery, query, top)
    feedback = with_feedback(gallery, query, marks) if marks is not None and len(marks) else None
    return _prepared(gallery.query_side, query, fusion, feedback)


def _prepared(
    side: QuerySide, query: AttributeQuery, fusion: Fusion, feedback: Feedback | None
) -> PreparedSearch:
    wanted = _fused_query(query, side, fusion)
    if not isinstance(fusion, LikelihoodFusion):
        return PreparedSearch(
            side, query, wanted if feedback is None else feedback.applied(wanted), None, feedback
        )
    weight = counted_alike if feedback is None else feedback.factor_of
    likely = likelihood_query(query, side, fusion.distance, nats=fusion.embedding_weight, weight=weight)
    if feedback is not None:
        likely = replace(likely, embedding=feedback.embedding)
    return PreparedSearch(side, query, wanted, likely, feedback)


@runtime_checkable
class Searchable(SeesRows, Protocol):
    """What has rows and a query side: a gallery on this machine, or one held by shards."""

    @property
    def folder(self) -> Path:
        """Where it lies."""

    @property
    def fusion(self) -> Fusion:
        """How distances are joined unless a search says otherwise."""

    def __len__(self) -> int:
        """Return how many rows are searched."""


def checked_query(gallery: Searchable, query: AttributeQuery, top: int, fusion: Fusion | None) -> FusedQuery:
    """Return a description as numbers, or refuse what cannot be searched for.

    Raises:
        InputError: if the gallery has no rows, or ``top`` is below 1.
        SchemaMismatchError: if the query is of another vocabulary.
    """
    _check(gallery, query, top)
    return fused_query(query, gallery.query_side, fusion or gallery.fusion)


def _check(gallery: Searchable, query: AttributeQuery, top: int) -> None:
    gallery.schema.require_same(query.schema, here="the gallery", there="the description")
    if top < 1:
        raise InputError(f"top must be at least 1, got {top}")
    if not len(gallery):
        raise InputError("the gallery has no rows; add some with `attrieve index`")


def fused_query(query: AttributeQuery, query_side: QuerySide, fusion: Fusion) -> FusedQuery:
    """Return a description as numbers: what is asked of the attributes, and a vector for the embedding.

    Raises:
        ConfigurationError: for a fusion of likelihoods, which is searched for otherwise.
    """
    if isinstance(fusion, LikelihoodFusion):
        raise ConfigurationError(
            f"distance {fusion.distance.value!r} is no sum of weighted distances; search by it, or ask for "
            "the numbers of the distance 'paper'"
        )
    return _fused_query(query, query_side, fusion)


def _fused_query(query: AttributeQuery, query_side: QuerySide, fusion: Fusion) -> FusedQuery:
    asked = asked_columns(query)
    recognises = query_side.settings.recognises
    vector = expected_embedding(query, query_side)
    return FusedQuery(
        target=np.array([float(column.wanted) for column in asked]) if recognises else None,
        certainty=np.array([column.certainty for column in asked]) if recognises else None,
        terms=tuple(column.attributes for column in asked) if recognises else None,
        embedding=None if vector is None else vector[0].double().numpy(),
        fusion=fusion,
    )
