"""Many descriptions made ready for one pass: what is asked of them side by side, and its rounding."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int16, Int64
from numpy import ndarray

from attrieve.gallery.exact.batch_kernels import GROUP
from attrieve.gallery.exact.bounds import FLOAT32, AskedEmbedding, ExactTerms, PreparedQuery

_LEAST_STEP = 1e-30  # below, float32 would lose digits; the bound counts what is left out


@dataclass(frozen=True, eq=False)
class AskedVectors:
    """The embedding side of all queries, padded to groups of 16; all 0 where it takes no part.

    Args:
        pairs: whole numbers in the order (group, pair of entries, query of the group, entry of the pair).
        factor, base, outside: of each query, as in :class:`~attrieve.gallery.exact.bounds.AskedEmbedding`.
    """

    pairs: Int16[ndarray, " whole"]
    factor: Float32[ndarray, " padded"]
    base: Float32[ndarray, " padded"]
    outside: Float32[ndarray, " padded"]

    @classmethod
    def of(cls, queries: Sequence[AskedEmbedding | None]) -> "AskedVectors":
        """Put the queries side by side."""
        padded = _padded(len(queries))
        dim = max((len(query.wanted) for query in queries if query is not None), default=0)
        wanted = np.zeros((padded, dim), dtype=np.int16)
        factor, base, outside = np.zeros((3, padded), dtype=np.float32)
        for number, query in enumerate(queries):
            if query is not None:
                wanted[number] = query.wanted
                factor[number], base[number], outside[number] = query.factor, query.base, query.outside
        return cls(_pairs(wanted), factor, base, outside)


@dataclass(frozen=True, eq=False)
class AskedSquares:
    """The attribute side of all queries as ``constant + linear * sum pairs * code + sum quadratic * code^2``.

    Columns are the attributes and behind them the sets that a term names ("one of these").

    Args:
        set_start, set_attribute: positions of the attributes of the sets, one behind the other.
        pairs: whole numbers as in :class:`AskedVectors`.
        constant, linear: of each query.
        quadratic: (column, query), or (1, column) if all queries agree, as with full descriptions.
        error: how far the square of a distance, in units, can be from that of the codes.
    """

    set_start: Int64[ndarray, " bound"]
    set_attribute: Int64[ndarray, " named"]
    pairs: Int16[ndarray, " whole"]
    constant: Float32[ndarray, " padded"]
    linear: Float32[ndarray, " padded"]
    quadratic: Float32[ndarray, "_ _"]
    error: Float64[ndarray, " query"]

    @classmethod
    def of(cls, queries: Sequence[PreparedQuery], attributes: int) -> "AskedSquares":
        """Multiply out what each query asks, and bound what that rounds away."""
        sets: dict[tuple[int, ...], int] = {}
        asked = [
            (number, query.exact, _columns(query.exact, attributes, sets))
            for number, query in enumerate(queries)
            if query.attribute is not None
        ]
        padded, columns = _padded(len(queries)), attributes + len(sets)
        straight, quadratic = np.zeros((2, padded, columns))
        constant = np.zeros(padded)
        for number, exact, column in asked:
            certainty = exact.certainty / exact.certainty.max()
            np.subtract.at(straight[number], column, 2 * certainty * exact.target)
            np.add.at(quadratic[number], column, certainty)
            constant[number] = (certainty * exact.target**2).sum()
        # The sum over all columns must fit into 32 bits, whatever the codes.
        steps = min(2**15 - 1, (2**31 - 1) // (255 * max(1, columns)))
        step = (np.abs(straight).max(axis=1, initial=0.0) / steps).astype(np.float32).astype(np.float64)
        step[step < _LEAST_STEP] = 0
        divisor = np.where(step > 0, step, np.inf)
        whole = np.rint(straight / divisor[:, None])
        missed = np.abs(straight - whole * step[:, None]).sum(axis=1)
        size = constant + np.abs(straight).sum(axis=1) + quadratic.sum(axis=1)
        real = slice(len(queries))
        quadratic /= 255**2
        agree = (quadratic[real] == quadratic[0]).all()
        return cls(
            np.cumsum([0, *(len(named) for named in sets)]).astype(np.int64),
            np.array([attribute for named in sets for attribute in named], dtype=np.int64),
            _pairs(whole.astype(np.int16)),
            constant.astype(np.float32),
            (step / 255).astype(np.float32),
            _wide(quadratic[:1] if agree else quadratic, agree=bool(agree)),
            ((missed + (columns + 40) * FLOAT32 * size) * (1 + 1e-6))[real],
        )


def weighed_alike(queries: Sequence[PreparedQuery]) -> bool:
    """Whether all queries name the same attributes with the same certainties, as full descriptions do."""
    first = queries[0].exact
    return all(
        np.array_equal(query.exact.term_attribute, first.term_attribute)
        and np.array_equal(query.exact.certainty, first.certainty)
        for query in queries[1:]
    )


def _columns(exact: ExactTerms, attributes: int, sets: dict[tuple[int, ...], int]) -> Int64[ndarray, " term"]:
    """Return the column of each term; terms that name several attributes get one in ``sets``."""
    columns = np.array(exact.term_attribute[exact.term_start[:-1]])
    for term in np.flatnonzero((np.diff(exact.term_start) != 1) & (exact.certainty > 0)).tolist():
        named = exact.term_attribute[exact.term_start[term] : exact.term_start[term + 1]]
        several = tuple(sorted(set(named.tolist())))
        if len(several) > 1:
            columns[term] = sets.setdefault(several, attributes + len(sets))
    return columns


def _padded(queries: int) -> int:
    return -(-queries // GROUP) * GROUP


def _pairs(whole: Int16[ndarray, "padded column"]) -> Int16[ndarray, " whole"]:
    padded, columns = whole.shape
    wide = np.zeros((padded, _width(columns)), dtype=np.int16)
    wide[:, :columns] = whole
    pairs = wide.reshape(padded // GROUP, GROUP, wide.shape[1] // 2, 2)
    return np.ascontiguousarray(pairs.swapaxes(1, 2)).reshape(-1)


def _wide(quadratic: Float64[ndarray, "query column"], *, agree: bool) -> Float32[ndarray, "_ _"]:
    wide = np.zeros((len(quadratic), _width(quadratic.shape[1])), dtype=np.float32)
    wide[:, : quadratic.shape[1]] = quadratic
    return wide if agree else np.ascontiguousarray(wide.T)


def _width(columns: int) -> int:
    return -(-columns // 8) * 8  # the kernels take two, and sometimes eight, at a time
