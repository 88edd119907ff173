"""Calibrating the demonstration's model on people who were drawn for nothing else."""

from pathlib import Path

import torch
from rich.console import Console

from attrieve.data.peta import read_peta
from attrieve.data.splits import category_labels
from attrieve.demonstration import people as drawn
from attrieve.demonstration.settings import DemonstrationSettings
from attrieve.gallery.calibrating import calibrate_run
from attrieve.models.calibration import ModelCalibration
from attrieve.models.checkpoint import save_calibration
from attrieve.models.retriever import Retriever
from attrieve.schema import load_vocabulary
from attrieve.training.config import Recipe
from attrieve.training.people import load_people

PART = "drawn for calibration"


def calibrate(
    model: Retriever,
    recipe: Recipe,
    settings: DemonstrationSettings,
    run: Path,
    folder: Path,
    *,
    cache: Path,
    workers: int,
    console: Console | None = None,
) -> ModelCalibration:
    """Draw further people, fit the model's calibration to them, and keep it in its run.

    They take part in neither training nor test, so that nothing else changes by them. The model has its
    calibration afterwards, and a gallery that it fills has it too.

    Args:
        model: trained; recognises attributes.
        recipe: its recipe.
        settings: of the demonstration.
        run: folder of the model.
        folder: for the people.
        cache: for decoded pictures.
        workers: processes that draw and decode.
        console: where progress is shown, or None.

    Returns:
        The calibration, for a gallery that the model filled.

    Raises:
        StorageError: if the disk refuses.
    """
    drawn.draw(folder, settings.calibration_drawing(), workers=workers, console=console)
    everybody = read_peta(folder).persons
    people = load_people(
        everybody.select(load_vocabulary(recipe.data.vocabulary)),
        recipe.model.height_px,
        recipe.model.width_px,
        cache=cache,
        workers=workers,
    )
    found = calibrate_run(
        model,
        people.images,
        people.values,
        torch.from_numpy(category_labels(everybody.values)[0]),
        part=PART,
        undo_weights=recipe.loss.attributes.weighting == "attribute_and_label",
        seed=settings.seed,
    )
    save_calibration(found.kept, run, model.schema)
    model.query_side().calibration = found.kept
    return found.kept
