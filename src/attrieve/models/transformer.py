"""Pre-norm transformer blocks over visual and attribute tokens."""

from collections.abc import Sequence

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
        self,
        tokens: Float[Tensor, "batch token dim"],
        *,
        with_weights: bool = False,
        wanted: Sequence[int] | None = None,
    ) -> tuple[Float[Tensor, "batch _ dim"], Float[Tensor, "batch head _ token"] | None]:
        """Mix the tokens; ``with_weights`` also returns each head's attention (rows sum to 1).

        ``wanted`` are the positions of the tokens to be returned, None for all: each of them looks at all
        tokens, the others are looked at only.
        """
        query, key, value = self._read(tokens, wanted)
        weights: Tensor | None = None
        if with_weights:
            weights = torch.softmax(query @ key.transpose(-2, -1) * query.shape[-1] ** -0.5, dim=-1)
            mixed = weights @ value
        else:
            dropout = self.dropout if self.training else 0.0
            mixed = functional.scaled_dot_product_attention(query, key, value, dropout_p=dropout)
        return self.output(mixed.transpose(1, 2).flatten(2)), weights

    def _read(
        self, tokens: Float[Tensor, "batch token dim"], wanted: Sequence[int] | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries of the tokens that are wanted, keys and values of all, head by head."""

        def by_head(read: Tensor) -> Tensor:
            batch, count, dim = read.shape
            return read.reshape(batch, count, self.heads, dim // self.heads).transpose(1, 2)

        dim = tokens.shape[2]
        if wanted is None:
            query, key, value = self.query_key_value(tokens).chunk(3, dim=2)
            return by_head(query), by_head(key), by_head(value)
        weight, bias = self.query_key_value.weight, self.query_key_value.bias
        query = functional.linear(tokens[:, list(wanted)], weight[:dim], bias[:dim])
        key, value = functional.linear(tokens, weight[dim:], bias[dim:]).chunk(2, dim=2)
        return by_head(query), by_head(key), by_head(value)


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
        self,
        tokens: Float[Tensor, "batch token dim"],
        *,
        with_weights: bool = False,
        wanted: Sequence[int] | None = None,
    ) -> tuple[Float[Tensor, "batch _ dim"], Float[Tensor, "batch head _ token"] | None]:
        """Return the new tokens and, on request, the attention weights; see :class:`SelfAttention`."""
        normed = self.attention_norm(tokens)
        mixed, weights = self.attention(normed, with_weights=with_weights, wanted=wanted)
        own = tokens if wanted is None else tokens[:, list(wanted)]
        tokens = own + self.dropout(mixed)
        return tokens + self.dropout(self.perceptron(self.perceptron_norm(tokens))), weights


class TokenTransformer(nn.Module):
    """M blocks and a final LayerNorm (paper, Table 3.1)."""

    def __init__(self, settings: TransformerSettings) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(TransformerBlock(settings) for _ in range(settings.blocks))
        self.norm = nn.LayerNorm(settings.dim)
        self.apply(_initialise)

    def forward(
        self,
        tokens: Float[Tensor, "batch token dim"],
        *,
        with_weights: bool = False,
        wanted: Sequence[int] | None = None,
    ) -> tuple[Float[Tensor, "batch _ dim"], list[Float[Tensor, "batch head _ token"]]]:
        """Return the normalised output tokens and one attention tensor per block if asked for.

        Args:
            tokens: of all kinds.
            with_weights: also return attention.
            wanted: positions of the tokens to be returned, None for all. The last block then makes these
                alone, and its attention has only their rows; what is returned is the same as otherwise.
        """
        collected = []
        last = len(self.blocks) - 1
        for number, block in enumerate(self.blocks):
            rows = wanted if number == last else None
            tokens, weights = block(tokens, with_weights=with_weights, wanted=rows)
            if weights is not None:
                collected.append(weights)
        return self.norm(tokens), collected


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
