"""Why a row stands where it stands: per thing asked, what the model saw and what it cost."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from attrieve.gallery.asked import Asked
from attrieve.schema import AttributeQuery, AttributeReason, AttributeSchema
from attrieve.scoring.fusion import Fusion


class Factors(NamedTuple):
    """What either distance is multiplied by before they are added: its weight over its maximum.

    >>> Factors.of(Fusion(attribute_weight=0.2), attribute_maximum=4.0, embedding_maximum=0.0)
    Factors(attribute=0.05, embedding=0.0)
    """

    attribute: float
    embedding: float

    @classmethod
    def of(cls, fusion: Fusion, attribute_maximum: float, embedding_maximum: float) -> "Factors":
        """Return the factors of a search; a maximum of 0 means that the side adds nothing."""
        return cls(
            fusion.attribute_weight / attribute_maximum if attribute_maximum > 0 else 0.0,
            fusion.embedding_weight / embedding_maximum if embedding_maximum > 0 else 0.0,
        )


def reasons(
    asked: tuple[Asked, ...],
    schema: AttributeSchema,
    probability: Sequence[float],
    *,
    factor: float | None = None,
) -> tuple[AttributeReason, ...]:
    """Explain one row's attribute distance, one reason per thing asked.

    Of "one of these" the likeliest attribute is named, the one the distance was measured to. The
    share is ``certainty * (wanted - p)^2`` over the sum of all such; shares sum to 1, or are all 0 if
    the distance is.

    The contribution is the share of the distance times ``factor``. That a square root is divided like the
    sum under it is no mere convention: the distance grows in proportion with the errors
    ``e_a = wanted - p_a``, so by Euler's theorem it is ``sum_a e_a * (its derivative by e_a)``, and each of
    these terms is the share times the distance. (The Aumann-Shapley value of cooperative games, along the
    line from no errors, gives the same.)

    Args:
        asked: what was asked.
        schema: names the attributes.
        probability: one per attribute, in [0, 1].
        factor: what the distance is multiplied by in the fused one, at least 0; None tells no contributions.
    """
    best = [max(column.attributes, key=lambda index: probability[index]) for column in asked]
    costs = [
        column.certainty * (float(column.wanted) - probability[index]) ** 2
        for column, index in zip(asked, best, strict=True)
    ]
    total = math.fsum(costs)
    distance = math.sqrt(total)
    shares = [cost / total if total > 0 else 0.0 for cost in costs]
    return tuple(
        AttributeReason(
            attribute=schema.names[index],
            wanted=column.wanted,
            certainty=column.certainty,
            probability=probability[index],
            matches=(probability[index] >= 0.5) == column.wanted,
            share=share,
            contribution=None if factor is None else share * distance * factor,
        )
        for column, index, share in zip(asked, best, shares, strict=True)
    )


def fulfils(query: AttributeQuery, values: Sequence[int]) -> bool | None:
    """Return whether known values are what a description asks; None if an unknown one decides.

    Args:
        query: the description; certainty plays no part.
        values: one per attribute: 1 yes, 0 no, -1 unknown.

    >>> from attrieve.schema import load_vocabulary, parse_query
    >>> schema = load_vocabulary("peta35")
    >>> fulfils(parse_query("!hat", schema), [0] * 35), fulfils(parse_query("hat", schema), [-1] * 35)
    (True, None)
    """
    verdicts = []
    for term in query.terms:
        found = [values[index] for index in term.attributes]
        holds = True if 1 in found else None if -1 in found else False
        verdicts.append(None if holds is None else holds == term.wanted)
    return False if False in verdicts else None if None in verdicts else True
