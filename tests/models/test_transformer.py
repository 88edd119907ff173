"""Transformer blocks against loops, and attention on request."""

import numpy as np
import pytest
import torch

from attrieve.models.configuration import TransformerSettings
from attrieve.models.transformer import SelfAttention, TokenTransformer, TransformerBlock
from reference.transformer import layer_norm, pre_norm_block

SETTINGS = TransformerSettings(blocks=2, heads=3, dim=12, mlp_ratio=2.0, dropout=0.5)


def spread(module: torch.nn.Module) -> torch.nn.Module:
    """Weights large enough that every part of the formula shows."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.4 * torch.randn(parameter.shape, generator=generator))
    return module.double().eval()


def state_of(module: torch.nn.Module) -> dict[str, np.ndarray]:
    return {key: value.detach().numpy() for key, value in module.state_dict().items()}


def test_a_block_equals_its_loop_twin() -> None:
    """Pre-norm, residuals, scaled dot product per head, exact GELU; dropout is off in evaluation."""
    block = spread(TransformerBlock(SETTINGS))
    tokens = torch.randn(2, 5, 12, dtype=torch.float64)
    got, weights = block(tokens, with_weights=True)
    for image in range(2):
        expected, shares = pre_norm_block(tokens[image].numpy(), state_of(block), heads=3)
        np.testing.assert_allclose(got[image].detach().numpy(), expected, rtol=1e-9)
        np.testing.assert_allclose(weights[image].detach().numpy(), shares, rtol=1e-9)


def test_attention_rows_sum_to_one_and_both_paths_agree() -> None:
    """Asking for the weights does not change the tokens."""
    attention = spread(SelfAttention(dim=12, heads=3, dropout=0.5))
    tokens = torch.randn(2, 7, 12, dtype=torch.float64)
    fused, none = attention(tokens)
    explicit, weights = attention(tokens, with_weights=True)
    assert none is None
    assert weights.shape == (2, 3, 7, 7)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 3, 7, dtype=torch.float64))
    torch.testing.assert_close(fused, explicit)


def test_the_stack_ends_in_a_layer_norm() -> None:
    """Blocks one after the other, then normalised; one attention tensor per block."""
    transformer = spread(TokenTransformer(SETTINGS))
    tokens = torch.randn(1, 4, 12, dtype=torch.float64)
    got, weights = transformer(tokens, with_weights=True)
    rows = tokens[0].numpy()
    for block in transformer.blocks:
        rows, _ = pre_norm_block(rows, state_of(block), heads=3)
    norm = state_of(transformer.norm)
    expected = np.stack([layer_norm(row, norm["weight"], norm["bias"]) for row in rows])
    np.testing.assert_allclose(got[0].detach().numpy(), expected, rtol=1e-8)
    assert len(weights) == 2
    assert transformer(tokens)[1] == []


@pytest.mark.parametrize("training", [True, False])
def test_dropout_acts_in_training_alone(training: bool) -> None:
    """Two passes differ in training and agree in evaluation."""
    block = spread(TransformerBlock(SETTINGS)).train(training)
    tokens = torch.randn(2, 5, 12, dtype=torch.float64)
    first, second = block(tokens)[0], block(tokens)[0]
    assert torch.equal(first, second) is not training


@pytest.mark.parametrize("with_weights", [False, True])
def test_tokens_that_are_wanted_are_what_they_are_among_all(with_weights: bool) -> None:
    """Leaving tokens out of the last block changes neither the others nor their attention."""
    transformer = spread(TokenTransformer(SETTINGS))
    tokens = torch.randn(2, 5, 12, dtype=torch.float64)
    whole, whole_weights = transformer(tokens, with_weights=True)
    some, weights = transformer(tokens, with_weights=with_weights, wanted=[4, 1])
    torch.testing.assert_close(some, whole[:, [4, 1]])
    if with_weights:
        torch.testing.assert_close(weights[0], whole_weights[0])
        torch.testing.assert_close(weights[1], whole_weights[1][:, :, [4, 1]])
