"""Inner products of queries and persons whose ties stay ties."""

import torch
from jaxtyping import Float, Float32
from torch import Tensor

_BLOCK_VALUES = 1 << 24  # values held at once while one query is multiplied row by row


def inner_products(
    query: Float[Tensor, "query dim"], person: Float[Tensor, "person dim"]
) -> Float32[Tensor, "query person"]:
    """Return ``query @ person.T`` in float32.

    A matrix product may add up equal rows in different orders, by where they stand, so that bit-identical
    persons differ in the last bit and ties no longer resolve by order. For a single query, which costs no
    more row by row since it is bound by memory, each row is therefore summed on its own and alike. For
    several queries the matrix product's speed is worth that last bit.

    >>> inner_products(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0], [0.5, 0.0]]))
    tensor([[11.0000,  0.5000]])
    """
    left, right = query.float(), person.float()
    if len(left) != 1 or not right.numel():
        return left @ right.T
    rows = max(1, _BLOCK_VALUES // right.shape[1])
    sums = [(left * block).sum(dim=1) for block in torch.split(right, rows)]
    return torch.cat(sums)[None]
