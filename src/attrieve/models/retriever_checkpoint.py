"""Saving and loading whole retrievers; the format is that of :mod:`attrieve.models.checkpoint`."""

import warnings
from pathlib import Path

from attrieve.errors import InputError
from attrieve.models.checkpoint import (
    CALIBRATION_FILE,
    category_count,
    find_folder,
    load_calibration,
    load_weights,
    not_a_retriever,
    parse_config,
    read_config,
    read_weights,
    save_module,
)
from attrieve.models.retriever import Retriever, RetrieverType


def save_retriever(retriever: Retriever, folder: Path) -> None:
    """Write a retriever into a folder; an older one there survives if the disk is full.

    Raises:
        StorageError: if the disk refuses.
    """
    save_module(retriever, folder, name=retriever.name, query=retriever.query)


def load_retriever(cls: type[RetrieverType], folder_or_hub_id: Path | str) -> RetrieverType:
    """Load a retriever from a run folder or, if no such folder exists, from the hub.

    Raises:
        CheckpointError: if files are missing, damaged, or do not fit each other.
    """
    folder = find_folder(folder_or_hub_id)
    document = read_config(folder)
    weights = read_weights(folder)
    settings, schema, retrieval = parse_config(document, folder)
    try:
        retriever = cls(
            settings,
            schema,
            name=str(document.get("name", folder.name)),
            retrieval=retrieval,
            categories=category_count(weights, "query.training_categories", folder),
        )
    except InputError as error:
        raise not_a_retriever(folder, error) from error
    load_weights(retriever, weights, folder)
    _calibrate(retriever, folder)
    return retriever.eval()


def _calibrate(retriever: Retriever, folder: Path) -> None:
    calibration = load_calibration(folder, retriever.schema)
    if calibration is not None and calibration.model != retriever.fingerprint:
        warnings.warn(
            f"{folder / CALIBRATION_FILE} was made for other weights ({calibration.model}) and is not used; "
            "run `attrieve calibrate` again",
            stacklevel=3,
        )
        return
    retriever.query.calibration = calibration
