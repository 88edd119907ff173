"""Approximate search: candidates from an index on each column, ranked exactly among themselves.

See ``docs/methods/approximate_search.md``.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64

from attrieve.errors import InputError
from attrieve.gallery.completion import completed_values, completion_weights, known_categories
from attrieve.gallery.database.filters import Filter, to_predicate
from attrieve.gallery.database.lance import open_table
from attrieve.gallery.database.layout import EMBEDDING, PROBABILITY, filterable
from attrieve.gallery.database.reading import GallerySnapshot, vector_names
from attrieve.gallery.database.vector_index import (
    VectorIndex,
    build_vector_index,
    nearest_ids,
    vector_indices,
)
from attrieve.gallery.database.writing import open_database_writer
from attrieve.gallery.exact import ExactHits, FusedQuery, search_exact
from attrieve.gallery.feedback import Marks
from attrieve.gallery.found_rows import FoundRows
from attrieve.gallery.likelihood import LikelihoodQuery, search_likelihood
from attrieve.gallery.search import prepare_search
from attrieve.gallery.store import Gallery
from attrieve.models.query_side import QuerySide
from attrieve.schema import AttributeQuery, Ranking, Term
from attrieve.scoring.fusion import Fusion, Normalisation

LEAST_CANDIDATES = 1000
PARTIAL_FACTOR = 4
"""Partial descriptions take so many times more candidates: no index orders rows by what is named alone."""

MOST_NEW = 0.05
"""Share of rows outside the index above which it counts as out of date: they are compared one by one."""


@dataclass(frozen=True)
class ApproximateRanking:
    """What an approximate search found.

    Args:
        ranking: nearest first. Its distances are divided by the largest among the rows looked at, which is
            never above the largest of all rows; for ``static`` they are those of the exact search.
        looked_at: rows whose distance was computed.
        exact_because: why the index was not used and the ranking is exact; None if it was used.
    """

    ranking: Ranking
    looked_at: int
    exact_because: str | None


@dataclass(frozen=True, eq=False)
class Candidates:
    """Rows to rank.

    Args:
        places: of these rows in the search columns, ascending; None for all that are kept.
        exact_because: why these are all rows there are; None if the index chose them.
    """

    places: Int64[np.ndarray, " candidate"] | None
    exact_because: str | None = None


def build_index(folder: Path | str, *, wait_s: float = 0.0) -> tuple[VectorIndex, ...]:
    """Index every column of the model a gallery is searched by, anew; return what came of it.

    Readers go on meanwhile, and see the index once they open the gallery again. Afterwards compacting the
    gallery takes new rows in; building anew is better once the rows have changed much.

    Args:
        folder: the gallery.
        wait_s: seconds to wait for another writer to end.

    Raises:
        InputError: if the folder is no gallery.
        StorageError: if the disk refuses, or another process is writing; what was there is unharmed.
    """
    with open_database_writer(folder, wait_s=wait_s) as writer:
        table = open_table(Path(folder), writer.model.table)
        for column in vector_names(table.schema):
            build_vector_index(table, column)
        return tuple(vector_indices(table).values())


def search_approximately(
    gallery: Gallery,
    query: AttributeQuery,
    *,
    top: int = 20,
    fusion: Fusion | None = None,
    where: Filter | None = None,
    candidates: int | None = None,
    explain: bool = True,
    threads: int | None = None,
    marks: Marks | None = None,
) -> ApproximateRanking:
    """Rank the rows an index finds near a description, as :func:`~attrieve.gallery.search.search` would.

    Where the index cannot answer, all rows are looked at, and the result says why.

    Args:
        gallery: opened from a folder.
        query: in the gallery's vocabulary.
        top: how many hits, at least 1.
        fusion: how to join the distances, or None for the gallery's own way.
        where: only rows that meet this take part.
        candidates: rows taken from each index, or None for ten times ``top``, at least 1000, and four times
            that for partial descriptions.
        explain: whether hits carry reasons.
        threads: None for all cores.
        marks: rows judged right or wrong, as for an exact search; candidates are those of the description
            they change.

    Raises:
        InputError: if the gallery has no rows, or ``top`` or ``candidates`` is below 1.
        UnknownNameError: for a marked row the gallery does not hold.
        SchemaMismatchError: if the query is of another vocabulary.
        StorageError: if the index cannot be read.
    """
    prepared = prepare_search(gallery, query, top, fusion or gallery.fusion, marks)
    wanted = prepared.wanted
    chosen = find_candidates(gallery, query, wanted, top=top, where=where, candidates=candidates)
    hits = rank(gallery, wanted, chosen, top, likely=prepared.likely, threads=threads)
    found = FoundRows.of(gallery.columns, hits, wanted, embedding=True)
    looked_at = len(gallery.columns) if chosen.places is None else len(chosen.places)
    ranking = prepared.ranking(found, found.vectors, gallery.facts_at, explain=explain)
    return ApproximateRanking(ranking, looked_at, chosen.exact_because)


def rank(
    gallery: Gallery,
    wanted: FusedQuery,
    chosen: Candidates,
    top: int,
    *,
    likely: LikelihoodQuery | None = None,
    threads: int | None = None,
) -> ExactHits:
    """Rank candidates exactly among themselves, by likelihood if the description is given for that too."""
    columns = gallery.columns
    if columns.compact is None:
        raise AssertionError("a gallery without rows was refused before")
    keep = columns.kept if chosen.places is None else chosen.places
    if likely is not None:
        return search_likelihood(columns.compact, likely, top, keep=keep, tie=columns.key, threads=threads)
    return search_exact(columns.compact, [wanted], top, keep=keep, tie=columns.key, threads=threads)


def find_candidates(
    gallery: Gallery,
    query: AttributeQuery,
    wanted: FusedQuery,
    *,
    top: int,
    where: Filter | None = None,
    candidates: int | None = None,
) -> Candidates:
    """Return the rows an index finds near a description and, to estimate maxima, near its opposite.

    Arguments and errors are those of :func:`search_approximately`; ``wanted`` is ``query`` as numbers.
    """
    if candidates is not None and candidates < 1:
        raise InputError(f"candidates must be at least 1, got {candidates}")
    count = candidates or max(10 * top, LEAST_CANDIDATES) * (1 if query.is_full else PARTIAL_FACTOR)
    reason = _why_exact(gallery, query, wanted, max(count, top))
    if reason is not None or not isinstance(gallery.store, GallerySnapshot):
        places = None if where is None else gallery.places(where)
        return Candidates(places, reason)
    snapshot = gallery.store
    predicate = None if where is None else to_predicate(where, filterable(snapshot.arrow_schema))
    found = [
        nearest_ids(snapshot.table, column, vector, max(count, top), predicate=predicate)
        for column, vector in _looked_up(query, wanted, gallery.query_side)
    ]
    return Candidates(gallery.columns.places(np.unique(np.concatenate(found))))


def _why_exact(gallery: Gallery, query: AttributeQuery, wanted: FusedQuery, count: int) -> str | None:
    """Return why no index can answer, or None."""
    if not isinstance(gallery.store, GallerySnapshot):
        return "the gallery's rows lie in memory, where there is no index"
    if not query.is_full and not wanted.asks_embedding:
        return "an attribute index knows no open attributes, and the embedding takes no part"
    if len(gallery.columns) <= 2 * count:
        return f"the gallery has {len(gallery.columns)} rows, hardly more than the {count} candidates"
    indices = vector_indices(gallery.store.table)
    for column in _columns_asked(wanted):
        index = indices.get(column)
        if index is None:
            return f"column {column!r} has no index; build it with `attrieve gallery build-index`"
        if index.new_rows > MOST_NEW * (index.new_rows + index.indexed_rows):
            return (
                f"{index.new_rows} rows came after the index on {column!r} was built; compact the gallery or "
                "build the index again"
            )
    return None


def _columns_asked(wanted: FusedQuery) -> list[str]:
    asked = ((EMBEDDING, wanted.asks_embedding), (PROBABILITY, wanted.asks_attributes))
    return [column for column, takes_part in asked if takes_part]


def _looked_up(
    query: AttributeQuery, wanted: FusedQuery, query_side: QuerySide
) -> list[tuple[str, Float64[np.ndarray, " width"]]]:
    """Return what each index is asked for: what is wanted, and its opposite unless maxima are static."""
    far = wanted.fusion.normalisation is not Normalisation.STATIC
    asked = []
    if wanted.asks_embedding and wanted.embedding is not None:
        asked.append((EMBEDDING, wanted.embedding))
        if far:
            asked.append((EMBEDDING, -wanted.embedding))
    if wanted.asks_attributes:
        asked.append((PROBABILITY, expected_values(query, query_side)))
        if far:
            asked.append((PROBABILITY, expected_values(opposite(query), query_side)))
    return asked


def expected_values(query: AttributeQuery, query_side: QuerySide) -> Float64[np.ndarray, " attribute"]:
    """Return what a person of a description has of every attribute, on average over plausible completions.

    It is the mean that :func:`~attrieve.gallery.completion.expected_embedding` takes, of values instead of
    embeddings; of a full description its own values.
    """
    if query.is_full:
        return query.values().astype(np.float64)
    known = known_categories(query_side)
    counts = query_side.training_category_counts.cpu()
    weight = completion_weights(query, known, counts if len(counts) else known.new_ones(1).long())
    values: Float64[np.ndarray, " attribute"] = (weight @ completed_values(query, known)).numpy()
    return values


def opposite(query: AttributeQuery) -> AttributeQuery:
    """Return the description of whoever is farthest: all that is wanted missing, the unwanted there.

    >>> from attrieve.schema import load_vocabulary, parse_query
    >>> opposite(parse_query("backpack, !hat, jeans?", load_vocabulary("peta35"))).to_text()
    '!backpack, hat, !jeans?'
    """
    terms: list[Term] = []
    for term in query.terms:
        if term.wanted:
            terms.append(Term(term.attributes, wanted=False, certainty=term.certainty))
        else:
            terms += [Term((index,), certainty=term.certainty) for index in term.attributes]
    return AttributeQuery(query.schema, tuple(terms))
