"""Pre-norm transformer blocks over visual and attribute tokens."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from attrieve.models.configuration import TransformerSettings


class SelfAttention(nn.Module):
    """Multi-head self-attention (Vaswani et al. 2017); gives its weights on request."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.query_key_value = nn.Linear(dim, 3 * dim)
        self.output = nn.Linear(dim, dim)

    def forward(
        self, tokens: Float[Tensor, "batch token dim"], *, with_weights: bool = False
    ) -> tuple[Float[Tensor, "batch token dim"], Float[Tensor, "batch head token token"] | None]:
        """Mix the tokens; ``with_weights`` also returns each head's attention (rows sum to 1)."""
        batch, count, dim = tokens.shape
        stacked = self.query_key_value(tokens).view(batch, count, 3, self.heads, dim // self.heads)
        query, key, value = stacked.permute(2, 0, 3, 1, 4).unbind(0)
        weights: Tensor | None = None
        if with_weights:
            weights = torch.softmax(query @ key.transpose(-2, -1) * query.shape[-1] ** -0.5, dim=-1)
            mixed = weights @ value
        else:
            dropout = self.dropout if self.training else 0.0
            mixed = functional.scaled_dot_product_attention(query, key, value, dropout_p=dropout)
        return self.output(mixed.transpose(1, 2).reshape(batch, count, dim)), weights


class TransformerBlock(nn.Module):
    """LayerNorm, attention, LayerNorm, multi-layer perceptron, each with a residual connection."""

    def __init__(self, settings: TransformerSettings) -> None:
        super().__init__()
        hidden = int(settings.dim * settings.mlp_ratio)
        self.attention_norm = nn.LayerNorm(settings.dim)
        self.attention = SelfAttention(settings.dim, settings.heads, settings.dropout)
        self.perceptron_norm = nn.LayerNorm(settings.dim)
        self.perceptron = nn.Sequential(
            nn.Linear(settings.dim, hidden),
            nn.GELU(),
            nn.Dropout(settings.dropout),
            nn.Linear(hidden, settings.dim),
        )
        self.dropout = nn.Dropout(settings.dropout)

    def forward(
        self, tokens: Float[Tensor, "batch token dim"], *, with_weights: bool = False
    ) -> tuple[Float[Tensor, "batch token dim"], Float[Tensor, "batch head token token"] | None]:
        """Return the new tokens and, on request, the attention weights."""
        mixed, weights = self.attention(self.attention_norm(tokens), with_weights=with_weights)
        tokens = tokens + self.dropout(mixed)
        return tokens + self.dropout(self.perceptron(self.perceptron_norm(tokens))), weights


class TokenTransformer(nn.Module):
    """M blocks and a final LayerNorm (paper, Table 3.1)."""

    def __init__(self, settings: TransformerSettings) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(TransformerBlock(settings) for _ in range(settings.blocks))
        self.norm = nn.LayerNorm(settings.dim)
        self.apply(_initialise)

    def forward(
        self, tokens: Float[Tensor, "batch token dim"], *, with_weights: bool = False
    ) -> tuple[Float[Tensor, "batch token dim"], list[Float[Tensor, "batch head token token"]]]:
        """Return the normalised output tokens and one attention tensor per block if asked for."""
        collected = []
        for block in self.blocks:
            tokens, weights = block(tokens, with_weights=with_weights)
            if weights is not None:
                collected.append(weights)
        return self.norm(tokens), collected


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
