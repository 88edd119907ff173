"""A description as columns: what is asked, one thing after the other."""

from dataclasses import dataclass

from attrieve.schema import AttributeQuery


@dataclass(frozen=True)
class Asked:
    """One thing asked about: an attribute, or the best of several.

    Args:
        attributes: positions in the schema; several mean "one of these".
        wanted: whether it shall hold.
        certainty: in (0, 1].
    """

    attributes: tuple[int, ...]
    wanted: bool
    certainty: float


def asked_columns(query: AttributeQuery) -> tuple[Asked, ...]:
    """List what a description asks, by first attribute: one per attribute, one per "one of these".

    "None of these" asks about each on its own, so a full description has one column per attribute
    in schema order, whatever the order it was written in.
    """
    asked = []
    for term in query.terms:
        if term.wanted:
            asked.append(Asked(tuple(sorted(term.attributes)), True, term.certainty))
        else:
            asked.extend(Asked((index,), False, term.certainty) for index in term.attributes)
    return tuple(sorted(asked, key=lambda column: column.attributes))
