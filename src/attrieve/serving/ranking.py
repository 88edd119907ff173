"""Rankings that are sent page by page: all rows are ranked, only those of a page are looked up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from jaxtyping import Int64

from attrieve.gallery.counterfactual import LOOKED_AT
from attrieve.gallery.database.filters import Filter
from attrieve.gallery.database.keys import key_numbers, key_text
from attrieve.gallery.database.rows import GalleryRow
from attrieve.gallery.exact import CompactColumns, ExactHits, FusedQuery, search_each
from attrieve.gallery.feedback import Feedback, Marks, with_feedback
from attrieve.gallery.feedback.applying import applied_to_likelihood, weighted_reasons
from attrieve.gallery.found_rows import FoundRows, ranking_of
from attrieve.gallery.likelihood import LikelihoodFusion, likelihood_query, search_likelihood
from attrieve.gallery.likelihood.explain import likelihood_reasons
from attrieve.gallery.matches import with_probabilities
from attrieve.gallery.search import checked_query
from attrieve.gallery.store import Gallery
from attrieve.schema import AttributeQuery, AttributeReason, Hit, Ranking
from attrieve.scoring.fusion import Fusion
from attrieve.serving.shared_scans import SharedScans

MOST_SHARED = 1000
"""Who asks for more rows shares no pass with those who ask for fewer: all wait until the most are found."""

ReasonsOf = Callable[[Sequence[float]], tuple[AttributeReason, ...]]
"""Explains a row from its probabilities."""


@dataclass(frozen=True, eq=False)
class Scope:
    """Where and how is searched; the same for all descriptions of one request.

    Args:
        gallery: a snapshot.
        fusion: how distances are joined.
        keep: places of the rows that take part, or None for all.
        rows: how many these are.
        marks: rows judged right or wrong.
        threads: cores one search uses.
        scans: where searches at the same time meet.
        where: the conditions that gave ``keep``, or None.
    """

    gallery: Gallery
    fusion: Fusion
    keep: Int64[np.ndarray, " kept"] | None
    rows: int
    marks: Marks
    threads: int
    scans: SharedScans
    where: Filter | None = None

    @classmethod
    def of(
        cls,
        gallery: Gallery,
        fusion: Fusion,
        where: Filter | None,
        marks: Marks | None,
        threads: int,
        scans: SharedScans | None = None,
    ) -> "Scope":
        """Look up which rows meet the conditions."""
        columns = gallery.columns
        keep = gallery.places(where)
        rows = len(columns) if keep is None else len(keep)
        return cls(gallery, fusion, keep, rows, marks or Marks(), threads, scans or SharedScans(), where)

    @property
    def compact(self) -> CompactColumns:
        """The columns; a gallery without rows was refused before."""
        if self.gallery.columns.compact is None:
            raise AssertionError("a gallery without rows was refused before")
        return self.gallery.columns.compact

    def search_each(self, queries: Sequence[tuple[FusedQuery, int]]) -> list[ExactHits]:
        """Return the nearest rows of each query, so many as it asks for, each as if it were alone.

        Whoever searches the same rows at the same time shares the pass.
        """
        columns = self.gallery.columns

        def answer(callers: Sequence[Sequence[tuple[FusedQuery, int]]]) -> list[list[ExactHits]]:
            every = [one for caller in callers for one in caller]
            found = iter(
                search_each(
                    self.compact,
                    [query for query, _ in every],
                    [top for _, top in every],
                    keep=self.keep,
                    tie=columns.key,
                    threads=self.threads,
                )
            )
            return [list(islice(found, len(caller))) for caller in callers]

        key = (id(columns), self.where, max(top for _, top in queries) > MOST_SHARED)
        return self.scans.ask(key, queries, answer)


@dataclass(frozen=True, eq=False)
class Ranked:
    """The nearest rows for one description, as far as they were asked for.

    Args:
        scope: where was searched.
        query: what was asked.
        found: the rows, nearest first.
        places: where they stand among the columns.
        feedback: what marks changed, or None without any.
        reasons_of: explains a row, if not as the paper's distance with the asker's weights.
    """

    scope: Scope
    query: AttributeQuery
    found: FoundRows
    places: Int64[np.ndarray, " hit"]
    feedback: Feedback | None
    reasons_of: ReasonsOf | None

    def __len__(self) -> int:
        return len(self.found)

    @property
    def keys(self) -> list[str]:
        """Keys, nearest first."""
        return [key_text(number) for number in self.found.key]

    def rank_of(self, key: str) -> int | None:
        """Return the rank of a row, or None if it is not among those found."""
        places = np.flatnonzero(self.found.key == key_numbers([key])[0])
        return int(places[0]) + 1 if len(places) else None

    def ranks_of(self, keys: Sequence[str]) -> list[int | None]:
        """Return the ranks of rows; None stands for those that are not among those found."""
        ranks = {key: place + 1 for place, key in enumerate(self.keys)}
        return [ranks.get(key) for key in keys]

    def page(self, first: int, behind: int, *, explain: bool) -> list[tuple[Hit, GalleryRow]]:
        """Return the hits with the ranks ``first + 1`` to ``behind``, and their rows."""
        gallery = self.scope.gallery
        rows: list[GalleryRow] = []

        def remembered(ids: np.ndarray) -> list[GalleryRow]:
            rows.extend(gallery.facts_at(ids))
            return rows

        part = _part(self.found, slice(first, behind))
        ranking = ranking_of(part, self.query, remembered, explain=explain, reasons_of=self.reasons_of)
        vectors = gallery.columns.vectors(self.places[first:behind])
        ranking = with_probabilities(ranking, self.query, gallery.query_side, vectors)
        return [
            (replace(hit, rank=hit.rank + first), row) for hit, row in zip(ranking.hits, rows, strict=True)
        ]

    def bare(self) -> Ranking:
        """Return all hits with nothing but rank, key and distance."""
        pairs = zip(self.keys, self.found.distance.tolist(), strict=True)
        return Ranking(
            tuple(Hit(place + 1, key, distance, "") for place, (key, distance) in enumerate(pairs))
        )


def rank(scope: Scope, query: AttributeQuery, top: int) -> Ranked:
    """Rank rows by a description, as :func:`attrieve.gallery.search.search` does.

    Raises:
        InputError: as there.
    """
    return rank_each(scope, [(query, top)])[0]


def rank_each(scope: Scope, queries: Sequence[tuple[AttributeQuery, int]]) -> list[Ranked]:
    """Rank rows by each of several descriptions, which share a pass.

    Args:
        scope: where is searched.
        queries: descriptions, and how many rows are wanted of each.

    Raises:
        InputError: as :func:`rank`, for any of them.
    """
    if isinstance(scope.fusion, LikelihoodFusion):
        return [_rank_by_likelihood(scope, scope.fusion, query, top) for query, top in queries]
    asked, feedback = [], []
    for query, top in queries:
        wanted = checked_query(scope.gallery, query, top, scope.fusion)
        marked = with_feedback(scope.gallery, query, scope.marks) if len(scope.marks) else None
        asked.append((wanted if marked is None else marked.applied(wanted), top))
        feedback.append(marked)
    ranked = []
    every = zip(queries, asked, feedback, scope.search_each(asked), strict=True)
    for (query, _), (wanted, _), marked, hits in every:
        found = FoundRows.of(scope.gallery.columns, hits, wanted)
        told = None if marked is None else weighted_reasons(marked, found.factors.attribute)
        ranked.append(Ranked(scope, query, found, hits.indices[0], marked, told))
    return ranked


def _rank_by_likelihood(scope: Scope, fusion: LikelihoodFusion, query: AttributeQuery, top: int) -> Ranked:
    gallery, columns = scope.gallery, scope.gallery.columns
    wanted = replace(checked_query(gallery, query, top, gallery.fusion), fusion=fusion)
    feedback = with_feedback(gallery, query, scope.marks) if len(scope.marks) else None
    likely = likelihood_query(query, gallery.query_side, fusion.distance, nats=fusion.embedding_weight)
    asked = likely if feedback is None else applied_to_likelihood(feedback, likely)
    hits = scope.scans.alone(
        lambda: search_likelihood(
            scope.compact, asked, top, keep=scope.keep, tie=columns.key, threads=scope.threads
        )
    )
    found = FoundRows.of(columns, hits, wanted)
    told = likelihood_reasons(query, asked, gallery.query_side)
    return Ranked(scope, query, found, hits.indices[0], feedback, told)


def ranks_elsewhere(
    scope: Scope, queries: Sequence[AttributeQuery], keys: Sequence[str], among: int
) -> list[list[int | None]]:
    """Return for each of some other descriptions where rows stand under it.

    Args:
        scope: where is searched.
        queries: the other descriptions.
        keys: of the rows.
        among: how many rows the ranking has they come from; they are looked for among ``LOOKED_AT`` times
            as many, and None stands for those not found there.
    """
    if not keys or not queries:
        return [[] for _ in queries]
    others = rank_each(scope, [(query, LOOKED_AT * among) for query in queries])
    return [other.ranks_of(keys) for other in others]


def _part(found: FoundRows, part: slice) -> FoundRows:
    def cut(column: np.ndarray | None) -> np.ndarray | None:
        return None if column is None else column[part]

    return replace(
        found,
        key=found.key[part],
        row_id=found.row_id[part],
        distance=found.distance[part],
        attribute_distance=cut(found.attribute_distance),
        embedding_distance=cut(found.embedding_distance),
        probability=cut(found.probability),
    )
