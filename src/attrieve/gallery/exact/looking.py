"""What the kernels are handed, of a description and a part."""

import numpy as np
from jaxtyping import Float32, Float64, Int64
from numpy import ndarray

from attrieve.gallery.exact.bounds import AskedEmbedding, ExactTerms, PreparedQuery
from attrieve.gallery.exact.parts import Part
from attrieve.gallery.exact.quantise import BLOCK_ROWS
from attrieve.gallery.exact.row_reading import read_rows
from attrieve.gallery.exact.scan_kernels import distances_of_blocks, scan
from attrieve.gallery.exact.selection_kernels import rescore
from attrieve.gallery.exact.summary import Blocks

_NO_FLOATS = np.empty((0, 0), dtype=np.float32)


def asked_numbers(part: Part, query: PreparedQuery, embedding: AskedEmbedding | None) -> tuple[object, ...]:
    """Return what the kernels take of a description: the embedding side handed in, and the attributes."""
    nothing, one, few = np.float32(0), np.empty(0, dtype=np.float32), np.empty(0, dtype=np.int16)
    index = np.zeros(1, dtype=np.int64)
    if embedding is None:
        asked_embedding: tuple[object, ...] = (few, np.int32(0), nothing, nothing)
    else:
        asked_embedding = embedding.arrays()
    asked_attributes = (index[:0], few, few, nothing, index, index[:0], one, one)
    return (
        *asked_embedding,
        part.probability_array(used=query.attribute is not None),
        *(asked_attributes if query.attribute is None else query.attribute.arrays()),
    )


def scan_rows(
    part: Part,
    start: int,
    stop: int,
    asked: tuple[PreparedQuery, AskedEmbedding | None],
    mix: tuple[np.float32, np.float32],
    table: Float32[ndarray, "3 own_block"],
) -> None:
    """Summarise the rows ``start`` to ``stop`` of a part; the table holds the three numbers of its blocks."""
    scan(start, stop, *part.listed(), *first_look(part, *asked), *mix, *table)


def first_look(part: Part, query: PreparedQuery, embedding: AskedEmbedding | None) -> tuple[object, ...]:
    """Return what a first look at a part takes: codes, and what is asked of them."""
    codes = part.first_arrays(used=embedding is not None)
    outside = np.float32(0 if embedding is None else embedding.outside)
    return (*codes, outside, *asked_numbers(part, query, embedding))


def room_for(part: Part, blocks: Int64[ndarray, " block"]) -> Blocks:
    """Return room for the distances of some blocks of a part."""
    attribute = np.empty((len(blocks), BLOCK_ROWS), dtype=np.float32)
    return Blocks(part, blocks, attribute, np.empty_like(attribute))


def fill_distances(found: Blocks, query: PreparedQuery) -> None:
    """Compute the distances of blocks from the codes of all entries."""
    part = found.part
    distances_of_blocks(
        found.blocks,
        *part.listed(),
        part.rows,
        *part.embedding_arrays(used=query.embedding is not None),
        *asked_numbers(part, query, query.embedding),
        found.attribute,
        found.embedding,
        np.empty(8, dtype=np.int32),
        np.empty(8, dtype=np.float32),
    )


def rescore_rows(
    part: Part,
    exact: ExactTerms,
    rows: Int64[ndarray, " found"],
    attribute: Float64[ndarray, " found"],
    embedding: Float64[ndarray, " found"],
) -> None:
    """Fill both distances of rows of a part, from their floats."""
    segment = part.segment
    rescore(
        read_rows(segment.exact_embedding, rows) if len(exact.vector) else _NO_FLOATS,
        exact.vector,
        read_rows(segment.exact_probability, rows) if len(exact.target) else _NO_FLOATS,
        exact.term_start,
        exact.term_attribute,
        exact.target,
        exact.certainty,
        attribute,
        embedding,
    )
