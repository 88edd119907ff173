"""Where weights start: files with and without a classifier, runs, the hub out of reach."""

from pathlib import Path

import huggingface_hub
import pytest
import safetensors.torch
import torch

from attrieve.errors import CheckpointError
from attrieve.models.backbone import Backbone
from attrieve.models.configuration import BackboneSettings
from attrieve.models.retriever import Retriever
from attrieve.training.config import InitialisationSettings
from attrieve.training.initialisation import initialise, load_backbone_file, load_imagenet
from models.tiny import TINY, tiny_retriever


def backbone() -> Backbone:
    return Backbone(BackboneSettings(name=TINY))


def weights_of(module: Backbone) -> dict[str, torch.Tensor]:
    return {key: value.clone() for key, value in module.network.state_dict().items()}


@pytest.mark.parametrize("prefix", ["", "resnet.", "module.backbone.network."])
@pytest.mark.parametrize("half", [False, True])
def test_a_file_of_the_same_network_is_loaded(prefix: str, half: bool, tmp_path: Path) -> None:
    """Behind any prefix, beside a classifier, in any floating-point format; weights stay float32."""
    source, target = weights_of(backbone()), backbone()
    stored = {
        prefix + key: value.half() if half and value.is_floating_point() else value
        for key, value in source.items()
    }
    stored["classifier.1.weight"] = torch.zeros(1000, 32)
    safetensors.torch.save_file(stored, tmp_path / "weights.safetensors")
    told = load_backbone_file(target, tmp_path / "weights.safetensors")
    assert told == f"backbone from weights.safetensors ({len(source)} of {len(source)} tensors)"
    for key, value in target.network.state_dict().items():
        assert value.dtype == source[key].dtype
        torch.testing.assert_close(value, source[key], rtol=1e-3, atol=1e-3)
        assert half or torch.equal(value, source[key])


def test_files_of_other_networks_are_refused(tmp_path: Path) -> None:
    """Told with how many tensors fit; a missing or broken file is told as such."""
    wrong = {key: torch.zeros(*value.shape, 2) for key, value in weights_of(backbone()).items()}
    safetensors.torch.save_file(wrong, tmp_path / "wrong.safetensors")
    with pytest.raises(CheckpointError, match=r"fits only 0 of \d+ tensors.*another network"):
        load_backbone_file(backbone(), tmp_path / "wrong.safetensors")
    with pytest.raises(CheckpointError, match="no weights at"):
        load_backbone_file(backbone(), tmp_path / "none.safetensors")
    (tmp_path / "text.safetensors").write_text("no tensors")
    with pytest.raises(CheckpointError, match="expected a safetensors file"):
        load_backbone_file(backbone(), tmp_path / "text.safetensors")


def test_a_refused_file_changes_nothing(tmp_path: Path) -> None:
    """Half a network is not half loaded."""
    source, target = weights_of(backbone()), backbone()
    before = weights_of(target)
    half = dict(list(source.items())[: len(source) // 2])
    safetensors.torch.save_file(half, tmp_path / "half.safetensors")
    with pytest.raises(CheckpointError, match="fits only"):
        load_backbone_file(target, tmp_path / "half.safetensors")
    assert all(torch.equal(value, before[key]) for key, value in target.network.state_dict().items())


def test_the_hub_out_of_reach_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the reason, the file that is wanted, and the way round."""

    def unreachable(*args: object, **kwargs: object) -> str:
        raise ConnectionError("no route to host")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)
    with pytest.raises(CheckpointError, match=r"nobody/tiny.*no route to host.*--init FILE"):
        load_imagenet(backbone())


def test_imagenet_weights_come_from_the_hubs_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the safetensors file is fetched; a pickle never is."""
    source, target = weights_of(backbone()), tiny_retriever()
    safetensors.torch.save_file(source, tmp_path / "model.safetensors")
    asked: list[object] = []

    def snapshot(name: str, *, allow_patterns: list[str]) -> str:
        asked.append((name, allow_patterns))
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    assert "model.safetensors" in initialise(target, InitialisationSettings(weights="imagenet"))
    assert asked == [("nobody/tiny", ["model.safetensors"])]
    assert all(torch.equal(value, source[key]) for key, value in target.backbone.network.state_dict().items())


def test_the_second_stage_takes_exactly_the_backbone(tmp_path: Path) -> None:
    """Of a finished run; heads, tokens and encoder stay as they were drawn."""
    first = tiny_retriever("attributes", "pooled", seed=1)
    first.save_pretrained(tmp_path)
    second, fresh = tiny_retriever(seed=2), tiny_retriever(seed=2).state_dict()
    assert initialise(second, InitialisationSettings(run=str(tmp_path))) == "backbone of run 'tiny run'"
    for key, tensor in second.state_dict().items():
        source = first.state_dict() if key.startswith("backbone.") else fresh
        assert torch.equal(tensor, source[key]), key
    assert not torch.equal(
        fresh["backbone.network.embedder.embedder.convolution.weight"],
        second.state_dict()["backbone.network.embedder.embedder.convolution.weight"],
    )


def test_nothing_asked_is_from_scratch() -> None:
    """And says so."""
    retriever: Retriever = tiny_retriever()
    before = retriever.fingerprint
    assert initialise(retriever, InitialisationSettings()) == "from scratch"
    assert retriever.fingerprint == before


def test_a_relative_run_is_looked_for_beside_the_new_one_first(tmp_path: Path) -> None:
    """So that runs moved together stay together; otherwise from where the command runs."""
    near, target = tiny_retriever("attributes", "pooled", seed=1), tiny_retriever(seed=2)
    near.save_pretrained(tmp_path / "runs" / "first")
    settings = InitialisationSettings(run="../first")
    (tmp_path / "runs" / "second").mkdir()
    initialise(target, settings, beside=tmp_path / "runs" / "second")
    key = "backbone.network.embedder.embedder.convolution.weight"
    assert torch.equal(target.state_dict()[key], near.state_dict()[key])
    with pytest.raises(CheckpointError, match="no run folder"):
        initialise(target, InitialisationSettings(run="./nowhere"), beside=tmp_path / "runs" / "second")
