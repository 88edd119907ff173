"""Columns that filters ask for, kept in memory once read, so that the next filter need not read them again.

Reading a column of a million rows takes the store a quarter of a second, which is more than the search that
follows; evaluating a condition on a column in memory takes milliseconds.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Bool, UInt64

from attrieve.gallery.database.filters import (
    Condition,
    Day,
    Filter,
    FilterValue,
    Operator,
    require_column,
    require_fitting,
)
from attrieve.gallery.database.lance import told
from attrieve.gallery.database.layout import ROW_ID
from attrieve.gallery.database.rows import in_utc
from attrieve.gallery.database.text import escape_text

if TYPE_CHECKING:
    from lancedb.table import Table

LARGEST_BYTES = 1 << 28
"""All columns kept together; one that would go beyond is left to the store."""

_COMPARISONS: dict[Operator, Callable[[pa.Array, pa.Scalar], pa.Array]] = {
    Operator.EQUAL: pc.equal,
    Operator.LESS: pc.less,
    Operator.AT_MOST: pc.less_equal,
    Operator.GREATER: pc.greater,
    Operator.AT_LEAST: pc.greater_equal,
}
_TEXT_COMPARISONS = {Operator.CONTAINS: pc.match_substring, Operator.STARTS_WITH: pc.starts_with}


class FilterColumns:
    """The columns of one version of a table that filters have asked for; may be used by several threads.

    Args:
        table: fixed at a version.
        largest_bytes: of all columns kept together.
    """

    def __init__(self, table: "Table", largest_bytes: int = LARGEST_BYTES) -> None:
        self._table = table
        self._largest = largest_bytes
        self._lock = Lock()
        self._ids: UInt64[np.ndarray, " row"] | None = None
        self._kept: dict[str, pa.Array] = {}
        self._left_out: set[str] = set()

    def select(self, wanted: Filter, kinds: Mapping[str, pa.DataType]) -> UInt64[np.ndarray, " some"] | None:
        """Return the ids of the rows that meet a filter, ascending; None where the store must look itself.

        Args:
            wanted: at least one condition.
            kinds: type of each column a filter may name.

        Raises:
            InputError: for a condition that does not fit its column.
            StorageError: if a column cannot be read.
        """
        for condition in wanted.conditions:
            require_fitting(condition, require_column(condition.column, kinds))
        names = dict.fromkeys(condition.column for condition in wanted.conditions)
        if not names:
            return None
        with self._lock:
            for name in names:
                if name not in self._kept and name not in self._left_out:
                    self._read(name)
            if self._ids is None or not names.keys() <= self._kept.keys():
                return None
            ids, columns = self._ids, {name: self._kept[name] for name in names}
        keep = np.ones(len(ids), dtype=np.bool_)
        for each in wanted.conditions:
            keep &= _met(columns[each.column], each)
        return ids[keep]

    def _read(self, name: str) -> None:
        with told(f"cannot read {self._table.name}"):
            read = self._table.search().select([name, ROW_ID]).to_arrow().combine_chunks()
        ids = read.column(ROW_ID).to_numpy()
        order = None if (ids[1:] > ids[:-1]).all() else np.argsort(ids)
        chunks = read.column(name).chunks
        column = pa.concat_arrays(chunks) if chunks else pa.array([], read.schema.field(name).type)
        if order is not None:
            ids, column = ids[order], column.take(pa.array(order))
        if pa.types.is_string(column.type):
            column = column.dictionary_encode()
        if self._unfit(column):
            self._left_out.add(name)
            return
        self._ids = ids if self._ids is None else self._ids
        self._kept[name] = column

    def _unfit(self, column: pa.Array) -> bool:
        """Return whether a column is too large, or holds NaN, which the store orders as a number."""
        if column.nbytes + sum(kept.nbytes for kept in self._kept.values()) > self._largest:
            return True
        return pa.types.is_floating(column.type) and bool(pc.any(pc.is_nan(column)).as_py())


def _met(column: pa.Array, condition: Condition) -> Bool[np.ndarray, " row"]:
    """Return for each row whether it meets a condition."""
    known = [value for value in condition.values if value is not None]
    each = Operator.EQUAL if condition.operator is Operator.NOT_EQUAL else condition.operator
    met = np.zeros(len(column), dtype=np.bool_)
    for value in known:
        met |= _spread(column, partial(_compare, how=each, value=value))
    missing: Bool[np.ndarray, " row"] = pc.is_null(column).to_numpy(zero_copy_only=False)
    if condition.operator is Operator.NOT_EQUAL:
        met = ~met & ~missing
    elif None in condition.values:
        met |= missing
    return met


def _spread(column: pa.Array, compare: Callable[[pa.Array], pa.Array]) -> Bool[np.ndarray, " row"]:
    """Compare every distinct text once, then every row by the number of its text; unknown is False."""
    if pa.types.is_dictionary(column.type):
        distinct = np.append(_truth(compare(column.dictionary)), np.False_)
        spread: Bool[np.ndarray, " row"] = distinct[
            column.indices.fill_null(len(distinct) - 1).to_numpy(zero_copy_only=False)
        ]
        return spread
    return _truth(compare(column))


def _truth(compared: pa.Array) -> Bool[np.ndarray, " row"]:
    truth: Bool[np.ndarray, " row"] = compared.fill_null(False).to_numpy(zero_copy_only=False)
    return truth


def _compare(values: pa.Array, how: Operator, value: FilterValue) -> pa.Array:
    if isinstance(value, Day):
        return _compare_day(values, how, value)
    if how in _TEXT_COMPARISONS:
        return _TEXT_COMPARISONS[how](values, escape_text(str(value)))
    if isinstance(value, str):
        scalar = pa.scalar(escape_text(value))
    elif isinstance(value, datetime):
        scalar = pa.scalar(in_utc(value), values.type)
    elif values.type == pa.float32():
        scalar = pa.scalar(np.float32(value))  # a value equals 0.1 only if both are rounded alike
    else:
        scalar = pa.scalar(float(value) if pa.types.is_floating(values.type) else value)
    return _COMPARISONS[how](values, scalar)


def _compare_day(values: pa.Array, how: Operator, day: Day) -> pa.Array:
    start = pa.scalar(day.start, values.type)
    if how is Operator.LESS:
        return pc.less(values, start)
    if how is Operator.AT_LEAST:
        return pc.greater_equal(values, start)
    end = pa.scalar(day.end, values.type)
    if how is Operator.AT_MOST:
        return pc.less(values, end)
    if how is Operator.GREATER:
        return pc.greater_equal(values, end)
    return pc.and_(pc.greater_equal(values, start), pc.less(values, end))
