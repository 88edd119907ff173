"""Distances between a description and attribute probabilities, from the recognition branch alone."""

from jaxtyping import Float, Float32
from torch import Tensor

from attrieve.scoring.demand import read_demand, weigh


def euclidean_distance(
    query: Float[Tensor, "query attribute"],
    probability: Float[Tensor, "person attribute"],
    certainty: Float[Tensor, "query attribute"] | None = None,
) -> Float32[Tensor, "query person"]:
    """Return the distance of the paper's recognition branch, weighted by certainty.

    ``d = sqrt(sum_a c_a (q_a - p_a)^2)``, computed as
    ``c q (1-p)^2 + c (1-q) p^2 - c q (1-q)`` summed: two matrix products of terms of at least 0,
    and a constant that is 0 for yes/no queries.

    Args:
        query: in [0, 1]: 1 wanted, 0 unwanted.
        probability: that the attribute holds, in [0, 1].
        certainty: at least 0; 0 leaves an attribute open. None means 1 everywhere.

    Returns:
        Distances in [0, sqrt(sum_a c_a)], smaller is nearer.

    Raises:
        InputError: for a certainty below 0, or a query value outside [0, 1] that counts.

    >>> import torch
    >>> euclidean_distance(torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.4, 0.8]]))
    tensor([[0., 1.]])
    """
    demand = read_demand(query, certainty)
    squared = weigh(demand, (1 - probability).square(), probability.square())
    return (squared - demand.ambiguity[:, None]).clamp_min(0).sqrt()


def euclidean_maximum(
    query: Float[Tensor, "query attribute"], certainty: Float[Tensor, "query attribute"] | None = None
) -> Float32[Tensor, " query"]:
    """Return the largest :func:`euclidean_distance` a yes/no query can have: ``sqrt(sum_a c_a)``.

    It depends on nothing but the query, so a stream of persons can be normalised by it.

    >>> import torch
    >>> euclidean_maximum(torch.zeros(1, 4))
    tensor([2.])
    """
    demand = read_demand(query, certainty)
    return (demand.wanted + demand.unwanted).sum(dim=1).sqrt()


def manhattan_distance(
    query: Float[Tensor, "query attribute"],
    probability: Float[Tensor, "person attribute"],
    certainty: Float[Tensor, "query attribute"] | None = None,
) -> Float32[Tensor, "query person"]:
    """Return ``sum_a c_a |q_a - p_a|`` for yes/no queries, by matrix products.

    Closed form ``sum_a c_a p_a + c_a q_a (1 - 2 p_a)``, as in the samples of the UPAR challenge. For a
    query value between 0 and 1 it is the expected distance if the attribute is wanted with that
    probability. Arguments and errors as for :func:`euclidean_distance`.

    >>> import torch
    >>> manhattan_distance(torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.5, 0.75]]))
    tensor([[0.0000, 1.2500]])
    """
    return weigh(read_demand(query, certainty), 1 - probability, probability)
