"""From features to one logit per attribute."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn


class TokenAttributeHead(nn.Module):
    """One linear classifier per attribute token (paper, section 3, "PAR")."""

    def __init__(self, attributes: int, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(attributes, dim))
        self.bias = nn.Parameter(torch.zeros(attributes))
        nn.init.trunc_normal_(self.weight, std=0.02)

    def forward(
        self, tokens: Float[Tensor, "batch attribute dim"], attributes: Sequence[int] | None = None
    ) -> Float[Tensor, "batch attribute"]:
        """Return logits; each classifier sees its own token alone.

        ``attributes`` says which the tokens belong to, None for all in order.
        """
        weight: Tensor = self.weight
        bias: Tensor = self.bias
        if attributes is not None:
            weight, bias = weight[list(attributes)], bias[list(attributes)]
        return torch.einsum("bad,ad->ba", tokens, weight.to(tokens.dtype)) + bias


class PooledAttributeHead(nn.Module):
    """Global average pooling and one linear layer (Jia et al. 2020, the PAR baseline)."""

    def __init__(self, attributes: int, channels: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(channels, attributes)
        nn.init.normal_(self.classifier.weight, std=0.001)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, pooled: Float[Tensor, "batch channel"]) -> Float[Tensor, "batch attribute"]:
        """Return logits from pooled features."""
        logits: Tensor = self.classifier(self.dropout(pooled))
        return logits
