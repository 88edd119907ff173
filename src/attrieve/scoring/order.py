"""The one ordering, for validation, reports and search: nearest first, ties by person position."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from attrieve.errors import InputError


def order(distance: Float[Tensor, "query person"]) -> Int64[Tensor, "query person"]:
    """Return person positions per query, nearest first; equal distances keep the order of persons.

    Raises:
        InputError: for a NaN.

    >>> import torch
    >>> order(torch.tensor([[0.5, 0.1, 0.5, 0.0]]))
    tensor([[3, 1, 0, 2]])
    """
    _refuse_nan(distance)
    return torch.argsort(distance, dim=1, stable=True)


def nearest(distance: Float[Tensor, "query person"], k: int) -> Int64[Tensor, "query found"]:
    """Return the first ``min(k, person)`` columns of :func:`order`, without sorting all persons.

    Raises:
        InputError: for a NaN, or ``k`` below 1.

    >>> import torch
    >>> nearest(torch.tensor([[0.5, 0.1, 0.5, 0.0]]), 3)
    tensor([[3, 1, 0]])
    """
    if k < 1:
        raise InputError(f"ask for at least 1 nearest person, got {k}")
    _refuse_nan(distance)
    persons = distance.shape[1]
    if k >= persons or distance.shape[0] == 0:
        return order(distance)[:, :k]
    farthest = torch.topk(distance, k, dim=1, largest=False, sorted=True).values[:, -1]
    return torch.stack([_first(row, bound, k) for row, bound in zip(distance, farthest, strict=True)])


def _first(row: Float[Tensor, " person"], bound: Float[Tensor, ""], k: int) -> Int64[Tensor, " found"]:
    # All persons tied at the bound come along, so that the stable sort decides among them.
    candidates = torch.nonzero(row <= bound).squeeze(1)
    return candidates[torch.argsort(row[candidates], stable=True)[:k]]


def _refuse_nan(distance: Float[Tensor, "query person"]) -> None:
    if bool(distance.isnan().any()):
        where = torch.nonzero(distance.isnan())[0].tolist()
        raise InputError(
            f"distances must not be NaN; found one at query {where[0]}, person {where[1]}: check the vectors "
            "it comes from"
        )
