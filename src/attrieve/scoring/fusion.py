"""One distance from two: recognition and embedding, each divided by its maximum, weighted and added."""

import math
from dataclasses import dataclass
from enum import StrEnum

import torch
from jaxtyping import Float, Float32
from torch import Tensor

from attrieve.errors import ConfigurationError, InputError

COSINE_MAXIMUM = 2.0
"""The largest cosine distance."""


class Normalisation(StrEnum):
    """Which maximum a distance is divided by before it is weighted."""

    MATRIX = "matrix"
    """The largest over all queries and persons, as the paper writes; depends on the other queries."""
    QUERY = "query"
    """The largest over all persons, for each query by itself."""
    STATIC = "static"
    """The largest there can be; depends on no data, so persons can be streamed."""


@dataclass(frozen=True)
class Fusion:
    """How the two distances become one.

    ``d = attribute_weight * d_attribute / M_attribute + embedding_weight * d_embedding / M_embedding``

    Args:
        attribute_weight: of the recognition distance; the paper's lambda_Ret, 0.2.
        embedding_weight: of the embedding distance.
        normalisation: which maximum M is.

    Raises:
        ConfigurationError: for a weight below 0 or not finite, or if both are 0.
    """

    attribute_weight: float = 0.2
    embedding_weight: float = 1.0
    normalisation: Normalisation = Normalisation.MATRIX

    def __post_init__(self) -> None:
        weights = (self.attribute_weight, self.embedding_weight)
        if not all(math.isfinite(weight) and weight >= 0 for weight in weights) or not any(weights):
            raise ConfigurationError(
                f"fusion weights are finite, at least 0 and not both 0; got attributes {weights[0]}, "
                f"embedding {weights[1]}"
            )


def fuse(
    attribute_distance: Float[Tensor, "query person"] | None,
    embedding_distance: Float[Tensor, "query person"] | None,
    fusion: Fusion,
    *,
    attribute_maximum: float | Float[Tensor, " query"] | None = None,
    embedding_maximum: float | Float[Tensor, " query"] | None = None,
) -> Float32[Tensor, "query person"]:
    """Return the fused distance, shape (query, person), smaller is nearer, never NaN.

    Args:
        attribute_distance: at least 0 and finite, or None if recognition takes no part.
        embedding_distance: at least 0 and finite, or None if the embedding takes no part.
        fusion: weights and normalisation.
        attribute_maximum: divide by this instead of the maximum found here: needed when working by
            blocks of queries (``MATRIX``) or of persons (``QUERY``), and always for ``STATIC``
            (:func:`~attrieve.scoring.euclidean.euclidean_maximum`).
        embedding_maximum: the same for the embedding; 2 if missing for ``STATIC``.

    Distances whose maximum is 0 are all 0 and stay 0.

    Raises:
        InputError: if both distances are None, the only one has weight 0, a distance or maximum is not
            finite, or ``STATIC`` lacks the attribute maximum.

    >>> import torch
    >>> one, two = torch.tensor([[1.0, 2.0]]), torch.tensor([[2.0, 0.0]])
    >>> fuse(one, two, Fusion(attribute_weight=0.5))
    tensor([[1.2500, 0.5000]])
    """
    if fusion.normalisation is Normalisation.STATIC:
        embedding_maximum = COSINE_MAXIMUM if embedding_maximum is None else embedding_maximum
        if attribute_distance is not None and attribute_maximum is None:
            raise InputError(
                "static fusion divides by a fixed attribute_maximum; give euclidean_maximum(query)"
            )
    parts = [
        _scaled(distance, weight, maximum, fusion.normalisation)
        for distance, weight, maximum in (
            (attribute_distance, fusion.attribute_weight, attribute_maximum),
            (embedding_distance, fusion.embedding_weight, embedding_maximum),
        )
        if distance is not None and weight > 0
    ]
    if not parts:
        raise InputError("fusion needs an attribute or an embedding distance whose weight is above 0")
    return parts[0] if len(parts) == 1 else parts[0] + parts[1]


def _scaled(
    distance: Float[Tensor, "query person"],
    weight: float,
    maximum: float | Float[Tensor, " query"] | None,
    normalisation: Normalisation,
) -> Float32[Tensor, "query person"]:
    if maximum is None:
        maximum = _maximum(distance, normalisation)
    divisor = torch.as_tensor(maximum, dtype=torch.float32, device=distance.device).reshape(-1, 1)
    if not bool((divisor.isfinite() & (divisor >= 0)).all()):
        raise InputError("distances to be fused, and their maxima, are finite and at least 0; check for NaN")
    factor = torch.where(divisor > 0, weight / divisor, 0.0)
    return distance.to(torch.float32) * factor


def _maximum(distance: Float[Tensor, "query person"], normalisation: Normalisation) -> Float[Tensor, " part"]:
    if distance.numel() == 0:
        return distance.new_zeros(1)
    if normalisation is Normalisation.QUERY:
        return distance.amax(dim=1)
    return distance.amax().reshape(1)
