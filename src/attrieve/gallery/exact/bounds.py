"""A description made ready for the kernels, and how far what they compute can be from the truth.

All bounds are worst cases: of the codes (measured when they were made), of the description's own
quantisation, and of float32 arithmetic. Inside, attribute distances are in units of the root of the
largest certainty, which keeps float32 far from its limits.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32, Float64, Int16, Int64
from numpy import ndarray

from attrieve.errors import InputError
from attrieve.gallery.exact.quantise import CENTRE, UNIT_TOLERANCE
from attrieve.gallery.exact.query import FusedQuery
from attrieve.gallery.exact.selection_kernels import lesser_line
from attrieve.gallery.exact.terms import Layout, laid_out

FLOAT32 = 2.0**-24
_MOST_OFF = 1.5  # more than rounding target (0.25) and weight (0.07) and rounding down (1) do to a number
_LEAST_FACTOR = 1e-30  # below, float32 would lose digits; what that leaves out is counted
_OUTSIDE_SLACK = 1e-12  # more than the roundings of float64
_EMBEDDING_SLACK = 3e-6  # more than the roundings of float32 in base - factor * scale * total +- left


@dataclass(frozen=True, eq=False)
class AskedAttributes:
    """The attribute side of a description; no terms if it takes no part.

    Args:
        begins: attributes at which the kernels' sixteen lanes start; none for fewer than sixteen.
        weight, offset: for each lane, or each attribute without lanes, whole numbers, 0 where no term
            names the attribute alone: the term adds ``step * (weight * (32 code - offset) / 65536)^2``.
        step: the square of the unit over that of these numbers.
        set_start, set_attribute: positions of the attributes of the other terms, one behind the other.
        set_weight, set_offset: the same numbers for these.
        unit: root of the largest certainty.
        total: sum of certainties over the largest.
        terms, multiplicity: how many terms, and how often one attribute is named at most.
    """

    begins: Int64[ndarray, " _"]
    weight: Int16[ndarray, " lane"]
    offset: Int16[ndarray, " lane"]
    step: np.float32
    set_start: Int64[ndarray, " bound"]
    set_attribute: Int64[ndarray, " named"]
    set_weight: Float32[ndarray, " several"]
    set_offset: Float32[ndarray, " several"]
    unit: float
    total: float
    terms: int
    multiplicity: int

    def arrays(self) -> tuple[ndarray | np.generic, ...]:
        """Return what the kernels take."""
        return (
            self.begins,
            self.weight,
            self.offset,
            self.step,
            self.set_start,
            self.set_attribute,
            self.set_weight,
            self.set_offset,
        )

    def error(
        self, largest: Float32[ndarray, " block"], length: Float32[ndarray, " block"]
    ) -> Float64[ndarray, " block"]:
        """Return the largest error of the distance, in units, from the errors of the codes.

        Triangle inequality: the distance is a length, so it errs by at most the length of the error:
        ``sqrt(sum c) * largest``, or the length of a row's error when each attribute is named once.
        """
        slack = 2 * math.sqrt(self.total) * (self.terms + 16) * FLOAT32
        whole = math.sqrt(self.terms) * _MOST_OFF * math.sqrt(self.step)
        found = np.empty(len(length))
        lesser_line(
            largest, math.sqrt(self.total), length, math.sqrt(self.multiplicity), slack + whole, found
        )
        return found


@dataclass(frozen=True, eq=False)
class AskedEmbedding:
    """The embedding side of a description; no entries if it takes no part.

    Args:
        wanted: the vector in whole numbers.
        bias: their sum, times the code of 0.
        factor: length of one step of ``wanted``.
        base: 1, or 0 if it takes no part.
        length: of the vector.
        missed: length of what ``wanted`` leaves out.
        outside: length of what lies outside the directions asked about, 0 if these are all.
    """

    wanted: Int16[ndarray, " dim"]
    bias: np.int32
    factor: np.float32
    base: np.float32
    length: float
    missed: float
    outside: float = 0.0

    def arrays(self) -> tuple[ndarray | np.generic, ...]:
        """Return what the kernels take."""
        return self.wanted, self.bias, self.factor, self.base

    def error(self, length: Float32[ndarray, " block"]) -> Float64[ndarray, " block"]:
        """Return the largest error of the distance from the lengths of the errors of the codes.

        Cauchy-Schwarz: ``|<q, x> - <q', x'>| <= |q| |x - x'| + |q - q'| |x'|``. What lies outside the
        directions is not in it; it adds at most :attr:`outside` times the length of what rows have there.
        """
        slope, start = self.length + self.missed, self.missed * (1 + UNIT_TOLERANCE) + _EMBEDDING_SLACK
        found = np.empty(len(length))
        lesser_line(length, slope, length, slope, start, found)
        return found


@dataclass(frozen=True, eq=False)
class ExactTerms:
    """A description as the rescoring takes it: float64, terms one behind the other."""

    vector: Float64[ndarray, " dim"]
    term_start: Int64[ndarray, " bound"]
    term_attribute: Int64[ndarray, " named"]
    target: Float64[ndarray, " term"]
    certainty: Float64[ndarray, " term"]

    def one_side(self, side: int | None) -> "ExactTerms":
        """Return attributes (0), the embedding (1) or both (None) alone."""
        if side is None:
            return self
        if side == 0:
            return replace(self, vector=np.empty(0))
        start, attribute = np.zeros(1, dtype=np.int64), np.empty(0, dtype=np.int64)
        return ExactTerms(self.vector, start, attribute, np.empty(0), np.empty(0))

    @property
    def static_attribute_maximum(self) -> float:
        """The largest attribute distance there can be: root of the sum of certainties."""
        return math.sqrt(math.fsum(self.certainty.tolist()))


@dataclass(frozen=True, eq=False)
class PreparedQuery:
    """A description ready for the kernels; ``attribute`` or ``embedding`` is None without a part."""

    exact: ExactTerms
    attribute: AskedAttributes | None
    embedding: AskedEmbedding | None

    def one_side(self, side: int) -> "PreparedQuery":
        """Return the attribute (0) or the embedding side (1) alone, for distances of which one counts."""
        return replace(self, embedding=None) if side == 0 else replace(self, attribute=None)

    def along(self, directions: Float64[ndarray, "dim direction"]) -> AskedEmbedding | None:
        """Return the embedding side along orthonormal directions."""
        if self.embedding is None:
            return None
        inside = self.exact.vector @ directions
        outside = float(np.linalg.norm(self.exact.vector - directions @ inside))
        return replace(_ask_embedding(inside), outside=outside + _OUTSIDE_SLACK)


def prepare(query: FusedQuery, dim: int | None, attributes: int | None) -> PreparedQuery:
    """Fit a description to columns; a side whose column or weight is missing takes no part.

    Raises:
        InputError: if no side is left, the embedding is of another width, or an attribute is not there.
    """
    by_attribute = query.asks_attributes and attributes is not None
    by_embedding = query.asks_embedding and dim is not None
    if not (by_attribute or by_embedding):
        raise InputError(
            "nothing to search by: the description and the columns share neither attributes nor an embedding "
            "of a weight above 0"
        )
    if by_embedding and query.embedding is not None and len(query.embedding) != dim:
        raise InputError(
            f"the columns hold embeddings of {dim} entries, {len(query.embedding)} were asked for"
        )
    exact = _exact(query, by_attribute, by_embedding)
    if by_attribute and attributes is not None and exact.term_attribute.max(initial=-1) >= attributes:
        raise InputError(
            f"the columns hold {attributes} attributes, numbered from 0; attribute "
            f"{exact.term_attribute.max()} was asked for"
        )
    return PreparedQuery(
        exact,
        (
            _ask_attributes(exact, query.terms or (), attributes)
            if attributes and exact.certainty.max(initial=0) > 0
            else None
        ),
        _ask_embedding(exact.vector) if by_embedding else None,
    )


def _exact(query: FusedQuery, by_attribute: bool, by_embedding: bool) -> ExactTerms:
    empty = np.empty(0)
    start, attribute = laid_out(query.terms if by_attribute and query.terms is not None else ())
    return ExactTerms(
        query.embedding.astype(np.float64) if by_embedding and query.embedding is not None else empty,
        start,
        attribute,
        query.target.astype(np.float64) if by_attribute and query.target is not None else empty,
        query.certainty.astype(np.float64) if by_attribute and query.certainty is not None else empty,
    )


def _ask_attributes(
    exact: ExactTerms, terms: tuple[tuple[int, ...], ...], attributes: int
) -> AskedAttributes:
    layout = Layout.of(terms, attributes)
    plain, largest = layout.plain, layout.largest
    most = float(exact.certainty.max())
    share = exact.certainty / most
    root = np.sqrt(share)
    weight, offset = np.zeros((2, layout.lanes), np.int16)
    weight[layout.lane] = np.rint(root[plain] * largest)
    offset[layout.lane] = np.rint(exact.target[plain] * (32 * 255))
    listed = ~plain & (root > 0)
    size = np.diff(exact.term_start)
    return AskedAttributes(
        layout.begins,
        weight,
        offset,
        np.float32((65536 / (32 * 255 * largest)) ** 2),
        np.concatenate([[0], np.cumsum(size[listed])]).astype(np.int64),
        exact.term_attribute[np.repeat(listed, size)],
        (root[listed] / 255).astype(np.float32),
        (root[listed] * exact.target[listed]).astype(np.float32),
        unit=math.sqrt(most),
        total=float(share.sum()),
        terms=len(exact.certainty),
        multiplicity=layout.multiplicity,
    )


def _ask_embedding(vector: Float64[ndarray, " dim"]) -> AskedEmbedding:
    # The sum over a row must fit into 32 bits, whatever the codes.
    steps = min(2**15 - 1, (2**31 - 1) // (255 * len(vector)))
    factor = np.float32(max(np.abs(vector).max() / steps * (1 + 2.0**-20), _LEAST_FACTOR))
    wanted = np.rint(vector / np.float64(factor))
    return AskedEmbedding(
        wanted.astype(np.int16),
        np.int32(CENTRE * wanted.sum()),
        factor,
        np.float32(1),
        length=float(np.linalg.norm(vector)),
        missed=float(np.linalg.norm(vector - wanted * np.float64(factor))),
    )
