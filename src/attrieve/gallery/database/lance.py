"""The one door to Lance: tables are opened, read and changed here, and its errors become ours.

The library is loaded when a table is first touched: it takes a second that other commands need not pay.
"""

import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from jaxtyping import UInt64

from attrieve.errors import AttrieveError, InputError, StorageError
from attrieve.gallery.database.layout import ROW_ID

if TYPE_CHECKING:
    from lancedb.table import Table

FRAGMENT_BITS = 32
"""A row id is the number of its fragment, shifted by so many bits, plus its place in the fragment."""

READ_ROWS = 16_384


def delete(table: "Table", predicate: str) -> int:
    """Delete the rows a predicate holds for and return how many there were."""
    with told(f"cannot delete from {table.name}; what was there is unharmed"):
        before = table.count_rows()
        table.delete(predicate)
        return before - table.count_rows()


@contextmanager
def told(what: str) -> Iterator[None]:
    """Turn whatever Lance raises into a :class:`StorageError` that says what was tried.

    A panic of its Rust code is no ``Exception`` in Python and is taken along here.
    """
    try:
        yield
    except (AttrieveError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        reason = str(error).split(", /")[0].strip().splitlines()
        raise StorageError(f"{what}: {reason[0] if reason else type(error).__name__}") from error


def create_table(folder: Path, name: str, schema: pa.Schema) -> "Table":
    """Make an empty table, in the place of an unfinished one."""
    import lancedb

    drop_table(folder, name)
    with told(f"cannot make table {name} in {folder}"):
        return lancedb.connect(folder).create_table(name, schema=schema)


def table_in_memory(rows: pa.Table) -> "Table":
    """Return a table that lives as long as the object, and is filtered by the engine of those on disk."""
    import lancedb

    with told("cannot make a table in memory"):
        return lancedb.connect("memory://").create_table("rows", rows)


def open_table(folder: Path, name: str, version: int | None = None) -> "Table":
    """Open a table, at a version if one is given.

    Raises:
        StorageError: if it is missing or damaged, or the version is gone.
    """
    import lancedb

    if not table_path(folder, name).is_dir():
        raise StorageError(f"{table_path(folder, name)}, part of the gallery, is missing; index again")
    with told(f"cannot open {table_path(folder, name)}"):
        table = lancedb.connect(folder).open_table(name)
        if version is not None:
            table.checkout(version)
        return table


def table_path(folder: Path, name: str) -> Path:
    """Return where a table lies."""
    return folder / f"{name}.lance"


def drop_table(folder: Path, name: str) -> None:
    """Delete a table with all its versions, if it is there."""
    shutil.rmtree(table_path(folder, name), ignore_errors=True)


def row_ids(table: "Table", predicate: str | None = None) -> UInt64[np.ndarray, " row"]:
    """Return the ids of all rows, or of those a predicate holds for, ascending.

    Without a predicate no data file is touched, so that this works on a damaged table too.
    """
    query = table.search().select([ROW_ID])
    if predicate is not None:
        query = query.where(predicate)
    with told(f"cannot read {table.name}"):
        ids: UInt64[np.ndarray, " row"] = query.to_arrow().column(ROW_ID).to_numpy()
    return np.sort(ids)


def batches(
    table: "Table", columns: Sequence[str], predicate: str | None = None, *, rows: int = READ_ROWS
) -> Iterator[pa.RecordBatch]:
    """Stream some columns of all rows, or of those a predicate holds for."""
    query = table.search().select(list(columns))
    if predicate is not None:
        query = query.where(predicate)
    with told(f"cannot read {table.name}"):
        yield from query.to_batches(rows)


def batches_of(
    table: "Table", ids: UInt64[np.ndarray, " row"], columns: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """Stream some columns of the rows with these ids (ascending); no other fragment is touched.

    A scan with a predicate would read narrow columns of every fragment, and fail with a damaged one.
    """
    asked = list(dict.fromkeys([*columns, ROW_ID]))
    for first in range(0, len(ids), READ_ROWS):
        chosen = ids[first : first + READ_ROWS]
        with told(f"cannot read {table.name}"):
            read = table.take_row_ids(chosen.tolist()).select(asked).to_arrow()
        if len(read) != len(chosen):
            raise StorageError(f"{table.name} gave {len(read)} of {len(chosen)} rows")
        came = read.column(ROW_ID).to_numpy()
        if not np.array_equal(came, chosen):  # Lance gives them in its own order
            place = np.empty(len(chosen), dtype=np.int64)
            place[np.argsort(chosen)] = np.argsort(came)
            read = read.take(pa.array(place))
        yield from read.select(list(columns)).combine_chunks().to_batches()


def fragment_of(ids: UInt64[np.ndarray, " row"]) -> UInt64[np.ndarray, " row"]:
    """Return the fragment each row lies in."""
    return ids >> np.uint64(FRAGMENT_BITS)


def fragment_predicate(fragment: int) -> str:
    """Return the predicate that holds for the rows of one fragment."""
    first, beyond = fragment << FRAGMENT_BITS, (fragment + 1) << FRAGMENT_BITS
    return f"{ROW_ID} >= {first} AND {ROW_ID} < {beyond}"


def refresh(table: "Table") -> None:
    """See what other handles on the same table have committed meanwhile."""
    with told(f"cannot read {table.name}"):
        table.checkout_latest()  # type: ignore[no-untyped-call]


def optimise(folder: Path, name: str, keep_versions: timedelta) -> None:
    """Merge small fragments of a table, write those anew that hold deleted rows, and delete old versions.

    Nobody else writes while the caller holds the writer lock, so files that no version names are what a
    killed writer left, and go as well.

    Args:
        folder: the gallery.
        name: of its table.
        keep_versions: versions younger than this stay.
    """
    if keep_versions < timedelta(0):
        raise InputError(f"versions cannot be kept for {keep_versions}; give zero or more")
    table = open_table(folder, name)
    with told(f"cannot compact {name}"), warnings.catch_warnings():
        # Lance warns of what `keep_versions` says already
        warnings.filterwarnings("ignore", r"optimize\(cleanup_older_than=0\)")
        table.optimize(cleanup_older_than=keep_versions, delete_unverified=True)
        if _rewrite_fragments_with_deletions(folder, table):
            table.optimize(cleanup_older_than=keep_versions, delete_unverified=True)


def _rewrite_fragments_with_deletions(folder: Path, table: "Table") -> bool:
    """Write fragments anew that still hold the bytes of deleted rows; return whether there were any.

    Lance does so by itself only once a tenth of a fragment is deleted; a person who asks to be deleted
    cannot wait for that. A deletion file is named after its fragment, ``<fragment>-<version>-<id>``; an
    update of a fragment's rows writes them to a new one.
    """
    files = (table_path(folder, table.name) / "_deletions").glob("*-*-*.*")
    marked = {int(path.name.split("-")[0]) for path in files}
    there = set(np.unique(fragment_of(row_ids(table))).tolist())
    for fragment in sorted(marked & there):
        table.update(where=fragment_predicate(fragment), values_sql={"model": "model"})
    return bool(marked & there)
