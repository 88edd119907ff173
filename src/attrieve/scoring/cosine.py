"""Distance between embeddings of descriptions and of images."""

from jaxtyping import Float, Float32
from torch import Tensor
from torch.nn.functional import normalize

from attrieve.scoring.products import inner_products


def cosine_distance(
    query: Float[Tensor, "query dim"], person: Float[Tensor, "person dim"]
) -> Float32[Tensor, "query person"]:
    """Return ``1 - cos(query, person)`` in [0, 2]; vectors of length 0 are at distance 1 from all.

    Both sides are normalised here, so embeddings may come at any length.

    >>> import torch
    >>> cosine_distance(torch.tensor([[2.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 3.0], [-1.0, 0.0]]))
    tensor([[0., 1., 2.]])
    """
    left, right = normalize(query.float(), dim=1), normalize(person.float(), dim=1)
    return (1 - inner_products(left, right)).clamp(0, 2)
