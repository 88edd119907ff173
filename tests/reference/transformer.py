"""A pre-norm transformer block written out token by token and head by head, in float64."""

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def layer_norm(token: Array, weight: Array, bias: Array) -> Array:
    centred = token - token.mean()
    return centred / math.sqrt((centred**2).mean() + 1e-5) * weight + bias


def gelu(value: float) -> float:
    return value * 0.5 * (1 + math.erf(value / math.sqrt(2)))


def attention(tokens: Array, weights: Mapping[str, Array], heads: int) -> tuple[Array, Array]:
    """Return the mixed tokens (token, dim) and the attention (head, token, token)."""
    count, dim = tokens.shape
    width = dim // heads
    stacked = tokens @ weights["query_key_value.weight"].T + weights["query_key_value.bias"]
    query, key, value = stacked[:, :dim], stacked[:, dim : 2 * dim], stacked[:, 2 * dim :]
    mixed = np.zeros((count, dim))
    shares = np.zeros((heads, count, count))
    for head in range(heads):
        part = slice(head * width, (head + 1) * width)
        for row in range(count):
            scores = [math.exp(float(query[row, part] @ k[part]) / math.sqrt(width)) for k in key]
            for column in range(count):
                shares[head, row, column] = scores[column] / sum(scores)
                mixed[row, part] += shares[head, row, column] * value[column, part]
    return mixed @ weights["output.weight"].T + weights["output.bias"], shares


def pre_norm_block(tokens: Array, state: Mapping[str, Array], heads: int) -> tuple[Array, Array]:
    """One block without dropout; ``state`` is the block's state dict."""

    def part(prefix: str) -> dict[str, Array]:
        return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}

    def normed(rows: Array, prefix: str) -> Array:
        named = part(prefix)
        return np.stack([layer_norm(row, named["weight"], named["bias"]) for row in rows])

    mixed, shares = attention(normed(tokens, "attention_norm."), part("attention."), heads)
    tokens = tokens + mixed
    hidden = normed(tokens, "perceptron_norm.") @ state["perceptron.0.weight"].T + state["perceptron.0.bias"]
    hidden = np.vectorize(gelu)(hidden)
    return tokens + hidden @ state["perceptron.3.weight"].T + state["perceptron.3.bias"], shares
