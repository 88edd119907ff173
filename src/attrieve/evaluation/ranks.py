"""Where the relevant persons stand in each query's ranking; all retrieval metrics start from here."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Int64
from numpy import ndarray

from attrieve.errors import InputError
from attrieve.evaluation.counting import count_ranks

NOBODY = -1
"""Stands where there is no person: behind the last relevant one, or where none is removed."""

_SMALLEST_SHARE = 1 << 20  # distances that make a thread worth starting


@dataclass(frozen=True)
class RelevantRanks:
    """Ranks of the relevant persons.

    Args:
        ranks: shape (query, most_relevant), from 1, ascending, 0 behind the last.
        count: shape (query,), how many each query has.
    """

    ranks: Int64[ndarray, "query most_relevant"]
    count: Int64[ndarray, " query"]


def relevant_ranks(
    distance: Float32[ndarray, "query person"],
    relevant: Int64[ndarray, "query most_relevant"],
    removed: Int64[ndarray, " query"] | None = None,
) -> RelevantRanks:
    """Return the rank of each relevant person among all persons, ties by person position.

    The gallery is not sorted: for each relevant person the nearer ones are counted.

    Args:
        distance: smaller is nearer.
        relevant: ascending person positions, -1 behind the last.
        removed: one person that leaves the gallery for the query, -1 for nobody; never a relevant one.

    Raises:
        InputError: for a NaN distance.

    >>> distance = np.array([[0.3, 0.1, 0.2]], dtype=np.float32)
    >>> relevant_ranks(distance, np.array([[0, 1]])).ranks
    array([[1, 3]])
    """
    row_major = np.ascontiguousarray(distance)
    ranks = np.zeros(relevant.shape, dtype=np.int64)
    broken = _count_on_threads(row_major, np.ascontiguousarray(relevant), ranks)
    if broken >= 0:
        raise InputError(f"distances must not be NaN; query {broken} of the block has one: check its vectors")
    if removed is not None and (removed >= 0).any():
        ranks -= _behind(row_major, relevant, removed)
    return RelevantRanks(_ascending(ranks, relevant), (relevant >= 0).sum(axis=1))


def _count_on_threads(
    distance: Float32[ndarray, "query person"],
    relevant: Int64[ndarray, "query most_relevant"],
    ranks: Int64[ndarray, "query most_relevant"],
) -> int:
    """Fill ``ranks``, each thread a run of queries; return the first query with a NaN, or -1.

    The kernel holds no interpreter lock, so plain threads do, as many as PyTorch is given.
    """
    threads = min(torch.get_num_threads(), max(1, distance.size // _SMALLEST_SHARE), len(distance))
    if threads <= 1:
        return int(count_ranks(distance, relevant, ranks))
    bounds = np.linspace(0, len(distance), threads + 1).astype(int)

    def count(start: int, stop: int) -> int:
        broken = int(count_ranks(distance[start:stop], relevant[start:stop], ranks[start:stop]))
        return start + broken if broken >= 0 else -1

    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(count, bounds[:-1].tolist(), bounds[1:].tolist()))
    return next((query for query in found if query >= 0), -1)


def _behind(
    distance: Float32[ndarray, "query person"],
    relevant: Int64[ndarray, "query most_relevant"],
    removed: Int64[ndarray, " query"],
) -> Int64[ndarray, "query most_relevant"]:
    """Return 1 where the removed person came before the relevant one."""
    rows = np.arange(len(distance))
    gone = distance[rows, removed][:, None]
    there = distance[rows[:, None], relevant]
    nearer = (gone < there) | ((gone == there) & (removed[:, None] < relevant))
    counts = nearer & (removed[:, None] >= 0) & (relevant >= 0)
    return np.asarray(counts, dtype=np.int64)


def _ascending(
    ranks: Int64[ndarray, "query most_relevant"], relevant: Int64[ndarray, "query most_relevant"]
) -> Int64[ndarray, "query most_relevant"]:
    never = np.iinfo(np.int64).max
    ordered = np.sort(np.where(relevant >= 0, ranks, never), axis=1)
    return np.where(ordered == never, 0, ordered)


@dataclass(frozen=True)
class CategoryIndex:
    """Persons by category, so that the relevant ones of a query are found without a scan.

    Args:
        persons: all positions, sorted by category.
        categories: category of each of ``persons``.
    """

    persons: Int64[ndarray, " person"]
    categories: Int64[ndarray, " person"]

    @classmethod
    def of(cls, person_category: Int64[ndarray, " person"]) -> "CategoryIndex":
        """Build the index from one category per person."""
        persons = np.argsort(person_category).astype(np.int64)
        return cls(persons, person_category[persons])

    def relevant(
        self, query_category: Int64[ndarray, " query"], removed: Int64[ndarray, " query"]
    ) -> Int64[ndarray, "query most_relevant"]:
        """Return the persons of each query's category but the removed one, ascending, padded with -1."""
        starts = np.searchsorted(self.categories, query_category, side="left")
        stops = np.searchsorted(self.categories, query_category, side="right")
        width = int((stops - starts).max(initial=1))
        table = np.full((len(query_category), width), NOBODY, dtype=np.int64)
        for row, (start, stop, gone) in enumerate(zip(starts, stops, removed, strict=True)):
            members = np.sort(self.persons[start:stop])
            members = members[members != gone]
            table[row, : len(members)] = members
        return table
