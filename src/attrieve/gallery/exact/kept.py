"""Distances of all rows of a search, kept where rows and queries are few: no row is looked at twice."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float32, Float64, Int64
from numpy import ndarray

from attrieve.gallery.exact.bounds import PreparedQuery
from attrieve.gallery.exact.looking import fill_distances
from attrieve.gallery.exact.parts import Part
from attrieve.gallery.exact.quantise import BLOCK_ROWS
from attrieve.gallery.exact.selection_kernels import farthest_rows, rows_up_to, upper_bound_of_rows
from attrieve.gallery.exact.summary import Blocks
from attrieve.gallery.exact.threads import run_all

LEAST_SHARE = 32
"""Blocks that are computed sooner than handed to another thread."""


@dataclass(frozen=True, eq=False)
class KeptDistances:
    """Approximate distances of all rows of a search for one query, and how far they can be from the truth.

    Args:
        parts: the rows, one part behind the other.
        attribute, embedding: distances; where a block has no more rows they are ``NO_ROW``. All 0 for a side
            that takes no part.
        attribute_error, embedding_error: what they can be off.
    """

    parts: tuple[Part, ...]
    attribute: Float32[ndarray, "block 64"]
    embedding: Float32[ndarray, "block 64"]
    attribute_error: Float64[ndarray, " block"]
    embedding_error: Float64[ndarray, " block"]

    def farthest(self, query: PreparedQuery) -> Int64[ndarray, " found"]:
        """Return the rows (ascending positions among all) that may be the farthest by either distance."""
        places = np.empty(self.attribute.size, dtype=np.int64)
        found = farthest_rows(
            self.attribute,
            self.embedding,
            self.attribute_error,
            self.embedding_error,
            query.attribute is not None,
            query.embedding is not None,
            places,
        )
        return self._rows(places[:found])

    def nearest(
        self, factors: tuple[float, float], k: int, limit: Callable[[float], float]
    ) -> Int64[ndarray, " found"]:
        """Return the rows (ascending positions among all) that may be among the ``k`` nearest.

        Args:
            factors: of attribute and embedding distance.
            k: how many rows.
            limit: from a bound of the k-th nearest row's distance the largest that may tie with it.
        """
        error = factors[0] * self.attribute_error + factors[1] * self.embedding_error
        heap = np.full(k, np.inf)
        upper_bound_of_rows(self.attribute, self.embedding, error, *factors, heap)
        places = np.empty(self.attribute.size, dtype=np.int64)
        bound = limit(float(heap[0]))
        return self._rows(
            places[: rows_up_to(self.attribute, self.embedding, error, *factors, bound, places)]
        )

    def _rows(self, places: Int64[ndarray, " found"]) -> Int64[ndarray, " found"]:
        if len(self.parts) == 1:
            return self.parts[0].global_rows(places)
        ends = np.searchsorted(places, [BLOCK_ROWS * (part.first_block + part.blocks) for part in self.parts])
        own = np.split(places, ends[:-1])
        return np.concatenate(
            [
                part.global_rows(here - BLOCK_ROWS * part.first_block)
                for part, here in zip(self.parts, own, strict=True)
            ]
        )


def keep_distances(
    parts: Sequence[Part], queries: Sequence[PreparedQuery], threads: int
) -> list[KeptDistances]:
    """Compute all distances of each query from the codes of all entries; 8 bytes a row and query."""
    blocks = sum(part.blocks for part in parts)
    tables = np.empty((len(queries), 2, blocks, BLOCK_ROWS), dtype=np.float32)
    step = max(LEAST_SHARE, -(-blocks // threads))
    tasks: list[Callable[[], None]] = []
    for query, (attribute, embedding) in zip(queries, tables, strict=True):
        for part in parts:
            for start in range(0, part.blocks, step):
                own = np.arange(start, min(start + step, part.blocks))
                here = slice(part.first_block + start, part.first_block + start + len(own))
                tasks.append(
                    partial(fill_distances, Blocks(part, own, attribute[here], embedding[here]), query)
                )
    run_all(tasks, threads)
    return [
        KeptDistances(tuple(parts), attribute, embedding, *errors_of_all(parts, query))
        for query, (attribute, embedding) in zip(queries, tables, strict=True)
    ]


def errors_of_all(
    parts: Sequence[Part], query: PreparedQuery
) -> tuple[Float64[ndarray, " block"], Float64[ndarray, " block"]]:
    """Return how far distances by the codes of all entries can be from the truth, for every block."""
    by_attribute = [part.attribute_error(query) for part in parts]
    by_embedding = [part.embedding_error(query) for part in parts]
    if len(parts) == 1:
        return by_attribute[0], by_embedding[0]
    return np.concatenate(by_attribute), np.concatenate(by_embedding)
