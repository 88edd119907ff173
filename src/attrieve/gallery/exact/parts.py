"""The rows a search looks at, segment by segment, in blocks of 64."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, Integer
from numpy import ndarray

from attrieve.errors import InputError
from attrieve.gallery.exact import coarse
from attrieve.gallery.exact.bounds import PreparedQuery
from attrieve.gallery.exact.coarse import CoarseCodes
from attrieve.gallery.exact.columns import CompactColumns
from attrieve.gallery.exact.quantise import BLOCK_ROWS
from attrieve.gallery.exact.segment import Segment
from attrieve.gallery.exact.selection_kernels import gather_errors, kept_rows

_NO_IDS = np.empty(0, dtype=np.int64)
_NO_SCALE = np.empty(0, dtype=np.float32)
_NO_WORDS = np.empty(0, dtype=np.int32)
_ALL = slice(None)


@dataclass(frozen=True, eq=False)
class Part:
    """Rows of one segment that take part: all, or those listed.

    Args:
        segment: where they are.
        ids: their rows in the segment, ascending, or None for all.
        first_row: position of the segment's first row among all rows.
        first_block: position of the first block of this part among all blocks of the search.
    """

    segment: Segment
    ids: Int64[ndarray, " kept"] | None
    first_row: int
    first_block: int

    @property
    def rows(self) -> int:
        """How many rows take part."""
        return self.segment.rows if self.ids is None else len(self.ids)

    @property
    def blocks(self) -> int:
        """How many blocks they fill."""
        return -(-self.rows // BLOCK_ROWS)

    @property
    def own_blocks(self) -> slice:
        """Where they stand among all blocks of the search."""
        return slice(self.first_block, self.first_block + self.blocks)

    def listed(self) -> tuple[ndarray, bool]:
        """Return the list of rows for the kernels, and whether it counts."""
        return (_NO_IDS, False) if self.ids is None else (self.ids, True)

    def embedding_arrays(self, *, used: bool) -> tuple[ndarray, ndarray]:
        """Return codes and scales; codes without entries if the embedding takes no part."""
        codes = self.segment.embedding
        if codes is None or not used:
            return _nothing(self.segment.rows), _NO_SCALE
        return codes.codes, codes.scale

    @property
    def coarse(self) -> CoarseCodes | None:
        """Codes to look at first; None for few rows, which are as quickly looked at in full."""
        return self.segment.coarse if self.rows > coarse.LEAST_COARSE_ROWS else None

    def first_arrays(self, *, used: bool) -> tuple[ndarray, ndarray, ndarray]:
        """Return the codes, scales and words a first pass reads; scales or words are empty."""
        first = self.coarse
        if first is None or not used:
            return *self.embedding_arrays(used=used), _NO_WORDS
        return first.codes, _NO_SCALE, first.words

    def probability_array(self, *, used: bool) -> ndarray:
        """Return codes; without entries if attributes take no part."""
        codes = self.segment.probability
        return _nothing(self.segment.rows) if codes is None or not used else codes.codes

    def attribute_error(
        self, query: PreparedQuery, blocks: Int64[ndarray, " some"] | slice = _ALL
    ) -> Float64[ndarray, " some"]:
        """Return how far attribute distances of own blocks can be from the truth; 0 if they take no part."""
        if query.attribute is None or self.segment.probability is None:
            return np.zeros(self.blocks)[blocks]
        largest, length = self._probability_errors
        return query.attribute.error(largest[blocks], length[blocks])

    def embedding_error(
        self, query: PreparedQuery, blocks: Int64[ndarray, " some"] | slice = _ALL
    ) -> Float64[ndarray, " some"]:
        """Return the same of embedding distances by the codes of all entries."""
        if query.embedding is None or self.segment.embedding is None:
            return np.zeros(self.blocks)[blocks]
        return query.embedding.error(self._embedding_errors[blocks])

    @cached_property
    def _probability_errors(self) -> tuple[ndarray, ndarray]:
        codes = self.segment.probability
        assert codes is not None
        return self._own(codes.largest_error), self._own(codes.error)

    @cached_property
    def _embedding_errors(self) -> ndarray:
        assert self.segment.embedding is not None
        return self._own(self.segment.embedding.error)

    @cached_property
    def coarse_errors(self) -> tuple[Float32[ndarray, " own_block"], Float32[ndarray, " own_block"]] | None:
        """Errors of the codes along few directions, and the length of what lies outside; None without."""
        return None if self.coarse is None else (self._own(self.coarse.error), self._own(self.coarse.left))

    def _own(self, error: Float32[ndarray, " block"]) -> Float32[ndarray, " own_block"]:
        """Return the errors of this part's blocks from those of the segment's."""
        if self.ids is None:
            return error
        found = np.empty(self.blocks, dtype=np.float32)
        gather_errors(error, self.ids, found)
        return found

    def global_rows(self, places: Int64[ndarray, " found"]) -> Int64[ndarray, " found"]:
        """Return positions among all rows, from places in this part."""
        return (places if self.ids is None else self.ids[places]) + self.first_row


def select_parts(
    columns: CompactColumns, keep: Bool[ndarray, " row"] | Integer[ndarray, " kept"] | None
) -> tuple[Part, ...]:
    """Return the parts with rows in them.

    Args:
        columns: what is searched.
        keep: a mask over all rows, or distinct positions of rows in any order, or None for all.

    Raises:
        InputError: for a mask of another length, or rows that are not there or named twice.
    """
    kept = None if keep is None else _kept(np.asarray(keep), len(columns))
    return tuple(part for part in _parts(columns, kept) if part.rows)


def _parts(columns: CompactColumns, kept: Int64[ndarray, " kept"] | None) -> Iterator[Part]:
    first_row = first_block = 0
    for segment in columns.segments:
        ids = None
        if kept is not None:
            bounds = np.searchsorted(kept, [first_row, first_row + segment.rows])
            ids = kept[bounds[0] : bounds[1]] - first_row
        part = Part(segment, ids, first_row, first_block)
        yield part
        first_row += segment.rows
        first_block += part.blocks


def _kept(keep: ndarray, rows: int) -> Int64[ndarray, " kept"]:
    if keep.ndim != 1 or keep.dtype.kind not in "bui":
        raise InputError(
            f"keep must be a mask or a list of row numbers; got {keep.dtype} of shape {keep.shape}"
        )
    if keep.dtype == np.bool_:
        if len(keep) != rows:
            raise InputError(f"the mask must cover all {rows} rows, it has {len(keep)} entries")
        return _from_mask(np.ascontiguousarray(keep))
    ids = np.ascontiguousarray(keep, dtype=np.int64)
    ascend = bool((ids[1:] > ids[:-1]).all())
    if not ascend:
        ids = np.sort(ids)
    if len(ids) and not 0 <= ids[0] <= ids[-1] < rows:
        raise InputError(f"rows are numbered 0 to {rows - 1}; keep names {ids[0]} to {ids[-1]}")
    if not ascend and (ids[1:] == ids[:-1]).any():
        raise InputError("keep names a row twice; leave out repetitions (numpy.unique)")
    return ids


def _from_mask(mask: Bool[ndarray, " row"]) -> Int64[ndarray, " kept"]:
    packed = np.zeros(-(-len(mask) // 64), dtype=np.int64)
    bits = np.packbits(mask, bitorder="little")
    packed.view(np.uint8)[: len(bits)] = bits
    found = np.empty(np.count_nonzero(mask), dtype=np.int64)
    kept_rows(packed, found)
    return found


def _nothing(rows: int) -> ndarray:
    return np.empty((rows, 0), dtype=np.uint8)
