"""Calibrating a model on images it did not learn from, and bringing the result to a gallery."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from jaxtyping import Int8, Int64, UInt8
from torch import Tensor
from torch.nn.functional import normalize

from attrieve.errors import ConfigurationError, InputError
from attrieve.evaluation.predict import predict
from attrieve.gallery.completion import expected_embedding
from attrieve.gallery.database.manifest import DatabaseManifest
from attrieve.models.calibration import ModelCalibration
from attrieve.models.checkpoint import load_query_side, save_calibration
from attrieve.models.retriever import Retriever
from attrieve.schema import AttributeQuery
from attrieve.scoring.match_fit import DESCRIPTIONS
from attrieve.scoring.model_calibration import Calibrated, CalibrationPeople, calibrate_model


def calibrate_run(
    retriever: Retriever,
    images: UInt8[Tensor, "person height width 3"],
    values: Int8[Tensor, "person attribute"],
    category: Int64[Tensor, " person"],
    *,
    part: str,
    undo_weights: bool = True,
    descriptions: int = DESCRIPTIONS,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Calibrated:
    """Describe images as indexing does, once and not mirrored, and fit the calibration to their labels.

    Args:
        retriever: on the device that shall compute; it recognises attributes.
        images: decoded at its input size; it has not learnt from them.
        values: 1 yes, 0 no, -1 unknown.
        category: number of each image's category.
        part: what people these are, for the record, e.g. ``validation``.
        undo_weights: it was trained with weights by attribute and label.
        descriptions: how many are simulated for P(match).
        seed: of folds and descriptions.
        progress: called with the number of images done so far.

    Raises:
        ConfigurationError: if the model recognises no attributes.
        InputError: without enough images.
    """
    if not retriever.settings.recognises:
        raise ConfigurationError(
            f"run {retriever.name!r} embeds only; it has no attribute probabilities to calibrate. Calibrate "
            "a run of kind 'attributes' or 'multi_task'"
        )
    predictions = predict(retriever, images, progress=progress)
    if predictions.probability is None:
        raise AssertionError("a model that recognises gives probabilities")
    query = retriever.query_side()

    def expected(asked: AttributeQuery) -> Tensor:
        vector = expected_embedding(asked, query)
        if vector is None:
            raise AssertionError("only asked of models that embed")
        return vector[0].cpu()

    embedding = predictions.image_embedding
    people = CalibrationPeople(
        predictions.probability,
        values,
        category,
        None if embedding is None else normalize(embedding.float(), dim=1),
        None if embedding is None else expected,
    )
    found = calibrate_model(
        people,
        query,
        retriever.fingerprint,
        undo_weights=undo_weights,
        descriptions=descriptions,
        seed=seed,
    )
    facts = {"part": part, **found.kept.facts}
    return replace(found, kept=replace(found.kept, facts=facts))


def calibrate_gallery(folder: Path | str, calibration: ModelCalibration) -> str:
    """Bring a model's calibration to a gallery it filled; nothing is indexed again.

    Returns:
        The name of the gallery's model.

    Raises:
        InputError: if the folder is no gallery, or no model of this calibration has filled it.
        CheckpointError: if the gallery holds vectors alone, without what answers descriptions.
        StorageError: if the disk refuses.
    """
    manifest = DatabaseManifest.read(Path(folder))
    known = {model.fingerprint: model for model in manifest.models}
    model = known.get(calibration.model)
    there = ", ".join(f"{each.name!r} ({each.fingerprint})" for each in manifest.models)
    if model is None:
        raise InputError(
            f"the calibration is of model {calibration.model}, {folder} was filled by {there}; give the run "
            "that filled the gallery"
        )
    path = model.query_side_path(Path(folder))
    load_query_side(path)
    save_calibration(calibration, path, model.schema)
    return model.name
