"""What is asked of an exact search: one description as numbers."""

from copy import copy
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from attrieve.errors import InputError
from attrieve.scoring.fusion import Fusion

LEAST = 1e-50
"""The smallest certainty above 0, and 1 / LEAST the largest: their roots are ordinary float32 numbers."""


@dataclass(frozen=True, eq=False)
class FusedQuery:
    """One description: what is asked of the attributes, and a vector for the embedding.

    The distance to a row is, in float64 and rounded to float32 once,

    ``d = w_a * sqrt(sum over terms of c (target - shown)^2) / M_a + w_e * (1 - <embedding, x>) / M_e``

    where a term shows the largest probability of its attributes ("one of these"), and 1 - <.,.> is
    held within [0, 2].

    Args:
        target: in [0, 1] for each term: 1 wanted, 0 unwanted. None if attributes take no part.
        certainty: at least 0 for each term; 0 leaves it open. None means 1 everywhere.
        terms: positions in the schema for each term; None means term i is attribute i.
        embedding: where the person is expected; brought to length 1. None if it takes no part.
        fusion: weights and normalisation.

    Raises:
        InputError: for a value that is out of range, NaN, or of another length than the targets.

    >>> FusedQuery(target=np.array([1.0, 0.0])).terms
    ((0,), (1,))
    """

    target: Float[ndarray, " term"] | None = None
    certainty: Float[ndarray, " _"] | None = None
    terms: tuple[tuple[int, ...], ...] | None = None
    embedding: Float[ndarray, " dim"] | None = None
    fusion: Fusion = field(default_factory=Fusion)

    def __post_init__(self) -> None:
        if self.target is not None:
            self._check_terms(np.asarray(self.target, dtype=np.float64))
        elif self.certainty is not None or self.terms is not None:
            raise InputError("certainties and terms need targets; hand them in as well, or neither")
        if self.embedding is not None:
            object.__setattr__(self, "embedding", _unit(np.asarray(self.embedding, dtype=np.float64)))

    def _check_terms(self, target: Float[ndarray, " term"]) -> None:
        count = len(target)
        certainty = np.ones(count) if self.certainty is None else np.asarray(self.certainty, np.float64)
        terms = tuple((index,) for index in range(count)) if self.terms is None else self.terms
        if not len(certainty) == len(terms) == count:
            raise InputError(
                f"each term needs a target and a certainty: {len(terms)} terms, {count} targets, "
                f"{len(certainty)} certainties came"
            )
        if not ((target >= 0) & (target <= 1)).all():
            raise InputError(f"targets lie in [0, 1], got {target.tolist()}")
        if not ((certainty == 0) | ((certainty >= LEAST) & (certainty <= 1 / LEAST))).all():
            raise InputError(
                f"certainties are 0 or between {LEAST} and {1 / LEAST}, got {certainty.tolist()}"
            )
        if not all(len(term) and min(term) >= 0 for term in terms):
            raise InputError(f"a term names at least one attribute, by its position from 0; got {terms}")
        object.__setattr__(self, "target", target)
        object.__setattr__(self, "certainty", certainty)
        object.__setattr__(self, "terms", terms)

    def with_fusion(self, fusion: Fusion) -> "FusedQuery":
        """Return the same description under another fusion; its numbers stay as they are, to the last bit."""
        if fusion == self.fusion:
            return self
        other = copy(self)  # made anew, the embedding would be brought to length 1 a second time
        object.__setattr__(other, "fusion", fusion)
        return other

    @property
    def asks_attributes(self) -> bool:
        """Whether attributes take part."""
        return self.target is not None and self.fusion.attribute_weight > 0

    @property
    def asks_embedding(self) -> bool:
        """Whether the embedding takes part."""
        return self.embedding is not None and self.fusion.embedding_weight > 0


def _unit(vector: Float[ndarray, " dim"]) -> Float[ndarray, " dim"]:
    largest = float(np.abs(vector).max(initial=0.0))
    if not (np.isfinite(largest) and largest > 0):
        raise InputError(
            f"the embedding asked for must be finite and not all 0; its largest entry is {largest}"
        )
    scaled = vector / largest
    return np.asarray(scaled / np.linalg.norm(scaled), dtype=np.float64)
