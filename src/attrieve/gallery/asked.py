"""A description as columns: what is asked, and what each row shows of it."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from attrieve.schema import AttributeQuery
from attrieve.scoring.euclidean import euclidean_distance, euclidean_maximum


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


def shown(
    asked: tuple[Asked, ...], probability: Float[Tensor, "person attribute"]
) -> Float[Tensor, "person asked"]:
    """Return the probability of each thing asked; of "one of these", that of the likeliest.

    The likeliest alternative is the nearest one, since ``min (1 - p)^2 = (1 - max p)^2``.
    """
    if all(len(column.attributes) == 1 for column in asked):
        return probability[:, [column.attributes[0] for column in asked]]
    return torch.stack([probability[:, list(column.attributes)].amax(dim=1) for column in asked], dim=1)


def attribute_distance(
    asked: tuple[Asked, ...], probability: Float[Tensor, "person attribute"]
) -> Float[Tensor, "1 person"]:
    """Return the Euclidean distance over what is asked, weighted by certainty (paper, "Retrieval").

    ``d = sqrt( sum over asked of certainty * (wanted - shown)^2 )``; open attributes take no part.
    """
    return euclidean_distance(targets(asked), shown(asked, probability), certainties(asked))


def attribute_maximum(asked: tuple[Asked, ...]) -> Float[Tensor, " 1"]:
    """Return the largest :func:`attribute_distance` there can be, ``sqrt(sum of certainties)``."""
    return euclidean_maximum(targets(asked), certainties(asked))


def targets(asked: tuple[Asked, ...]) -> Float[Tensor, "1 asked"]:
    """Return 1 for each thing wanted, 0 for each unwanted."""
    return torch.tensor([[float(column.wanted) for column in asked]])


def certainties(asked: tuple[Asked, ...]) -> Float[Tensor, "1 asked"]:
    """Return the certainty of each thing asked."""
    return torch.tensor([[column.certainty for column in asked]])
