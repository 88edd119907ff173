"""Every switch of the model: trained whole, saved and loaded whole, and nothing changed where it is off."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from attrieve.errors import ConfigurationError
from attrieve.models.configuration import BackboneSettings, RetrieverSettings
from attrieve.models.retriever import Retriever, RetrieverOutput
from models.tiny import random_pixels, tiny_retriever, tiny_schema, tiny_settings

SWITCHES: tuple[dict[str, Any], ...] = (
    {"pooling": "generalised_mean"},
    {"pooling": "average_and_maximum"},
    {"parts": 4},
    {"spatial_projection": True},
    {"spatial_projection": True, "pooling": "average_and_maximum", "parts": 2, "pooled_dropout": 0.3},
    {"logit_norm": "both"},
    {"heads_ensemble": 3, "logit_norm": "attribute", "spatial_projection": True, "pooled_dropout": 0.2},
)
KINDS = ("attributes", "embedding", "multi_task")


def parts_of(output: RetrieverOutput) -> list[Tensor]:
    return [part for part in (output.logits, output.embedding) if part is not None]


@pytest.mark.parametrize("switches", SWITCHES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_reach_every_parameter(kind: str, switches: dict[str, Any]) -> None:
    """Whatever is switched on is trained, in both branches."""
    torch.manual_seed(0)
    retriever = Retriever(tiny_settings(kind, "pooled", **switches), tiny_schema()).train()
    queries = retriever.embed_queries(torch.rand(4, 6))
    found = [*parts_of(retriever(torch.rand(4, 3, 64, 32))), *([] if queries is None else [queries])]
    torch.stack([(part * torch.randn_like(part)).sum() for part in found]).sum().backward()
    assert [name for name, p in retriever.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize("switches", SWITCHES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_retriever_comes_back_the_same(kind: str, switches: dict[str, Any], tmp_path: Path) -> None:
    """After a step in training mode, which moves what remembers: settings, fingerprint, every answer."""
    saved = tiny_retriever(kind, "pooled", **switches)
    saved.train()(torch.rand(8, 3, 64, 32))
    saved.eval().save_pretrained(tmp_path)
    loaded = Retriever.from_pretrained(tmp_path)
    assert (loaded.settings, loaded.fingerprint) == (saved.settings, saved.fingerprint)
    before, after = (retriever.embed_images(random_pixels(3)) for retriever in (saved, loaded))
    for one, other in ((before.probability, after.probability), (before.embedding, after.embedding)):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            assert torch.equal(one, other)


@pytest.mark.parametrize("switches", SWITCHES, ids=str)
def test_an_image_is_described_the_same_in_any_company(switches: dict[str, Any]) -> None:
    """In evaluation nothing leaks between the images of a batch."""
    retriever = tiny_retriever("multi_task", "pooled", **switches)
    pixels = random_pixels(5)
    together, alone = retriever.embed_images(pixels), retriever.embed_images(pixels[2:3])
    torch.testing.assert_close(together.probability[2:3], alone.probability, rtol=1e-4, atol=1e-5)  # type: ignore[index]
    torch.testing.assert_close(together.embedding[2:3], alone.embedding, rtol=1e-4, atol=1e-5)  # type: ignore[index]


def test_switches_that_are_off_leave_no_trace() -> None:
    """The same weights under the same names, and the fingerprint of a model from before there were any."""
    settings = tiny_settings("multi_task", "pooled")
    document = settings.model_dump(mode="json")
    first = {
        *("kind", "head", "height_px", "width_px", "backbone", "transformer"),
        *("embedding_dim", "encoder_hidden", "pooled_dropout"),
    }
    old = {name: value for name, value in document.items() if name in first}
    old["backbone"] = {
        name: old["backbone"][name]
        for name in ("name", "last_stride", "stage", "drop_path", "freeze_batch_norm")
    }
    assert RetrieverSettings.model_validate(old) == settings
    assert RetrieverSettings.model_validate_json(settings.fingerprint_text()) == settings
    text = settings.fingerprint_text()
    assert set(RetrieverSettings.model_validate_json(text).model_fields_set) == first
    assert "parts" not in text
    assert "frozen_stages" not in text
    names = [name.split(".")[0] for name in tiny_retriever("multi_task", "pooled").state_dict()]
    assert set(names) == {"backbone", "query", "attribute_head", "image_embedding"}


@pytest.mark.parametrize("norm", ["attribute", "instance", "both"])
@pytest.mark.parametrize("head", ["pooled", "transformer"])
def test_normalised_logits_train_and_travel_with_either_head(head: str, norm: str, tmp_path: Path) -> None:
    """Gradients everywhere; what was remembered in training is what a loaded model answers by."""
    torch.manual_seed(0)
    retriever = Retriever(tiny_settings("attributes", head, logit_norm=norm), tiny_schema()).train()
    logits = retriever(torch.rand(6, 3, 64, 32)).logits
    (logits * torch.randn_like(logits)).sum().backward()
    assert [name for name, p in retriever.named_parameters() if p.grad is None] == []
    retriever.eval().save_pretrained(tmp_path)
    loaded = Retriever.from_pretrained(tmp_path)
    assert loaded.fingerprint == retriever.fingerprint
    pixels = random_pixels(4)
    here, there = retriever.embed_images(pixels).probability, loaded.embed_images(pixels).probability
    assert here is not None
    assert there is not None
    assert torch.equal(here, there)
    torch.testing.assert_close(loaded.embed_images(pixels[1:2]).probability, here[1:2])


def test_several_heads_are_averaged() -> None:
    """Logits as they are, embeddings as unit vectors; the first head is the one of a single head."""
    several = tiny_retriever("multi_task", "pooled", heads_ensemble=3)
    images = torch.rand(4, 3, 64, 32)
    output = several(images)
    assert len(output.heads) == 3
    torch.testing.assert_close(output.logits, sum(head.logits for head in output.heads) / 3)
    units = [head.embedding / head.embedding.norm(dim=1, keepdim=True) for head in output.heads]
    torch.testing.assert_close(output.embedding, (units[0] + units[1] + units[2]) / 3)
    assert (output.heads[0].logits - output.heads[1].logits).abs().max() > 1e-2

    alone = tiny_retriever("multi_task", "pooled")
    alone.load_state_dict({name: several.state_dict()[name] for name in alone.state_dict()})
    single = alone(images)
    assert single.heads == ()
    assert torch.equal(single.logits, output.heads[0].logits)
    assert torch.equal(single.embedding, output.heads[0].embedding)
    # the order is that of the joined vectors against the description written once per head
    queries = several.embed_queries(torch.rand(5, 6)).detach()  # type: ignore[union-attr]
    joined = torch.cat(units, dim=1) @ queries.repeat(1, 3).T
    torch.testing.assert_close(output.embedding @ queries.T, joined / 3)


@pytest.mark.parametrize("switches", SWITCHES, ids=str)
def test_a_switch_changes_the_fingerprint(switches: dict[str, Any]) -> None:
    """And so does a switch of the backbone, with the same weights."""
    plain = tiny_settings("multi_task", "pooled")
    assert tiny_settings("multi_task", "pooled", **switches).fingerprint_text() != plain.fingerprint_text()
    frozen = plain.model_copy(update={"backbone": BackboneSettings(name="resnet-tiny", frozen_stages=1)})
    assert frozen.fingerprint_text() != plain.fingerprint_text()


def test_switches_of_the_pooled_head_are_refused_elsewhere() -> None:
    """Rather than left without effect; the message names them and the way out."""
    with pytest.raises(ConfigurationError, match=r"model\.parts and model\.pooling.*head = 'pooled'"):
        tiny_settings("multi_task", "transformer", parts=2, pooling="generalised_mean")
    with pytest.raises(ConfigurationError, match=r"model\.spatial_projection"):
        tiny_settings("multi_task", "transformer", spatial_projection=True)


def test_more_stripes_than_rows_are_refused_at_once() -> None:
    """When the model is built, not at the first image: 64 pixels give a map of 4 rows."""
    with pytest.raises(ConfigurationError, match="4 rows has no 5 stripes"):
        tiny_retriever("attributes", "pooled", parts=5)


def test_a_stripe_is_seen_by_its_own_channels() -> None:
    """A change of the lower half of the map moves the lower stripe's half of the vector alone."""
    retriever = tiny_retriever("attributes", "pooled", parts=2)
    assert retriever.pooling is not None
    feature_map = torch.rand(1, 32, 4, 2)
    changed = feature_map.clone()
    changed[:, :, 2:] += 1
    moved = (retriever.pooling(feature_map) != retriever.pooling(changed))[0]
    assert moved.tolist() == [False] * 32 + [True] * 32
