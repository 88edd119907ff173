"""The query side: unit vectors, and what training leaves behind."""

import pytest
import torch
from torch.nn import functional

from attrieve.models.query_side import QuerySide
from models.tiny import tiny_schema, tiny_settings


def test_queries_become_unit_vectors_of_the_encoder() -> None:
    """N-hidden-e-e with ReLU between, written out by hand, then normalised."""
    query = QuerySide(tiny_settings(), tiny_schema())
    values = torch.rand(5, 6)
    first, _, second, _, third = query.encoder.layers  # type: ignore[union-attr]
    hidden = functional.relu(values @ first.weight.T + first.bias)
    hidden = functional.relu(hidden @ second.weight.T + second.bias)
    expected = hidden @ third.weight.T + third.bias
    got = query.embed_queries(values)
    assert got is not None
    torch.testing.assert_close(got, expected / expected.norm(dim=1, keepdim=True))
    assert [layer.out_features for layer in (first, second, third)] == [12, 8, 8]


def test_without_an_embedding_branch_there_is_nothing_to_embed() -> None:
    """None, not zeros."""
    assert QuerySide(tiny_settings("attributes"), tiny_schema()).embed_queries(torch.rand(2, 6)) is None


@pytest.mark.parametrize("kind", ["attributes", "embedding", "multi_task"])
def test_training_is_remembered(kind: str) -> None:
    """Categories, counts and rates are part of the state, so they travel with the weights."""
    query = QuerySide(tiny_settings(kind), tiny_schema())
    categories = torch.tensor([[1, 0, 1, 0, 0, 1], [0, 1, -1, 1, 0, 0]], dtype=torch.int8)
    query.remember_training(categories, torch.tensor([3, 4]), torch.full((6,), 0.25))
    state = query.state_dict()
    assert torch.equal(state["training_categories"], categories)
    assert state["training_category_counts"].tolist() == [3, 4]
    assert state["positive_rate"].tolist() == [0.25] * 6
