"""Saving and loading retrievers: safetensors, a readable configuration, the schema with its fingerprint.

The folder layout is that of the Hugging Face hub (``model.safetensors`` and ``config.json``), so that a
run folder can be uploaded as it is. No pickle is read or written.
"""

import json
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from attrieve.data.files import write_together
from attrieve.errors import CheckpointError, InputError
from attrieve.models.configuration import RetrievalSettings, RetrieverSettings
from attrieve.models.query_side import QuerySide
from attrieve.models.retriever import Retriever, RetrieverType
from attrieve.schema import AttributeSchema

FORMAT = 1
WEIGHTS_FILE = "model.safetensors"
CONFIG_FILE = "config.json"


def save_retriever(retriever: Retriever, folder: Path) -> None:
    """Write a retriever into a folder; an older one there survives if the disk is full.

    Raises:
        StorageError: if the disk refuses.
    """
    _save(retriever, folder, name=retriever.name, query=retriever.query)


def load_retriever(cls: type[RetrieverType], folder_or_hub_id: Path | str) -> RetrieverType:
    """Load a retriever from a run folder or, if no such folder exists, from the hub.

    Raises:
        CheckpointError: if files are missing, damaged, or do not fit each other.
    """
    folder = find_folder(folder_or_hub_id)
    document = read_config(folder)
    weights = _read_weights(folder)
    settings, schema, retrieval = _parse(document, folder)
    try:
        retriever = cls(
            settings,
            schema,
            name=str(document.get("name", folder.name)),
            retrieval=retrieval,
            categories=_category_count(weights, "query.training_categories", folder),
        )
    except InputError as error:
        raise _not_a_retriever(folder, error) from error
    _load_weights(retriever, weights, folder)
    return retriever.eval()


def save_query_side(query: QuerySide, folder: Path, *, name: str) -> None:
    """Write the query side of a retriever on its own, as galleries keep it."""
    _save(query, folder, name=name, query=query)


def load_query_side(folder: Path) -> QuerySide:
    """Load what :func:`save_query_side` wrote.

    Raises:
        CheckpointError: if files are missing, damaged, or do not fit each other.
    """
    document = read_config(folder)
    weights = _read_weights(folder)
    settings, schema, retrieval = _parse(document, folder)
    categories = _category_count(weights, "training_categories", folder)
    query = QuerySide(settings, schema, retrieval, categories=categories)
    _load_weights(query, weights, folder)
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
        return Path(snapshot_download(name, allow_patterns=[WEIGHTS_FILE, CONFIG_FILE]))
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


def _save(module: nn.Module, folder: Path, *, name: str, query: QuerySide) -> None:
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


def _read_weights(folder: Path) -> dict[str, Tensor]:
    path = folder / WEIGHTS_FILE
    try:
        return safetensors.torch.load_file(path)
    except FileNotFoundError:
        raise CheckpointError(f"{folder} holds no {WEIGHTS_FILE}; is it a run folder?") from None
    except (OSError, safetensors.SafetensorError) as error:
        raise CheckpointError(
            f"cannot read {path}: {error}; the file is damaged, train or copy it again"
        ) from error


def _parse(
    document: dict[str, object], folder: Path
) -> tuple[RetrieverSettings, AttributeSchema, RetrievalSettings]:
    try:
        return (
            RetrieverSettings.model_validate(document.get("settings")),
            AttributeSchema.from_json(document.get("schema")),
            RetrievalSettings.model_validate(document.get("retrieval", {})),
        )
    except (ValidationError, InputError) as error:
        raise _not_a_retriever(folder, error) from error


def _not_a_retriever(folder: Path, reason: Exception) -> CheckpointError:
    return CheckpointError(f"{folder / CONFIG_FILE} does not describe a retriever: {reason}")


def _category_count(weights: dict[str, Tensor], key: str, folder: Path) -> int:
    if key not in weights or weights[key].ndim != 2:
        raise CheckpointError(f"{folder / WEIGHTS_FILE} lacks {key!r}; it is not a retriever's")
    return int(weights[key].shape[0])


def _load_weights(module: nn.Module, weights: dict[str, Tensor], folder: Path) -> None:
    try:
        module.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        raise CheckpointError(f"{WEIGHTS_FILE} and {CONFIG_FILE} of {folder} do not fit: {error}") from error
    for key, tensor in module.state_dict().items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise CheckpointError(f"{folder / WEIGHTS_FILE} holds values that are not finite in {key!r}")
