"""Run a retriever over decoded images, so that it can be evaluated."""

from collections.abc import Callable

import torch
from jaxtyping import UInt8
from torch import Tensor

from attrieve.errors import InputError
from attrieve.evaluation.distances import Predictions
from attrieve.models.retriever import Retriever
from attrieve.scoring.likelihood import training_weight_shift


def predict(
    retriever: Retriever,
    images: UInt8[Tensor, "person height width 3"],
    *,
    batch: int = 128,
    flip: bool = False,
    crops: bool = False,
    undo_weights: bool = True,
    progress: Callable[[int], None] | None = None,
) -> Predictions:
    """Describe all images.

    Args:
        retriever: moved to its device already.
        images: decoded at the retriever's input size.
        batch: images at once.
        flip: also look at mirrored images and average.
        crops: also look at four crops and average.
        undo_weights: the model was trained with weights by attribute and label (paper, Eq. 3.1); take them
            out of the logits before these are read as evidence.
        progress: called with the number of images done so far.

    Raises:
        InputError: if there is no image.
    """
    if not len(images):
        raise InputError("the test set is empty; there is nothing to evaluate")
    parts = []
    for start in range(0, len(images), batch):
        parts.append(retriever.embed_images(images[start : start + batch], flip=flip, crops=crops))
        if progress is not None:
            progress(min(start + batch, len(images)))
    embedding = _joined([part.embedding for part in parts])
    return Predictions(
        probability=_joined([part.probability for part in parts]),
        image_embedding=embedding,
        embed_queries=None if embedding is None else _query_encoder(retriever),
        logit_shift=training_weight_shift(retriever.query.positive_rate.cpu()) if undo_weights else None,
        embedding_nats=retriever.query.retrieval.embedding_nats,
    )


def _joined(parts: list[Tensor | None]) -> Tensor | None:
    present = [part.cpu() for part in parts if part is not None]
    return torch.cat(present) if present else None


def _query_encoder(retriever: Retriever) -> Callable[[Tensor], Tensor]:
    @torch.inference_mode()
    def embed(values: Tensor) -> Tensor:
        embedded = retriever.embed_queries(values.to(retriever.device))
        if embedded is None:
            raise InputError(f"retriever {retriever.name!r} has no attribute encoder")
        return embedded.cpu()

    return embed
