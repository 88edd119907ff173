"""Where weights start: nothing, ImageNet, a file, or the backbone of a finished run."""

from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from attrieve.errors import CheckpointError
from attrieve.models.backbone import Backbone, backbone_facts
from attrieve.models.retriever import Retriever
from attrieve.schema import AttributeSchema
from attrieve.training.config import InitialisationSettings

_SMALLEST_MATCH = 0.95


def initialise(retriever: Retriever, settings: InitialisationSettings, *, beside: Path | None = None) -> str:
    """Load starting weights as the recipe says and return a sentence on what was done.

    Args:
        retriever: whose weights to replace.
        settings: what to start from.
        beside: the folder of the run to be trained; an earlier run named by a relative path is looked
            for from here first, so that runs moved together stay together.

    Raises:
        CheckpointError: if the weights cannot be had or do not fit the backbone.
        SchemaMismatchError: if the run to start from speaks another vocabulary.
    """
    done = []
    if settings.weights == "imagenet":
        done.append(load_imagenet(retriever.backbone))
    elif settings.weights != "none":
        done.append(load_backbone_file(retriever.backbone, Path(settings.weights)))
    if settings.run:
        near = None if beside is None else beside / settings.run
        run = near if near is not None and near.is_dir() else Path(settings.run)
        done.append(load_backbone_of_run(retriever, run))
    return "; ".join(done) or "from scratch"


def load_imagenet(backbone: Backbone) -> str:
    """Load ImageNet weights of the backbone from the Hugging Face hub.

    Raises:
        CheckpointError: if the hub cannot be reached; says how to hand in a file instead.
    """
    from huggingface_hub import snapshot_download

    hub_id = backbone_facts(backbone.settings.name).hub_id
    try:
        folder = Path(snapshot_download(hub_id, allow_patterns=["model.safetensors"]))
    except Exception as error:
        raise CheckpointError(
            f"cannot fetch {hub_id} from the hub ({type(error).__name__}: {error}); fetch its "
            "model.safetensors elsewhere and pass --init FILE"
        ) from error
    return load_backbone_file(backbone, folder / "model.safetensors")


def load_backbone_file(backbone: Backbone, path: Path) -> str:
    """Load backbone weights from a safetensors file, whole models with a classifier included.

    Raises:
        CheckpointError: if the file is missing, damaged, or of another network.
    """
    try:
        weights = safetensors.torch.load_file(path)
    except FileNotFoundError:
        raise CheckpointError(f"no weights at {path}; expected a safetensors file") from None
    except (OSError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"cannot read weights {path}: {error}; expected a safetensors file") from error
    fitting, wanted = _matching(backbone.network, weights), len(backbone.network.state_dict())
    if len(fitting) < _SMALLEST_MATCH * wanted:
        raise CheckpointError(
            f"{path} fits only {len(fitting)} of {wanted} tensors of backbone {backbone.settings.name!r}; "
            "it holds another network"
        )
    backbone.network.load_state_dict(fitting, strict=False)
    return f"backbone from {path.name} ({len(fitting)} of {wanted} tensors)"


def load_backbone_of_run(retriever: Retriever, run: Path) -> str:
    """Start from the backbone of a finished run: the second of the paper's two stages.

    Raises:
        SchemaMismatchError: if that run speaks another vocabulary.
        CheckpointError: if its backbone is another network.
    """
    earlier = Retriever.from_pretrained(run)
    _require_vocabulary(retriever.schema, earlier.schema, run)
    if earlier.settings.backbone.name != retriever.settings.backbone.name:
        raise CheckpointError(
            f"run {run} has backbone {earlier.settings.backbone.name!r}, "
            f"this recipe wants {retriever.settings.backbone.name!r}"
        )
    try:
        retriever.backbone.load_state_dict(earlier.backbone.state_dict())
    except RuntimeError as error:
        raise CheckpointError(f"the backbone of run {run} does not fit this recipe's: {error}") from error
    return f"backbone of run {earlier.name!r}"


def _require_vocabulary(here: AttributeSchema, there: AttributeSchema, run: Path) -> None:
    here.require_same(there, here="this recipe", there=f"run {run}")


def _matching(network: nn.Module, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose name (behind any prefix) and shape agree, under the network's names."""
    own = network.state_dict()
    prefix = _best_prefix(own, weights)
    return {
        key: weights[prefix + key].to(torch.float32)
        if own[key].is_floating_point()
        else weights[prefix + key]
        for key in own
        if prefix + key in weights and weights[prefix + key].shape == own[key].shape
    }


def _best_prefix(own: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> str:
    first = next(iter(own))
    prefixes = [key.removesuffix(first) for key in weights if key.endswith(first)] or [""]
    return max(prefixes, key=lambda prefix: sum(prefix + key in weights for key in own))
