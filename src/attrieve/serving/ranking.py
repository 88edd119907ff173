"""Rankings that are sent page by page: all rows are ranked, only those of a page are looked up."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from jaxtyping import Int64

from attrieve.gallery.counterfactual import LOOKED_AT
from attrieve.gallery.database.filters import Filter
from attrieve.gallery.database.keys import key_numbers, key_text
from attrieve.gallery.database.rows import GalleryRow
from attrieve.gallery.exact import CompactColumns, ExactHits, FusedQuery, search_each
from attrieve.gallery.feedback import Feedback, Marks
from attrieve.gallery.found_rows import FoundRows
from attrieve.gallery.likelihood import LikelihoodFusion, search_likelihood
from attrieve.gallery.likelihood.asked import LikelihoodQuery
from attrieve.gallery.search import PreparedSearch, prepare_search
from attrieve.gallery.store import Gallery
from attrieve.schema import AttributeQuery, Hit, Ranking
from attrieve.scoring.fusion import Fusion
from attrieve.serving.shared_scans import SharedScans

MOST_SHARED = 1000
"""Who asks for more rows shares no pass with those who ask for fewer: all wait until the most are found."""


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

    def search_likelihood(self, query: LikelihoodQuery, top: int) -> ExactHits:
        """Return the nearest rows by likelihood; this pass is shared with nobody."""
        return self.scans.alone(
            lambda: search_likelihood(
                self.compact, query, top, keep=self.keep, tie=self.gallery.columns.key, threads=self.threads
            )
        )


@dataclass(frozen=True, eq=False)
class Ranked:
    """The nearest rows for one description, as far as they were asked for.

    Args:
        scope: where was searched.
        prepared: what was asked.
        found: the rows, nearest first.
        places: where they stand among the columns.
    """

    scope: Scope
    prepared: PreparedSearch
    found: FoundRows
    places: Int64[np.ndarray, " hit"]

    @classmethod
    def of(cls, scope: Scope, prepared: PreparedSearch, hits: ExactHits) -> "Ranked":
        """Return what was found for the only query of a search."""
        found = FoundRows.of(scope.gallery.columns, hits, prepared.wanted)
        return cls(scope, prepared, found, hits.indices[0])

    @property
    def query(self) -> AttributeQuery:
        """What was asked."""
        return self.prepared.query

    @property
    def feedback(self) -> Feedback | None:
        """What marks changed, or None without any."""
        return self.prepared.feedback

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
        vectors = gallery.columns.vectors(self.places[first:behind])
        ranking = self.prepared.ranking(part, vectors, remembered, explain=explain)
        hits = [replace(hit, rank=hit.rank + first) for hit in ranking.hits] if first else ranking.hits
        return list(zip(hits, rows, strict=True))

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
    prepared = [
        prepare_search(scope.gallery, query, top, scope.fusion, scope.marks) for query, top in queries
    ]
    if isinstance(scope.fusion, LikelihoodFusion):
        found = [
            scope.search_likelihood(one.likely, top)
            for one, (_, top) in zip(prepared, queries, strict=True)
            if one.likely is not None
        ]
    else:
        found = scope.search_each(
            [(one.wanted, top) for one, (_, top) in zip(prepared, queries, strict=True)]
        )
    return [Ranked.of(scope, one, hits) for one, hits in zip(prepared, found, strict=True)]


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
