"""Why a row stands where it stands: per thing asked, what the model saw and what it cost."""

from collections.abc import Sequence

from attrieve.gallery.asked import Asked
from attrieve.schema import AttributeQuery, AttributeReason, AttributeSchema


def reasons(
    asked: tuple[Asked, ...], schema: AttributeSchema, probability: Sequence[float]
) -> tuple[AttributeReason, ...]:
    """Explain one row's attribute distance, one reason per thing asked; ``probability`` is one per attribute.

    Of "one of these" the likeliest attribute is named, the one the distance was measured to. The
    share is ``certainty * (wanted - p)^2`` over the sum of all such; shares sum to 1, or are all 0 if
    the distance is.
    """
    best = [max(column.attributes, key=lambda index: probability[index]) for column in asked]
    costs = [
        column.certainty * (float(column.wanted) - probability[index]) ** 2
        for column, index in zip(asked, best, strict=True)
    ]
    total = sum(costs)
    return tuple(
        AttributeReason(
            attribute=schema.names[index],
            wanted=column.wanted,
            certainty=column.certainty,
            probability=probability[index],
            matches=(probability[index] >= 0.5) == column.wanted,
            share=cost / total if total > 0 else 0.0,
        )
        for column, index, cost in zip(asked, best, costs, strict=True)
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
