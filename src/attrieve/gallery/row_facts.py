"""What a gallery knows of its rows beside vectors and pictures, kept so that few rows are read in no time.

The store gives every column of every row from its own place in its own file, which takes longer than a
search; here the rows of a segment lie side by side, mapped from one file that all processes share.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from jaxtyping import Int64, UInt64

from attrieve.data.files import write_atomically
from attrieve.errors import StorageError
from attrieve.gallery.database.layout import EMBEDDING, PROBABILITY, THUMBNAIL
from attrieve.gallery.database.rows import GalleryRow, rows_of


def fact_names(schema: pa.Schema) -> list[str]:
    """Return the columns of a store that are kept here: all but vectors, their checksum and pictures."""
    return [name for name in schema.names if name not in {EMBEDDING, PROBABILITY, THUMBNAIL, "checksum"}]


@dataclass(frozen=True, eq=False)
class FactsPart:
    """Facts of the rows of one segment.

    Args:
        row_id: where the store keeps each row.
        table: the facts, in the same order unless another is named.
        place: of each row in the table. It is sorted and not the table, which would then be in memory
            instead of being mapped.
    """

    row_id: UInt64[np.ndarray, " row"]
    table: pa.Table
    place: Int64[np.ndarray, " row"] | None = None

    def take(self, rows: Int64[np.ndarray, " some"]) -> pa.Table:
        """Return the facts of some rows, by their positions in ``row_id``."""
        return self.table.take(pa.array(rows if self.place is None else self.place[rows]))


class RowFacts:
    """Facts of all rows of a snapshot.

    Args:
        parts: one for each segment.
        schema: of the store: a part that is older than a column holds nothing in it.
    """

    def __init__(self, parts: Sequence[FactsPart], schema: pa.Schema) -> None:
        self._schema = pa.schema([schema.field(name) for name in fact_names(schema)])
        self._parts = [_ascending(part) for part in parts]

    def rows_at(self, ids: UInt64[np.ndarray, " some"]) -> list[GalleryRow] | None:
        """Return the rows with these ids, in their order, without thumbnails; None if one is not here."""
        taken: list[pa.Table] = []
        place = np.full(len(ids), -1)
        count = 0
        for part in self._parts:
            if not len(part.row_id):
                continue
            near = np.minimum(np.searchsorted(part.row_id, ids), len(part.row_id) - 1)
            here = np.flatnonzero(part.row_id[near] == ids)
            if len(here):
                taken.append(self._complete(part.take(near[here])))
                place[here] = np.arange(count, count + len(here))
                count += len(here)
        if (place < 0).any():
            return None
        # Put together first: the way from Arrow to objects costs most by the call, not by the row.
        rows = rows_of(pa.concat_tables(taken)) if taken else []
        return [rows[at] for at in place.tolist()]

    def _complete(self, table: pa.Table) -> pa.Table:
        if table.schema.equals(self._schema):
            return table
        there = set(table.column_names)
        columns = [
            table.column(entry.name) if entry.name in there else pa.nulls(len(table), entry.type)
            for entry in self._schema
        ]
        return pa.table(columns, schema=self._schema)


def write_facts(path: Path, facts: pa.Table) -> None:
    """Write facts so that they can be mapped.

    Raises:
        StorageError: if the disk is full, or the file cannot be written.
    """
    sink = pa.BufferOutputStream()
    whole = facts.combine_chunks()
    with pa.ipc.new_file(sink, whole.schema) as writer:
        writer.write_table(whole)
    write_atomically(path, sink.getvalue().to_pybytes())


def open_facts(path: Path, row_id: UInt64[np.ndarray, " row"]) -> FactsPart:
    """Map facts.

    Args:
        path: of the file.
        row_id: where the store keeps each of its rows.

    Raises:
        StorageError: if the file is missing, damaged, or holds another number of rows.
    """
    try:
        with pa.memory_map(str(path)) as source:
            table = pa.ipc.open_file(source).read_all()
    except (pa.ArrowException, OSError) as error:
        raise StorageError(f"{path} cannot be read: {error}") from error
    if len(table) != len(row_id):
        raise StorageError(f"{path} holds {len(table)} rows, {len(row_id)} are expected")
    return FactsPart(row_id, table)


def _ascending(part: FactsPart) -> FactsPart:
    if (part.row_id[1:] > part.row_id[:-1]).all():
        return part
    place = np.argsort(part.row_id, kind="stable")
    return FactsPart(part.row_id[place], part.table, place)
