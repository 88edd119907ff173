"""One pass over the compact columns: a summary of every block, and the distances of chosen blocks."""

import math
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from functools import lru_cache, partial

import numpy as np
from jaxtyping import Float64, Int64
from llvmlite.binding import get_host_cpu_features
from numpy import ndarray

from attrieve.gallery.exact.batch import AskedSquares, AskedVectors, weighed_alike
from attrieve.gallery.exact.batch_kernels import scan_batch
from attrieve.gallery.exact.bounds import AskedEmbedding, PreparedQuery
from attrieve.gallery.exact.kept import LEAST_SHARE, errors_of_all
from attrieve.gallery.exact.looking import (
    fill_distances,
    first_look,
    rescore_rows,
    room_for,
    scan_rows,
)
from attrieve.gallery.exact.parts import Part
from attrieve.gallery.exact.quantise import BLOCK_ROWS
from attrieve.gallery.exact.scan_kernels import rows_within
from attrieve.gallery.exact.summary import Blocks, Summary, SummaryErrors
from attrieve.gallery.exact.threads import run_all

STEP_BLOCKS = 256
"""Blocks whose distances are computed at a time when some are looked at again."""

TURN_ROWS = 1 << 14
"""Rows that queries take turns at, so that they stay in the cache: 1.2 MB with 32 directions."""

MOST_KEPT_ERRORS = 2**21
"""Blocks times queries up to which error bounds are kept, 24 bytes each; they are asked for several times."""

MOST_RESCORED = 512
"""Rows that are computed from their floats without another look at their codes."""

_RESCORE_ROWS = 4096
_NO_ROWS = np.empty(0, dtype=np.int64)


@lru_cache(maxsize=2)
def least_batch(*, alike: bool) -> int:
    """Return from how many queries on it pays to compute sixteen side by side; fewer take turns at rows.

    With registers of 512 bits sixteen cost what five do one after the other, else about what eight do; half
    as much again where they do not weigh all attributes ``alike``, whose squares then count for each query.
    """
    wide = get_host_cpu_features().get("avx512bw", False)
    return (5 if wide else 8) if alike else (9 if wide else 12)


