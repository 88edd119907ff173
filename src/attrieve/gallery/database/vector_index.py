"""Lance's own index on a column of vectors: built by the writer, asked for the rows near a vector.

Vectors are put into partitions by k-means and kept at one byte a number (IVF with scalar quantisation).
Lance maintains it: rows that are deleted are not found, compaction takes new rows in, and until then those
are compared one by one, so that they are found as well.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from jaxtyping import Float, UInt64

from attrieve.gallery.database.lance import told
from attrieve.gallery.database.layout import ROW_ID

if TYPE_CHECKING:
    from lancedb.query import LanceVectorQueryBuilder
    from lancedb.table import Table

PARTITIONS_READ = 20
"""Of some 8,000 rows each; more of them change little, since candidates near a vector lie together."""


@dataclass(frozen=True)
class VectorIndex:
    """How far a column's index covers the rows of a table.

    Args:
        column: embedding or probability.
        indexed_rows: found by the index.
        new_rows: added since it was built or the table was compacted; compared one by one.
        size_bytes: on disk.
    """

    column: str
    indexed_rows: int
    new_rows: int
    size_bytes: int


def build_vector_index(table: "Table", column: str) -> None:
    """Index a column anew; the old index is used until this one is in place.

    Raises:
        StorageError: if the disk refuses; what was there is unharmed.
    """
    from lancedb.index import IvfSq

    with told(f"cannot index column {column} of {table.name}; what was there is unharmed"):
        table.create_index(column, config=IvfSq(distance_type="l2"), replace=True)


def vector_indices(table: "Table") -> dict[str, VectorIndex]:
    """Return the indices of a table by their column, as of the version it is fixed at.

    Raises:
        StorageError: if the table cannot be read.
    """
    with told(f"cannot read the indices of {table.name}"):
        return {
            entry.columns[0]: VectorIndex(
                entry.columns[0],
                entry.num_indexed_rows or 0,
                entry.num_unindexed_rows or 0,
                entry.size_bytes or 0,
            )
            for entry in table.list_indices()
        }


def nearest_ids(
    table: "Table",
    column: str,
    vector: Float[np.ndarray, " width"],
    count: int,
    *,
    predicate: str | None = None,
) -> UInt64[np.ndarray, " found"]:
    """Return the ids of about the nearest rows by Euclidean distance, nearest first.

    Args:
        table: with an index on the column; without one, all rows are compared one by one.
        column: of vectors.
        vector: what the rows shall be near to.
        count: how many rows, at least 1; fewer come back if fewer meet the predicate, or lie in the
            partitions read.
        predicate: only rows it holds for.

    Raises:
        StorageError: if the table or its index cannot be read.
    """
    search = table.search(vector.astype(np.float32), vector_column_name=column)
    asked = cast("LanceVectorQueryBuilder", search).nprobes(PARTITIONS_READ).limit(count)
    if predicate is not None:
        asked = asked.where(predicate, prefilter=True)
    with told(f"cannot search the index on {column} of {table.name}"):
        found = asked.select([ROW_ID, "_distance"]).to_arrow()
    ids: UInt64[np.ndarray, " found"] = found.column(ROW_ID).to_numpy()
    return ids
