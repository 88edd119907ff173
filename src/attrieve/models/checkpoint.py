"""Saving and loading: safetensors, a readable configuration, the schema with its fingerprint.

The folder layout is that of the Hugging Face hub (``model.safetensors`` and ``config.json``), so that a
run folder can be uploaded as it is. No pickle is read or written. Whole retrievers are saved and loaded by
:mod:`attrieve.models.retriever_checkpoint`: whoever only searches a gallery loads its query side from here,
and need not wait for the library of backbones.
"""

import json
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from attrieve.data.files import write_atomically, write_together
from attrieve.errors import CheckpointError, InputError
from attrieve.models.calibration import ModelCalibration
from attrieve.models.configuration import RetrievalSettings, RetrieverSettings
from attrieve.models.query_side import QuerySide
from attrieve.schema import AttributeSchema

FORMAT = 1
WEIGHTS_FILE = "model.safetensors"
CONFIG_FILE = "config.json"
CALIBRATION_FILE = "calibration.json"
"""Beside the others where a model is calibrated; without it, it is not."""


def save_query_side(query: QuerySide, folder: Path, *, name: str) -> None:
    """Write the query side of a retriever on its own, as galleries keep it."""
    save_module(query, folder, name=name, query=query)


def load_query_side(folder: Path) -> QuerySide:
    """Load what :func:`save_query_side` wrote.

    Raises:
        CheckpointError: if files are missing, damaged, or do not fit each other.
    """
    document = read_config(folder)
    weights = read_weights(folder)
    settings, schema, retrieval = parse_config(document, folder)
    categories = category_count(weights, "training_categories", folder)
    query = QuerySide(settings, schema, retrieval, categories=categories)
    load_weights(query, weights, folder)
    query.calibration = load_calibration(folder, schema)
    return query.eval()


def find_folder(folder_or_hub_id: Path | str) -> Path:
    """Return the folder a name stands for, fetching it from the hub if need be.

    Raises:
        CheckpointError: if it is neither a folder here nor a model that can be reached.
    """
    folder = Path(folder_or_hub_id)
    if folder.is_dir():
        return folder
    name = str(folder_or_hub_id)
    if name.count("/") != 1 or name.startswith((".", "/")):
        raise CheckpointError(f"no run folder at {name!r}; expected {WEIGHTS_FILE} and {CONFIG_FILE} in it")
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=[WEIGHTS_FILE, CONFIG_FILE, CALIBRATION_FILE]))
    except Exception as error:
        raise CheckpointError(
            f"{name!r} is no folder here and could not be fetched from the hub ({type(error).__name__}: "
            f"{error}); give the path of a run folder"
        ) from error


def read_config(folder: Path) -> dict[str, object]:
    """Read ``config.json`` of a run folder.

    Raises:
        CheckpointError: if it is missing, no JSON, or of another format.
    """
    path = folder / CONFIG_FILE
    try:
        document = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"{folder} holds no {CONFIG_FILE}; is it a run folder?") from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"cannot read {path}: {error}") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        found = document.get("format") if isinstance(document, dict) else type(document).__name__
        raise CheckpointError(f"{path} has format {found!r}, this attrieve reads {FORMAT}")
    return document


def save_module(module: nn.Module, folder: Path, *, name: str, query: QuerySide) -> None:
    """Write a module's weights and the configuration its query side tells of.

    Raises:
        StorageError: if the disk refuses; an older one in the folder survives.
    """
    document = {
        "format": FORMAT,
        "name": name,
        "settings": query.settings.model_dump(mode="json"),
        "retrieval": query.retrieval.model_dump(mode="json"),
        "schema": query.schema.to_json(),
    }
    # save() wants dense tensors that share no memory; channels-last weights are dense only once laid out anew
    state = {key: tensor.detach().cpu().contiguous().clone() for key, tensor in module.state_dict().items()}
    write_together(
        {
            folder / CONFIG_FILE: (json.dumps(document, indent=1) + "\n").encode(),
            folder / WEIGHTS_FILE: safetensors.torch.save(state),
        }
    )
    if query.calibration is None:
        (folder / CALIBRATION_FILE).unlink(missing_ok=True)  # of other weights that lay here
    else:
        save_calibration(query.calibration, folder, query.schema)


