"""How the terms of a description lie before the kernels; worked out once for the same terms."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Int64
from numpy import ndarray

from attrieve.gallery.exact.compiling import LANES

_MOST_LANES = 120  # numbers of up to 4,081 whose squares fit into 31 bits, added up
_MOST_KEPT = 256


@lru_cache(maxsize=_MOST_KEPT)
def laid_out(
    terms: tuple[tuple[int, ...], ...],
) -> tuple[Int64[ndarray, " bound"], Int64[ndarray, " named"]]:
    """Return where each term starts, and the attributes of all terms one behind the other."""
    start = np.cumsum([0, *(len(term) for term in terms)]).astype(np.int64)
    attribute = np.array([attribute for term in terms for attribute in term], dtype=np.int64)
    return _unchanging(start), _unchanging(attribute)


@dataclass(frozen=True, eq=False)
class Layout:
    """What the kernels take of terms, whatever is asked of them.

    Args:
        plain: which terms are of one attribute that no other names; these go into the plain loop over all.
        lane: for each plain term, its attribute's position among the lanes.
        lanes: how many there are.
        begins: attributes at which lanes start.
        multiplicity: how often one attribute is named at most.
        largest: the largest whole weight, so that the sum of squares fits into 32 bits whatever the codes.
    """

    plain: Bool[ndarray, " term"]
    lane: Int64[ndarray, " plain"]
    lanes: int
    begins: Int64[ndarray, " _"]
    multiplicity: int
    largest: int

    @classmethod
    @lru_cache(maxsize=_MOST_KEPT)
    def of(cls, terms: tuple[tuple[int, ...], ...], attributes: int) -> "Layout":
        """Return the layout of terms over so many attributes; the arrays are shared and cannot be written."""
        start, attribute = laid_out(terms)
        named = np.bincount(attribute, minlength=attributes)
        first = attribute[start[:-1]]
        plain = (np.diff(start) == 1) & (named[first] == 1)
        begins = _begins(attributes)
        return cls(
            _unchanging(plain),
            _unchanging(_lanes_of(attributes, begins)[first[plain]]),
            LANES * len(begins) or attributes,
            _unchanging(begins),
            int(named.max()),
            int((2**15 - 1) * min(1.0, math.sqrt(_MOST_LANES / max(1, plain.sum())))),
        )


def _unchanging(array: ndarray) -> ndarray:
    array.flags.writeable = False
    return array


def _begins(attributes: int) -> Int64[ndarray, " _"]:
    if attributes < LANES:
        return np.empty(0, dtype=np.int64)
    return np.unique([*range(0, attributes - LANES + 1, LANES), attributes - LANES])


def _lanes_of(attributes: int, begins: Int64[ndarray, " _"]) -> Int64[ndarray, " attribute"]:
    """Return the lane that counts each attribute: the first of those that read it."""
    if not len(begins):
        return np.arange(attributes)
    place = np.full(attributes, LANES * len(begins), dtype=np.int64)
    for number, begin in enumerate(begins.tolist()):
        here = slice(begin, begin + LANES)
        place[here] = np.minimum(place[here], np.arange(LANES) + LANES * number)
    return place
