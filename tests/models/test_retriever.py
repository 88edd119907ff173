"""The whole retriever: branches, heads, doors, number formats, attention."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from attrieve.data.images import resize_image
from attrieve.errors import ConfigurationError, ImageError, InputError
from attrieve.models.attribute_head import TokenAttributeHead
from attrieve.models.configuration import BackboneSettings
from attrieve.models.retriever import Retriever
from environments import environment_with_tests
from models.tiny import TINY, random_pixels, tiny_retriever, tiny_schema, tiny_settings

HEADS = ("transformer", "pooled")
KINDS = ("attributes", "embedding", "multi_task")


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_gives_its_branches(kind: str, head: str) -> None:
    """Logits with recognition, embeddings with embedding, None for what is not there."""
    retriever = tiny_retriever(kind, head)
    output = retriever(torch.rand(3, 3, 64, 32))
    assert (None if output.logits is None else output.logits.shape) == (
        None if kind == "embedding" else (3, 6)
    )
    assert (None if output.embedding is None else output.embedding.shape) == (
        None if kind == "attributes" else (3, 8)
    )
    assert (retriever.query.encoder is None) == (kind == "attributes")
    assert retriever.kind == kind


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stage", [3, 4])
def test_gradients_reach_every_parameter(kind: str, head: str, stage: int) -> None:
    """Nothing is built that is never trained; several processes could not train it."""
    settings = tiny_settings(kind, head).model_copy(
        update={"backbone": BackboneSettings(name=TINY, stage=stage)}
    )
    retriever = Retriever(settings, tiny_schema()).train()
    output = retriever(torch.rand(4, 3, 64, 32))
    parts = [part for part in (output.logits, output.embedding) if part is not None]
    queries = retriever.embed_queries(torch.rand(4, 6))
    total = sum(
        (part * torch.randn_like(part)).sum() for part in [*parts, *([] if queries is None else [queries])]
    )
    total.backward()  # type: ignore[union-attr]
    assert [name for name, p in retriever.named_parameters() if p.grad is None] == []


def test_each_classifier_sees_its_own_token_alone() -> None:
    """Against a loop; changing token j changes logit j and no other."""
    head = TokenAttributeHead(attributes=4, dim=3)
    torch.nn.init.normal_(head.bias)
    tokens = torch.randn(2, 4, 3)
    logits = head(tokens)
    for image in range(2):
        for attribute in range(4):
            expected = tokens[image, attribute] @ head.weight[attribute] + head.bias[attribute]
            torch.testing.assert_close(logits[image, attribute], expected)
    tokens[:, 2] += 1
    assert (head(tokens) != logits).any(dim=0).tolist() == [False, False, True, False]


def test_attributes_keep_their_token_and_classifier_when_they_change_places() -> None:
    """Attribute tokens carry no position: permuting tokens and classifiers permutes the logits."""
    retriever = tiny_retriever()
    images = torch.rand(2, 3, 64, 32)
    before = retriever(images)
    order = torch.tensor([3, 0, 5, 1, 2, 4])
    with torch.no_grad():
        retriever.attribute_tokens.copy_(retriever.attribute_tokens[order].clone())
        retriever.attribute_head.weight.copy_(retriever.attribute_head.weight[order].clone())  # type: ignore[union-attr,operator]
        retriever.attribute_head.bias.copy_(retriever.attribute_head.bias[order].clone())  # type: ignore[union-attr,operator]
    after = retriever(images)
    torch.testing.assert_close(after.logits, before.logits[:, order], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(after.embedding, before.embedding, rtol=1e-4, atol=1e-5)


def test_attention_on_request() -> None:
    """One tensor per block over visual and attribute tokens, rows sum to 1; outputs stay the same."""
    retriever = tiny_retriever()
    images = torch.rand(2, 3, 64, 32)
    plain, looked = retriever(images), retriever(images, with_attention=True)
    assert looked.grid == plain.grid == (2, 1)
    assert [weights.shape for weights in looked.attention] == [(2, 2, 8, 8)] * 2
    torch.testing.assert_close(looked.attention[1].sum(-1), torch.ones(2, 2, 8))
    assert plain.attention == ()
    torch.testing.assert_close(looked.logits, plain.logits, rtol=1e-4, atol=1e-5)
    with pytest.raises(ConfigurationError, match="no attention"):
        tiny_retriever(head="pooled")(images, with_attention=True)


@pytest.mark.parametrize("head", HEADS)
def test_number_and_memory_formats_agree(head: str) -> None:
    """Channels-last equals plain; bfloat16 autocast stays near."""
    retriever = tiny_retriever(head=head)
    images = torch.rand(4, 3, 64, 32)
    plain = retriever(images)
    moved = tiny_retriever(head=head).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    last = moved(images.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(last.logits, plain.logits, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(last.embedding, plain.embedding, rtol=1e-4, atol=1e-4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = retriever(images)
    for got, expected in ((rough.logits, plain.logits), (rough.embedding, plain.embedding)):
        assert functional.cosine_similarity(got.float(), expected, dim=1).min() > 0.99


COMPILED = """
import torch
from models.tiny import tiny_backbone, tiny_retriever
torch.set_num_threads(1)
with tiny_backbone():
    for head in ("pooled", "transformer"):
        retriever, images = tiny_retriever(head=head), torch.rand(2, 3, 64, 32)
        got, expected = torch.compile(retriever, backend="aot_eager")(images), retriever(images)
        torch.testing.assert_close(got.logits, expected.logits, rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(got.embedding, expected.embedding, rtol=1e-3, atol=1e-4)
print("agree")
"""


@pytest.mark.slow
def test_a_compiled_retriever_agrees() -> None:
    """Its graph can be captured, and gives the same answers; apart, as live type checks cannot be traced."""
    command = [sys.executable, "-W", "ignore", "-c", COMPILED]
    done = subprocess.run(command, env=environment_with_tests(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "agree\n"), done.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_embedding_images_is_forward_then_sigmoid_and_unit_length(kind: str) -> None:
    """From bytes, in evaluation mode, with the training mode left as it was."""
    retriever = tiny_retriever(kind).train()
    pixels = random_pixels(3)
    described = retriever.embed_images(pixels)
    assert retriever.training
    assert retriever.backbone.training
    output = retriever.eval()(pixels.permute(0, 3, 1, 2).float() / 255)
    if described.probability is not None:
        torch.testing.assert_close(described.probability, torch.sigmoid(output.logits), rtol=1e-4, atol=1e-5)
    if described.embedding is not None:
        unit = output.embedding / output.embedding.norm(dim=1, keepdim=True)
        torch.testing.assert_close(described.embedding, unit, rtol=1e-4, atol=1e-5)
    assert (described.probability is None, described.embedding is None) == (
        kind == "embedding",
        kind == "attributes",
    )


def test_mirrored_images_are_averaged() -> None:
    """Before the sigmoid and before normalising; a mirrored batch gives the same answer."""
    retriever = tiny_retriever()
    pixels = random_pixels(3)
    images = retriever.prepare(pixels)
    one, other = retriever(images), retriever(images.flip(3))
    both = retriever.embed_images(pixels, flip=True)
    assert both.probability is not None
    torch.testing.assert_close(
        both.probability, torch.sigmoid((one.logits + other.logits) / 2), rtol=1e-4, atol=1e-5
    )
    mean = (one.embedding + other.embedding) / 2
    torch.testing.assert_close(both.embedding, mean / mean.norm(dim=1, keepdim=True), rtol=1e-4, atol=1e-5)
    mirrored = retriever.embed_images(pixels.flip(2), flip=True)
    torch.testing.assert_close(mirrored.probability, both.probability, rtol=1e-4, atol=1e-5)
    assert (one.logits - other.logits).abs().max() > 1e-3


def slow_crop(image, top, left, high, wide):
    """Cut out and stretch back, pixel by pixel: the colour at the middle of each, between its neighbours."""
    channels, height, width = image.shape
    out = torch.empty_like(image)
    for row in range(height):
        for column in range(width):
            y = min(max((row + 0.5) * high / height - 0.5, 0), high - 1)
            x = min(max((column + 0.5) * wide / width - 0.5, 0), wide - 1)
            y0, x0 = int(y), int(x)
            y1, x1 = min(y0 + 1, high - 1), min(x0 + 1, wide - 1)
            for channel in range(channels):
                plane = image[channel, top : top + high, left : left + wide]
                above = plane[y0, x0] * (1 - (x - x0)) + plane[y0, x1] * (x - x0)
                below = plane[y1, x0] * (1 - (x - x0)) + plane[y1, x1] * (x - x0)
                out[channel, row, column] = above * (1 - (y - y0)) + below * (y - y0)
    return out


def test_crops_from_every_corner_are_averaged() -> None:
    """With the whole image, before the sigmoid and before normalising; mirrored ones too if asked."""
    retriever = tiny_retriever()
    pixels = random_pixels(1)
    image = retriever.prepare(pixels)[0]
    height, width = retriever.input_size
    high, wide = round(0.9 * height), round(0.9 * width)
    views = [image]
    for top in (0, height - high):
        views += [slow_crop(image, top, left, high, wide) for left in (0, width - wide)]
    outputs = retriever(torch.stack(views))
    found = retriever.embed_images(pixels, crops=True)
    expected = torch.sigmoid(outputs.logits.mean(dim=0, keepdim=True))
    torch.testing.assert_close(found.probability, expected, rtol=1e-4, atol=1e-5)
    mean = outputs.embedding.mean(dim=0, keepdim=True)
    torch.testing.assert_close(found.embedding, mean / mean.norm(), rtol=1e-4, atol=1e-5)
    assert (found.probability - retriever.embed_images(pixels).probability).abs().max() > 1e-4
    both = retriever.embed_images(pixels, crops=True, flip=True)
    mirrored = retriever.embed_images(pixels.flip(2), crops=True, flip=True)
    torch.testing.assert_close(mirrored.probability, both.probability, rtol=1e-4, atol=1e-5)


def test_images_of_another_size_are_refused() -> None:
    """The message names both sizes and how to mend it."""
    with pytest.raises(InputError, match=r"64x32.*32x64.*resize_image"):
        tiny_retriever().embed_images(torch.zeros(1, 32, 64, 3, dtype=torch.uint8))


def test_a_larger_input_is_a_matter_of_positions() -> None:
    """The convolutional part and the tokens take other sizes in forward; odd ones are refused."""
    retriever = tiny_retriever()
    assert retriever(torch.rand(1, 3, 128, 64)).grid == (4, 2)
    with pytest.raises(ConfigurationError, match="whole patches"):
        retriever(torch.rand(1, 3, 48, 32))


def test_files_are_described(tmp_path: Path) -> None:
    """One probability per attribute name, as for the resized pixels; what is no image is refused."""
    retriever = tiny_retriever()
    pixels = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "person.png")
    described = retriever.describe(tmp_path / "person.png")
    resized = torch.from_numpy(resize_image(pixels, 64, 32))[None]
    expected = retriever.embed_images(resized).probability
    assert expected is not None
    assert described == dict(zip(tiny_schema().names, expected[0].tolist(), strict=True))
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(ImageError):
        retriever.describe(tmp_path / "text.png")
    with pytest.raises(ConfigurationError, match="embeds only"):
        tiny_retriever("embedding").describe(tmp_path / "person.png")


def test_the_fingerprint_follows_settings_and_weights() -> None:
    """Same weights, same fingerprint, whatever their memory format; one changed number changes it."""
    first, second = tiny_retriever(seed=1), tiny_retriever(seed=1)
    second.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    assert first.fingerprint == second.fingerprint
    assert first.fingerprint != tiny_retriever(seed=2).fingerprint
    with torch.no_grad():
        second.attribute_tokens[0, 0] += 1e-3
    assert first.fingerprint != second.fingerprint
