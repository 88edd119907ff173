"""From features to the image side of the joint embedding."""

from jaxtyping import Float
from torch import Tensor, nn


class TokenEmbedding(nn.Module):
    """Mean over the visual tokens and one linear layer (paper, section 3)."""

    def __init__(self, dim: int, embedding_dim: int) -> None:
        super().__init__()
        self.projection = nn.Linear(dim, embedding_dim)

    def forward(self, tokens: Float[Tensor, "batch token dim"]) -> Float[Tensor, "batch embedding"]:
        """Return embeddings, not yet normalised."""
        embedding: Tensor = self.projection(tokens.mean(dim=1))
        return embedding


class PooledEmbedding(nn.Module):
    """Pooled features through channels-512-128-128 (ASMR, ICCV 2021)."""

    def __init__(self, channels: int, hidden: int, embedding_dim: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(channels, hidden),
            nn.ReLU(),
            nn.Linear(hidden, embedding_dim),
            nn.ReLU(),
            nn.Linear(embedding_dim, embedding_dim),
        )

    def forward(self, pooled: Float[Tensor, "batch channel"]) -> Float[Tensor, "batch embedding"]:
        """Return embeddings, not yet normalised."""
        embedding: Tensor = self.layers(pooled)
        return embedding
