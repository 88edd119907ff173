"""From a description to the attribute side of the joint embedding."""

from jaxtyping import Float
from torch import Tensor, nn


class AttributeEncoder(nn.Module):
    """N-512-128-128 with ReLU between (paper, Table 3.2, after ASMR)."""

    def __init__(self, attributes: int, hidden: int, embedding_dim: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(attributes, hidden),
            nn.ReLU(),
            nn.Linear(hidden, embedding_dim),
            nn.ReLU(),
            nn.Linear(embedding_dim, embedding_dim),
        )
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out")
                nn.init.zeros_(layer.bias)

    def forward(self, values: Float[Tensor, "query attribute"]) -> Float[Tensor, "query embedding"]:
        """Embed descriptions with values in [0, 1]; not yet normalised."""
        embedding: Tensor = self.layers(values)
        return embedding