class Scanner:
    """Reads the parts of a search; holds no state but them, and what it found out about them."""

    def __init__(self, parts: Sequence[Part], threads: int) -> None:
        self.parts = tuple(parts)
        self.threads = threads
        self.blocks = sum(part.blocks for part in parts)
        self.rows = sum(part.rows for part in parts)
        self._keeps_errors = False
        self._kept_errors: dict[PreparedQuery, SummaryErrors] = {}
        self._first: dict[tuple[PreparedQuery, Part], AskedEmbedding | None] = {}

    def for_each(self, queries: Sequence[PreparedQuery], work: Callable[["Scanner", int], None]) -> None:
        """Call ``work(scanner, number)`` for each query, several at a time, each on one thread."""
        if len(queries) == 1:
            work(self, 0)
            return
        alone = copy(self)
        alone.threads = 1  # a task that waits for tasks of the same pool could wait for ever
        run_all([partial(work, alone, number) for number in range(len(queries))], self.threads)

    @property
    def worth_rescoring(self) -> bool:
        """Whether all rows of a narrowed scanner are as quickly computed from their floats as looked at."""
        return self.rows <= MOST_RESCORED

    def all_rows(self) -> Int64[ndarray, " row"]:
        """Return the positions of all rows among those of the columns."""
        return np.concatenate([part.global_rows(np.arange(part.rows)) for part in self.parts] or [_NO_ROWS])

    def _shares(self, found: Blocks, query: PreparedQuery) -> list[Callable[[], None]]:
        step = max(LEAST_SHARE, -(-len(found.blocks) // self.threads))
        return [
            partial(fill_distances, found.some(slice(start, start + step)), query)
            for start in range(0, len(found.blocks), step)
        ]

    def summarise(
        self, queries: Sequence[PreparedQuery], mixes: Sequence[tuple[np.float32, np.float32]]
    ) -> list[Summary]:
        """Scan all parts once for all queries."""
        self._keeps_errors = len(queries) * self.blocks <= MOST_KEPT_ERRORS
        self._ask_first(queries)
        if len(queries) < least_batch(alike=weighed_alike(queries)):
            return self._summarise_in_turn(queries, mixes)
        return self._summarise_together(queries, mixes)

    def _summarise_in_turn(
        self, queries: Sequence[PreparedQuery], mixes: Sequence[tuple[np.float32, np.float32]]
    ) -> list[Summary]:
        tables = np.empty((len(queries), 3, self.blocks), dtype=np.float32)
        step = self._share() if len(queries) == 1 else min(self._share(), TURN_ROWS)
        tasks = [
            partial(
                scan_rows,
                part,
                start,
                min(start + step, part.rows),
                (query, self._first[query, part]),
                mix,
                table[:, part.own_blocks],
            )
            for part in self.parts
            for start in range(0, part.rows, step)
            for query, mix, table in zip(queries, mixes, tables, strict=True)
        ]
        run_all(tasks, self.threads)
        return [Summary(mix, *table) for mix, table in zip(mixes, tables, strict=True)]

    def _summarise_together(
        self, queries: Sequence[PreparedQuery], mixes: Sequence[tuple[np.float32, np.float32]]
    ) -> list[Summary]:
        table = np.empty((4, len(queries), self.blocks), dtype=np.float32)
        by_vector = any(query.embedding is not None for query in queries)
        by_attribute = any(query.attribute is not None for query in queries)
        attributes = self.parts[0].segment.widths[1]
        squares = AskedSquares.of(queries, (attributes or 0) if by_attribute else 0)
        step = self._share()
        tasks: list[Callable[[], None]] = []
        for part in self.parts:
            vectors = AskedVectors.of([self._first[query, part] for query in queries])
            asked = np.stack(
                [-vectors.factor, vectors.base, squares.constant, squares.linear, vectors.outside]
            )
            mix = np.zeros((2, asked.shape[1]), dtype=np.float32)
            mix[:, : len(queries)] = np.array(mixes).T
            tasks += [
                partial(
                    scan_batch,
                    start,
                    min(start + step, part.rows),
                    *part.listed(),
                    *part.first_arrays(used=by_vector),
                    vectors.pairs,
                    part.probability_array(used=by_attribute),
                    squares.set_start,
                    squares.set_attribute,
                    squares.pairs,
                    squares.quadratic,
                    asked,
                    *mix,
                    *table[:, :, part.own_blocks],
                )
                for start in range(0, part.rows, step)
            ]
        run_all(tasks, self.threads)
        return [
            Summary(
                mixes[number], table[0, number], table[1, number], table[2, number], table[3, number], error
            )
            for number, error in enumerate(squares.error.tolist())
        ]

    def _share(self) -> int:
        # Several pieces for each thread, so that a slow one does not keep the others waiting.
        return max(1, -(-self.blocks // (8 * self.threads))) * BLOCK_ROWS

    def _ask_first(self, queries: Sequence[PreparedQuery]) -> None:
        for query in queries:
            for part in self.parts:
                if (query, part) not in self._first:
                    coarse = part.coarse
                    asked = query.embedding if coarse is None else query.along(coarse.directions)
                    self._first[query, part] = asked

    def summary_errors(self, query: PreparedQuery, summary: Summary) -> SummaryErrors:
        """Return how far the numbers in a query's summary of each block can be from the truth."""
        if not self._keeps_errors:
            return self._summary_errors(query, summary)
        if query not in self._kept_errors:
            self._kept_errors[query] = self._summary_errors(query, summary)
        return self._kept_errors[query]

    def _summary_errors(self, query: PreparedQuery, summary: Summary) -> SummaryErrors:
        by_attribute, by_embedding = errors_of_all(self.parts, query)
        outside = np.zeros(self.blocks)
        for part in self.parts:
            coarse, asked = part.coarse_errors, self._first.get((query, part))
            if asked is not None and coarse is not None:
                by_embedding[part.own_blocks] = asked.error(coarse[0])
                # twice, from one side of the truth to the other
                outside[part.own_blocks] = 2 * asked.outside * coarse[1].astype(np.float64)
        if summary.square_error > 0 and summary.least_attribute is not None:
            # |a - b| = |a^2 - b^2| / (a + b), and never more than the root of |a^2 - b^2|
            least = np.maximum(summary.least_attribute, math.sqrt(summary.square_error), dtype=np.float64)
            by_attribute += summary.square_error / least
        return SummaryErrors(by_attribute, by_embedding, outside)

    def narrowed(
        self,
        query: PreparedQuery,
        blocks: Int64[ndarray, " block"],
        factors: tuple[float, float],
        limit: Float64[ndarray, " block"],
    ) -> tuple["Scanner", Int64[ndarray, " narrowed_block"]]:
        """Return a scanner of the rows of some (ascending) blocks that may be within a limit, and its blocks.

        Args:
            query: one that was summarised.
            blocks: positions among all.
            factors: of attribute and embedding distance; what their sum must not exceed is the limit.
            limit: of each block, the errors of the codes included.
        """
        parts: list[Part] = []
        first_block = 0
        for part in self.parts:
            low, high = np.searchsorted(blocks, [part.first_block, part.first_block + part.blocks]).tolist()
            places = self._within(part, query, blocks[low:high] - part.first_block, factors, limit[low:high])
            if len(places):
                ids = places if part.ids is None else part.ids[places]
                parts.append(replace(part, ids=ids, first_block=first_block))
                first_block += parts[-1].blocks
        narrow = Scanner(parts, self.threads)
        return narrow, np.arange(narrow.blocks)

    def _within(
        self,
        part: Part,
        query: PreparedQuery,
        blocks: Int64[ndarray, " block"],
        factors: tuple[float, float],
        limit: Float64[ndarray, " block"],
    ) -> Int64[ndarray, " found"]:
        embedding = self._first[query, part] if factors[1] else None
        asked = first_look(part, query if factors[0] else query.one_side(1), embedding)
        starts = range(0, len(blocks), STEP_BLOCKS)
        places = [_NO_ROWS] * len(starts)

        def look(number: int) -> None:
            here = slice(starts[number], starts[number] + STEP_BLOCKS)
            room = np.empty(len(blocks[here]) * BLOCK_ROWS, dtype=np.int64)
            found = rows_within(blocks[here], *part.listed(), part.rows, *asked, *factors, limit[here], room)
            places[number] = room[:found]

        run_all([partial(look, number) for number in range(len(starts))], self.threads)
        return np.concatenate([_NO_ROWS, *places])

    def errors(
        self, query: PreparedQuery, blocks: Int64[ndarray, " block"]
    ) -> tuple[Float64[ndarray, " block"], Float64[ndarray, " block"]]:
        """Return how far what :meth:`distances` yields of blocks (ascending) can be from the truth."""
        by_attribute, by_embedding = np.zeros(len(blocks)), np.zeros(len(blocks))
        for part in self.parts:
            low, high = np.searchsorted(blocks, [part.first_block, part.first_block + part.blocks]).tolist()
            own = blocks[low:high] - part.first_block
            by_attribute[low:high] = part.attribute_error(query, own)
            by_embedding[low:high] = part.embedding_error(query, own)
        return by_attribute, by_embedding

    def distances(
        self, query: PreparedQuery, blocks: Int64[ndarray, " block"]
    ) -> Iterator[tuple[slice, Blocks]]:
        """Yield approximate distances of blocks (ascending positions), and which of them these are."""
        for part in self.parts:
            low, high = np.searchsorted(blocks, [part.first_block, part.first_block + part.blocks]).tolist()
            for start in range(low, high, STEP_BLOCKS):
                here = slice(start, min(start + STEP_BLOCKS, high))
                found = room_for(part, blocks[here] - part.first_block)
                run_all(self._shares(found, query), self.threads)
                yield here, found

    def rescore(
        self, query: PreparedQuery, rows: Int64[ndarray, " found"], side: int | None = None
    ) -> tuple[Float64[ndarray, " found"], Float64[ndarray, " found"]]:
        """Return both distances of rows (ascending positions among all) in float64.

        Of one side alone (0 attributes, 1 embedding) if it is named; the other is then 0.
        """
        exact = query.exact.one_side(side)
        attribute, embedding = np.zeros(len(rows)), np.zeros(len(rows))
        tasks: list[Callable[[], None]] = []
        for part in self.parts:
            low, high = np.searchsorted(rows, [part.first_row, part.first_row + part.segment.rows]).tolist()
            for start in range(low, high, _RESCORE_ROWS):
                here = slice(start, min(start + _RESCORE_ROWS, high))
                local = rows[here] - part.first_row
                tasks.append(partial(rescore_rows, part, exact, local, attribute[here], embedding[here]))
        run_all(tasks, self.threads)
        return attribute, embedding
