"""One pass over the compact columns: a summary of every block, and the distances of chosen blocks."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64
from numpy import ndarray

from attrieve.gallery.exact.bounds import PreparedQuery
from attrieve.gallery.exact.kernels import NO_ROW, distances_of_blocks, rescore, scan
from attrieve.gallery.exact.parts import Part
from attrieve.gallery.exact.quantise import BLOCK_ROWS
from attrieve.gallery.exact.threads import run_all

STEP_BLOCKS = 256
"""Blocks one task scans for all queries before it moves on: few enough to stay in the cache."""

_RESCORE_ROWS = 4096
_NO_FLOATS = np.empty((0, 0), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Summary:
    """What a scan for one query leaves: three approximate numbers for each block, and their errors.

    Attribute distances are in the query's unit (see :mod:`~attrieve.gallery.exact.bounds`).

    Args:
        most_attribute, most_embedding: the largest distances in the block.
        least_mix: smallest ``mix[0] * attribute + mix[1] * embedding``.
        attribute_error, embedding_error: how far any distance in the block can be from the truth.
    """

    most_attribute: Float32[ndarray, " block"]
    most_embedding: Float32[ndarray, " block"]
    least_mix: Float32[ndarray, " block"]
    attribute_error: Float64[ndarray, " block"]
    embedding_error: Float64[ndarray, " block"]


@dataclass(frozen=True, eq=False)
class Blocks:
    """Approximate distances of some blocks."""

    part: Part
    blocks: Int64[ndarray, " block"]
    attribute: Float32[ndarray, "block 64"]
    embedding: Float32[ndarray, "block 64"]

    @property
    def filled(self) -> Bool[ndarray, "block 64"]:
        """Where there is a row; the last block may have fewer than 64."""
        return self.attribute < NO_ROW

    def rows(self, chosen: ndarray) -> Int64[ndarray, " found"]:
        """Return positions among all rows, from a mask over block and place."""
        block, place = np.nonzero(chosen)
        return self.part.global_rows(self.blocks[block] * BLOCK_ROWS + place)


class Scanner:
    """Reads the parts of a search; holds no state but what it was given."""

    def __init__(self, parts: Sequence[Part], threads: int) -> None:
        self.parts = tuple(parts)
        self.threads = threads
        self.blocks = sum(part.blocks for part in parts)

    def summarise(
        self, queries: Sequence[PreparedQuery], mixes: Sequence[tuple[np.float32, np.float32]]
    ) -> list[Summary]:
        """Scan all parts once for all queries."""
        tables = np.empty((len(queries), 3, self.blocks), dtype=np.float32)
        errors = [self._errors(query) for query in queries]
        tasks = list(self._tasks(queries, mixes, tables))
        run_all(tasks, self.threads)
        return [
            Summary(table[0], table[1], table[2], *error) for table, error in zip(tables, errors, strict=True)
        ]

    def _tasks(
        self,
        queries: Sequence[PreparedQuery],
        mixes: Sequence[tuple[np.float32, np.float32]],
        tables: Float32[ndarray, "query 3 block"],
    ) -> Iterator[Callable[[], None]]:
        step = STEP_BLOCKS * BLOCK_ROWS if len(queries) > 1 else self._share()
        for part in self.parts:
            own = tables[:, :, part.first_block : part.first_block + part.blocks]
            for start in range(0, part.rows, step):
                yield partial(_scan, part, start, min(start + step, part.rows), queries, mixes, own)

    def _share(self) -> int:
        # Several pieces for each thread, so that a slow one does not keep the others waiting.
        return max(1, -(-self.blocks // (8 * self.threads))) * BLOCK_ROWS

    def _errors(self, query: PreparedQuery) -> tuple[Float64[ndarray, " block"], Float64[ndarray, " block"]]:
        by_attribute, by_embedding = np.zeros(self.blocks), np.zeros(self.blocks)
        for part in self.parts:
            own = slice(part.first_block, part.first_block + part.blocks)
            probability, embedding = part.segment.probability, part.segment.embedding
            if query.attribute is not None and probability is not None:
                by_attribute[own] = query.attribute.error(
                    part.errors(probability.largest_error), part.errors(probability.error)
                )
            if query.embedding is not None and embedding is not None:
                by_embedding[own] = query.embedding.error(part.errors(embedding.error))
        return by_attribute, by_embedding

    def distances(
        self, query: PreparedQuery, blocks: Int64[ndarray, " block"]
    ) -> Iterator[tuple[slice, Blocks]]:
        """Yield approximate distances of blocks (ascending positions), and which of them these are."""
        for part in self.parts:
            low, high = np.searchsorted(blocks, [part.first_block, part.first_block + part.blocks]).tolist()
            for start in range(low, high, STEP_BLOCKS):
                here = slice(start, min(start + STEP_BLOCKS, high))
                yield here, _distances(part, query, blocks[here] - part.first_block)

    def rescore(
        self, query: PreparedQuery, rows: Int64[ndarray, " found"]
    ) -> tuple[Float64[ndarray, " found"], Float64[ndarray, " found"]]:
        """Return both distances of rows (ascending positions among all) in float64."""
        attribute, embedding = np.zeros(len(rows)), np.zeros(len(rows))
        tasks: list[Callable[[], None]] = []
        for part in self.parts:
            low, high = np.searchsorted(rows, [part.first_row, part.first_row + part.segment.rows]).tolist()
            for start in range(low, high, _RESCORE_ROWS):
                here = slice(start, min(start + _RESCORE_ROWS, high))
                local = rows[here] - part.first_row
                tasks.append(partial(_rescore, part, query, local, attribute[here], embedding[here]))
        run_all(tasks, self.threads)
        return attribute, embedding


def _arguments(part: Part, query: PreparedQuery) -> tuple[object, ...]:
    nothing, one = np.float32(0), np.empty(0, dtype=np.float32)
    index = np.zeros(1, dtype=np.int64)
    if query.embedding is None:
        asked_embedding: tuple[object, ...] = (np.empty(0, np.int16), np.int32(0), nothing, nothing)
    else:
        asked_embedding = query.embedding.arrays()
    asked_attributes = (one, one, index, index[:0], one, one)
    return (
        *part.embedding_arrays(used=query.embedding is not None),
        *asked_embedding,
        part.probability_array(used=query.attribute is not None),
        *(asked_attributes if query.attribute is None else query.attribute.arrays()),
    )


def _scan(
    part: Part,
    start: int,
    stop: int,
    queries: Sequence[PreparedQuery],
    mixes: Sequence[tuple[np.float32, np.float32]],
    tables: Float32[ndarray, "query 3 block"],
) -> None:
    for query, mix, table in zip(queries, mixes, tables, strict=True):
        scan(start, stop, *part.listed(), *_arguments(part, query), *mix, table[0], table[1], table[2])


def _distances(part: Part, query: PreparedQuery, blocks: Int64[ndarray, " block"]) -> Blocks:
    attribute = np.empty((len(blocks), BLOCK_ROWS), dtype=np.float32)
    embedding = np.empty_like(attribute)
    distances_of_blocks(blocks, *part.listed(), part.rows, *_arguments(part, query), attribute, embedding)
    return Blocks(part, blocks, attribute, embedding)


def _rescore(
    part: Part,
    query: PreparedQuery,
    rows: Int64[ndarray, " found"],
    attribute: Float64[ndarray, " found"],
    embedding: Float64[ndarray, " found"],
) -> None:
    exact, segment = query.exact, part.segment
    rescore(
        rows,
        _NO_FLOATS if segment.exact_embedding is None else segment.exact_embedding,
        exact.vector,
        _NO_FLOATS if segment.exact_probability is None else segment.exact_probability,
        exact.term_start,
        exact.term_attribute,
        exact.target,
        exact.certainty,
        attribute,
        embedding,
    )