def save_calibration(calibration: ModelCalibration, folder: Path, schema: AttributeSchema) -> None:
    """Write a calibration beside the weights it was fitted for.

    Raises:
        StorageError: if the disk refuses; an older one in the folder survives.
    """
    document = calibration.to_json(schema.names)
    write_atomically(folder / CALIBRATION_FILE, (json.dumps(document, indent=1) + "\n").encode())


def load_calibration(folder: Path, schema: AttributeSchema) -> ModelCalibration | None:
    """Read the calibration of a folder, or None if the model is not calibrated.

    Raises:
        CheckpointError: if it is damaged, or of another vocabulary.
    """
    path = folder / CALIBRATION_FILE
    try:
        document = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"cannot read {path}: {error}; delete it or calibrate again") from error
    try:
        calibration = ModelCalibration.from_json(document)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
    if calibration.vocabulary != schema.fingerprint or len(calibration.attributes) != len(schema):
        raise CheckpointError(
            f"{path} is for vocabulary {calibration.vocabulary} ({len(calibration.attributes)} attributes), "
            f"the model speaks {schema.name!r} ({len(schema)}, {schema.fingerprint}); delete it or calibrate "
            "again"
        )
    return calibration


def read_weights(folder: Path) -> dict[str, Tensor]:
    """Read ``model.safetensors`` of a run folder.

    Raises:
        CheckpointError: if it is missing or damaged.
    """
    path = folder / WEIGHTS_FILE
    try:
        return safetensors.torch.load_file(path)
    except FileNotFoundError:
        raise CheckpointError(f"{folder} holds no {WEIGHTS_FILE}; is it a run folder?") from None
    except (OSError, safetensors.SafetensorError) as error:
        raise CheckpointError(
            f"cannot read {path}: {error}; the file is damaged, train or copy it again"
        ) from error


def parse_config(
    document: dict[str, object], folder: Path
) -> tuple[RetrieverSettings, AttributeSchema, RetrievalSettings]:
    """Return what ``config.json`` says of the model, its vocabulary and the way distances are joined.

    Raises:
        CheckpointError: if it does not describe a retriever.
    """
    try:
        return (
            RetrieverSettings.model_validate(document.get("settings")),
            AttributeSchema.from_json(document.get("schema")),
            RetrievalSettings.model_validate(document.get("retrieval", {})),
        )
    except (ValidationError, InputError) as error:
        raise not_a_retriever(folder, error) from error


def not_a_retriever(folder: Path, reason: Exception) -> CheckpointError:
    """Return the error for a configuration that describes no retriever."""
    return CheckpointError(f"{folder / CONFIG_FILE} does not describe a retriever: {reason}")


def category_count(weights: dict[str, Tensor], key: str, folder: Path) -> int:
    """Return how many training categories the weights hold.

    Raises:
        CheckpointError: if they hold none of that name.
    """
    if key not in weights or weights[key].ndim != 2:
        raise CheckpointError(f"{folder / WEIGHTS_FILE} lacks {key!r}; it is not a retriever's")
    return int(weights[key].shape[0])


def load_weights(module: nn.Module, weights: dict[str, Tensor], folder: Path) -> None:
    """Put weights into a module.

    Raises:
        CheckpointError: if they do not fit, or are not finite.
    """
    try:
        module.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        raise CheckpointError(f"{WEIGHTS_FILE} and {CONFIG_FILE} of {folder} do not fit: {error}") from error
    for key, tensor in module.state_dict().items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise CheckpointError(f"{folder / WEIGHTS_FILE} holds values that are not finite in {key!r}")
