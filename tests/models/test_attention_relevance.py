"""What attribute tokens owe to visual ones, against loops over whole matrices."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attrieve.models.attention_relevance import gradient_rollout, roll_out
from reference.heat_maps import gradient_rollout as gradient_rollout_loops
from reference.heat_maps import rollout as rollout_loops


def random_attention(blocks: int, heads: int, tokens: int, seed: int, images: int = 2) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(blocks, images, heads, tokens, tokens, dtype=torch.float64, generator=generator)
    return list(torch.softmax(3 * scores, dim=-1))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 5), st.integers(1, 3), st.integers(0, 99))
def test_rollout_equals_its_loop_twin(blocks: int, heads: int, visual: int, own: int, seed: int) -> None:
    """Products of full matrices give the rows that are computed alone."""
    attention = random_attention(blocks, heads, visual + own, seed)
    found = roll_out(attention, visual, range(own), range(visual, visual + own))
    assert found.shape == (2, own, visual)
    for image in range(2):
        expected = rollout_loops([block[image].numpy() for block in attention], visual)
        np.testing.assert_allclose(found[image].numpy(), expected, rtol=1e-10)


def test_without_attention_between_tokens_nothing_is_owed() -> None:
    """Tokens that look at themselves alone owe the visual ones nothing."""
    alone = torch.eye(5, dtype=torch.float64).expand(1, 2, 5, 5)
    assert float(roll_out([alone, alone], 3, (0, 1), (3, 4)).abs().max()) == 0.0


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 3), st.integers(1, 3), st.integers(0, 99))
def test_gradient_rollout_equals_its_loop_twin(blocks: int, heads: int, seed: int) -> None:
    """The slopes are known: the logits are sums of weight times attention."""
    visual, own = 3, 2
    attention = [block.requires_grad_() for block in random_attention(blocks, heads, visual + own, seed)]
    generator = torch.Generator().manual_seed(seed + 1)
    weights = [
        torch.randn(own, heads, visual + own, visual + own, dtype=torch.float64, generator=generator)
        for _ in attention
    ]
    pairs = list(zip(attention, weights, strict=True))
    logits = sum(torch.einsum("bhij,ahij->ba", block, weight) for block, weight in pairs)
    found = gradient_rollout(attention, logits[:, [1, 0]], visual, attributes=(1, 0), rows=(4, 3))
    for image in range(2):
        for place, attribute in enumerate((1, 0)):
            expected = gradient_rollout_loops(
                [block[image].detach().numpy() for block in attention],
                [weight[attribute].numpy() for weight in weights],
                visual + attribute,
                visual,
            )
            np.testing.assert_allclose(found[image, place].numpy(), expected, rtol=1e-10)
