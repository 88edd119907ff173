"""Measure a run: all protocols side by side, and what it said of each test image."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from jaxtyping import Float
from torch import Tensor

from attrieve.data.files import write_atomically
from attrieve.data.splits import Split, category_labels
from attrieve.evaluation.predict import predict
from attrieve.evaluation.protocol import Protocol
from attrieve.evaluation.report import (
    EvaluationReport,
    Predictions,
    default_fusions,
    evaluate_predictions,
)
from attrieve.models.retriever import Retriever
from attrieve.schema import load_vocabulary
from attrieve.training.card import read_provenance
from attrieve.training.config import Recipe, load_recipe
from attrieve.training.people import TrainingPeople

PREDICTIONS = "predictions.safetensors"
_SMALLEST_STEP = 2.0**-24  # half of float32's at 1: probabilities of exactly 0 and 1 become finite logits


@dataclass(frozen=True)
class Measurement:
    """What was measured of a run.

    Args:
        result: what a result record holds.
        report: what it was made from.
        predictions: what the model said of the test images, in their order.
    """

    result: dict[str, Any]
    report: EvaluationReport
    predictions: Predictions


def measure_run(
    run: Path,
    retriever: Retriever,
    recipe: Recipe,
    *,
    divided: Split,
    test: TrainingPeople,
    protocols: Sequence[Protocol] = tuple(Protocol),
    flip: bool = False,
    graded: bool = True,
    progress: Callable[[int], None] | None = None,
) -> Measurement:
    """Let a run describe the test images and measure what it says.

    Args:
        run: its folder, for what is told of its training.
        retriever: the run's, on the device that shall compute.
        recipe: the run's.
        divided: the split, in the data set's full vocabulary.
        test: its test side, decoded, in the recipe's vocabulary.
        protocols: which retrieval protocols.
        flip: also look at mirrored images and average; a recipe may ask for it by itself.
        graded: also compute mADM.
        progress: called with the number of images described so far.

    Raises:
        SchemaMismatchError: if the run speaks another vocabulary than its recipe.
        InputError: if the test set has nothing to ask.
    """
    predictions = describe_test(run, retriever, recipe, test, flip=flip, progress=progress)
    report = evaluate_predictions(
        predictions,
        schema=retriever.schema,
        train_values=divided.train.select(retriever.schema).values,
        test_values=test.values.numpy(),
        test_categories=category_labels(divided.test.values)[0],
        protocols=protocols,
        fusions=default_fusions(),
        graded=graded,
    )
    result = {
        "name": retriever.name,
        "seed": recipe.training.seed,
        "flip": looks_at_mirrored(recipe, flip),
        "crops": recipe.retrieval.crops,
        "recipe": recipe.model_dump(mode="json", exclude_none=True),
        "training": read_provenance(run),
        "first_stage": _first_stage(recipe, run),
        "data": {
            "split": divided.name,
            "train_images": len(divided.train),
            "test_images": len(divided.test),
            "training_categories": len(retriever.training_categories),
        },
        "metrics": report.to_json(),
    }
    return Measurement(result, report, predictions)


def describe_test(
    run: Path,
    retriever: Retriever,
    recipe: Recipe,
    test: TrainingPeople,
    *,
    flip: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Predictions:
    """Let a run describe the test images as its recipe says: mirrored, in crops, training weights undone.

    Raises:
        SchemaMismatchError: if the run speaks another vocabulary than its recipe.
        InputError: if there is no image.
    """
    vocabulary = load_vocabulary(recipe.data.vocabulary)
    retriever.schema.require_same(vocabulary, here=f"run {run}", there="the recipe beside it")
    weighted = recipe.loss.attributes.weighting == "attribute_and_label"
    return predict(
        retriever,
        test.images,
        flip=looks_at_mirrored(recipe, flip),
        crops=recipe.retrieval.crops,
        undo_weights=weighted,
        progress=progress,
    )


def looks_at_mirrored(recipe: Recipe, asked: bool) -> bool:
    """Return whether mirrored images are looked at, too: if that is asked for, or the recipe says so."""
    return asked or recipe.retrieval.flip


def write_predictions(run: Path, measurement: Measurement, test: TrainingPeople) -> None:
    """Keep what a run said of the test images beside its weights, so that later work needs no images.

    ``predictions.safetensors`` holds ``values`` int8 (person, attribute), ``query_values`` int8 (query,
    attribute) of protocol ``unique``, and, as far as the model has the branches, ``probability`` and
    ``logit`` float32 (person, attribute), ``embedding`` float32 (person, dim), ``query_embedding``
    float32 (query, dim).

    Raises:
        StorageError: if the disk refuses.
    """
    predictions = measurement.predictions
    task = measurement.report.tasks[Protocol.UNIQUE]
    query_values = torch.from_numpy(task.query_values)
    tensors = {"values": test.values, "query_values": query_values}
    if predictions.probability is not None:
        tensors["probability"] = predictions.probability
        tensors["logit"] = _logit(predictions.probability)
    if predictions.image_embedding is not None and predictions.embed_queries is not None:
        tensors["embedding"] = predictions.image_embedding
        tensors["query_embedding"] = predictions.embed_queries(query_values.to(torch.float32))
    compact = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    note = {"vocabulary": test.schema.name, "fingerprint": test.schema.fingerprint}
    write_atomically(run / PREDICTIONS, safetensors.torch.save(compact, metadata=note))


def average_precisions(report: EvaluationReport) -> dict[str, list[float | None]]:
    """Return the average precision of each query of protocol ``unique``, by distance, 0..1."""
    return {
        name: [None if value != value else float(value) for value in metrics.per_query.average_precision]
        for name, metrics in report.retrieval[Protocol.UNIQUE].items()
    }


def _logit(probability: Float[Tensor, "person attribute"]) -> Float[Tensor, "person attribute"]:
    return torch.logit(probability.to(torch.float64), eps=_SMALLEST_STEP).to(torch.float32)


def _first_stage(recipe: Recipe, run: Path) -> dict[str, Any] | None:
    """Return the recipe of the run this one started from, if there was one and it is still there."""
    named = recipe.initialisation.run
    places = [folder / named / "recipe.toml" for folder in (run, Path())]
    found = [place for place in places if named and place.exists()]
    if not found:
        return None
    return load_recipe(found[0]).model_dump(mode="json", exclude_none=True)
