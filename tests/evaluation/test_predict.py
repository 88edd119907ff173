"""A retriever over many images."""

import pytest
import torch

from attrieve.errors import InputError
from attrieve.evaluation.predict import predict
from models.tiny import random_pixels, tiny_retriever
from models.tiny_fixtures import small_backbone

__all__ = ["small_backbone"]


@pytest.mark.parametrize("kind", ["attributes", "embedding", "multi_task"])
@pytest.mark.parametrize("flip", [False, True])
def test_batches_make_no_difference(kind: str, flip: bool) -> None:
    """In parts or at once, in order, with progress told."""
    retriever, pixels, done = tiny_retriever(kind), random_pixels(7), []
    predictions = predict(retriever, pixels, batch=3, flip=flip, progress=done.append)
    whole = retriever.embed_images(pixels, flip=flip)
    assert done == [3, 6, 7]
    for got, expected in (
        (predictions.probability, whole.probability),
        (predictions.image_embedding, whole.embedding),
    ):
        assert (got is None) == (expected is None)
        if got is not None and expected is not None:
            torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)
    assert (predictions.embed_queries is None) == (kind == "attributes")


def test_queries_are_embedded_by_the_same_retriever() -> None:
    """As unit vectors, without a graph behind them."""
    retriever = tiny_retriever()
    predictions = predict(retriever, random_pixels(1))
    values = torch.rand(4, 6)
    assert predictions.embed_queries is not None
    embedded = predictions.embed_queries(values)
    torch.testing.assert_close(embedded, retriever.embed_queries(values))
    assert not embedded.requires_grad


def test_nothing_to_predict_is_refused() -> None:
    """Rather than an empty report."""
    with pytest.raises(InputError, match="test set is empty"):
        predict(tiny_retriever(), random_pixels(0))
