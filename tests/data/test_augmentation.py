"""Augmentation of whole batches against plain twins that treat one image, or one pixel, at a time."""

import colorsys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attrieve.data.augmentation import AugmentationSettings, Mixture, augment, draw_mixture
from reference.augmentation import bilinear_window, blur, pad_crop_mirror


def pixels(count: int, height: int = 16, width: int = 8) -> torch.Tensor:
    """No pixel black, no two images alike."""
    generator = torch.Generator().manual_seed(count)
    return torch.randint(1, 256, (count, height, width, 3), dtype=torch.uint8, generator=generator)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def only(**changes: float) -> AugmentationSettings:
    """One kind of change alone."""
    return AugmentationSettings.model_validate({"pad_share": 0, "flip": False} | changes)


@pytest.mark.parametrize("pad_share", [0.0, 0.25])
@pytest.mark.parametrize("flip", [True, False])
def test_every_image_is_padded_cropped_and_mirrored_in_its_own_way(pad_share: float, flip: bool) -> None:
    """Each equals one of the windows a plain twin can cut; over many images all kinds occur."""
    images = pixels(200)
    pad = round(pad_share * 16)
    moved = augment(images, AugmentationSettings(pad_share=pad_share, flip=flip), seeded())
    shifts = range(-pad, pad + 1)
    seen = set()
    for image, result in zip(images.numpy(), moved.numpy(), strict=True):
        found = [
            (down, right, mirrored)
            for down in shifts
            for right in shifts
            for mirrored in (False, True)
            if np.array_equal(pad_crop_mirror(image, pad, down, right, mirrored=mirrored), result)
        ]
        assert len(found) == 1
        seen.add(found[0])
    assert {mirrored for *_, mirrored in seen} == ({False, True} if flip else {False})
    assert {down for down, *_ in seen} == {right for _, right, _ in seen} == set(shifts)


def test_half_of_the_images_are_mirrored() -> None:
    """Within five deviations of a fair coin."""
    images = pixels(1000, 4, 2)
    moved = augment(images, AugmentationSettings(pad_share=0), seeded(1))
    mirrored = (moved != images).flatten(1).any(dim=1).sum()
    assert abs(int(mirrored) - 500) < 80


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"erase_probability": 0.5},
        {"colour_strength": 0.3},
        {"zoom_share": 0.3},
        {"hue_strength": 0.1, "saturation_strength": 0.5, "grey_probability": 0.2},
        {"blur_probability": 0.5},
    ],
)
def test_the_generator_decides_everything(changes: dict[str, float]) -> None:
    """Same state, same result, whatever PyTorch's own generator does; another state, another result."""
    settings = AugmentationSettings(**changes)  # type: ignore[arg-type]
    images = pixels(8)
    torch.manual_seed(1)
    first = augment(images, settings, seeded(5))
    torch.manual_seed(2)
    assert torch.equal(augment(images, settings, seeded(5)), first)
    assert not torch.equal(augment(images, settings, seeded(6)), first)
    assert first.dtype == torch.uint8


def test_nothing_asked_changes_nothing() -> None:
    """All switched off."""
    images = pixels(4)
    off = AugmentationSettings(pad_share=0, flip=False)
    assert torch.equal(augment(images, off, seeded()), images)


def test_erasing_fills_a_rectangle_with_the_mean_colour() -> None:
    """One rectangle per chosen image; every other pixel stays."""
    images = pixels(40, 32, 16)
    settings = AugmentationSettings(pad_share=0, flip=False, erase_probability=0.5)
    changed = augment(images, settings, seeded())
    mean = images.float().mean(dim=(0, 1, 2)).to(torch.uint8)
    touched = 0
    for image, result in zip(images, changed, strict=True):
        different = (image != result).any(dim=2)
        if not different.any():
            continue
        touched += 1
        rows, columns = different.any(dim=1).nonzero()[:, 0], different.any(dim=0).nonzero()[:, 0]
        box = result[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert bool((box == mean).all())
        assert 0.01 < box[..., 0].numel() / 512 < 0.3
    assert 8 < touched < 32


def test_light_changes_within_its_strength() -> None:
    """A flat grey image stays flat and moves by at most the share; strength 0 moves nothing."""
    grey = torch.full((64, 4, 4, 3), 100, dtype=torch.uint8)
    settings = AugmentationSettings(pad_share=0, flip=False, colour_strength=0.2)
    changed = augment(grey, settings, seeded())
    assert torch.equal(changed, changed[:, :1, :1, :1].expand_as(changed))
    assert 79 <= int(changed.min()) < 95
    assert 105 < int(changed.max()) <= 121


def test_zooming_shows_one_window_in_each_image() -> None:
    """A picture of its own coordinates shows which: within the shares, inside the image or around it."""
    count, height, width = 200, 64, 32
    rows = torch.linspace(40, 200, height).round()[:, None].expand(height, width)
    columns = torch.linspace(40, 200, width).round()[None, :].expand(height, width)
    picture = torch.stack([rows, columns, torch.full_like(rows, 255)], dim=-1).to(torch.uint8)
    zoomed = augment(picture.expand(count, -1, -1, -1), only(zoom_share=0.3), seeded()).float()
    tall, wide = [], []
    for image in zoomed:
        shown = image[..., 2] > 250
        line = shown.any(dim=1).nonzero()[:, 0]
        first, last = int(line[0]) + 1, int(line[-1]) - 1
        column = shown[first].nonzero()[:, 0]
        left, right = int(column[0]) + 1, int(column[-1]) - 1
        step_down = (image[last, left, 0] - image[first, left, 0]) / (last - first)
        step_right = (image[first, right, 1] - image[first, left, 1]) / (right - left)
        tall.append(160 / (height - 1) / float(step_down))
        wide.append(160 / (width - 1) / float(step_right))
        for steps, size, lines in ((tall, height, (first, last)), (wide, width, (left, right))):
            if steps[-1] > 1.05:  # zoomed in: no border is seen
                assert lines[0] <= 2
                assert lines[1] >= size - 3
    for factors in (tall, wide):
        assert 0.7 * 0.9 - 0.04 < min(factors) < 0.8
        assert 1.25 < max(factors) < 1.3 * 1.1 + 0.1
    apart = [one / other for one, other in zip(tall, wide, strict=True)]
    assert 1.02 < max(apart) < 1.1 / 0.9 + 0.1


def test_a_zoomed_image_is_what_a_plain_twin_cuts_out() -> None:
    """Pixel by pixel, bilinear; the window is read from the very picture of coordinates above."""
    images = pixels(3, 12, 10)
    zoomed = augment(images, only(zoom_share=0.4), seeded(3))
    generator = seeded(3)
    together, apart, place = (2 * torch.rand(n, 3, generator=generator) - 1 for n in (1, 2, 2))
    for index in range(3):
        sides = [
            1 / ((1 + 0.4 * float(together[0, index])) * (1 + 0.4 / 3 * float(apart[k, index])))
            for k in (0, 1)
        ]
        middles = [float(place[k, index]) * abs(1 - sides[k]) / 2 + 0.5 for k in (0, 1)]
        expected = bilinear_window(images[index].numpy(), sides[1], sides[0], middles[1], middles[0])
        assert np.abs(zoomed[index].numpy().astype(int) - expected).max() <= 1


@given(share=st.floats(0.05, 0.5), seed=st.integers(0, 50))
def test_grey_stays_grey_and_light_stays(share: float, seed: int) -> None:
    """Turning and stretching colours moves no grey pixel, and no image's luma by more than rounding."""
    ramp = torch.arange(256, dtype=torch.uint8)[None, :, None, None].expand(4, 256, 1, 3).contiguous()
    settings = only(hue_strength=share, saturation_strength=share, grey_probability=0.3)
    assert torch.equal(augment(ramp, settings, seeded(seed)), ramp)
    muted = (pixels(4).float() * 0.2 + 100).to(torch.uint8)  # nothing is cut off at 0 or 255
    luma = torch.tensor([0.299, 0.587, 0.114])
    small = only(hue_strength=share, saturation_strength=share)
    changed = augment(muted, small, seeded(seed))
    assert float(((changed.float() - muted.float()) @ luma).abs().max()) < 1.0


def test_hues_turn_and_colours_fade_within_their_strength() -> None:
    """As the standard library's hue and its NTSC colours see it."""
    red = torch.tensor([180, 60, 60], dtype=torch.uint8).expand(300, 2, 2, 3)
    turned = augment(red, only(hue_strength=0.1), seeded())
    hues = [colorsys.rgb_to_hsv(*(image[0, 0] / 255).tolist())[0] for image in turned]
    signed = [(hue + 0.5) % 1 - 0.5 for hue in hues]
    assert -0.15 < min(signed) < -0.06
    assert 0.06 < max(signed) < 0.15
    faded = augment(red, only(saturation_strength=0.5), seeded())
    chroma = [colorsys.rgb_to_yiq(*(image[0, 0] / 255).tolist())[1:] for image in faded]
    before = colorsys.rgb_to_yiq(180 / 255, 60 / 255, 60 / 255)[1]
    assert 0.48 < min(first for first, _ in chroma) / before < 0.55
    assert 1.4 < max(first for first, _ in chroma) / before < 1.52


def test_some_images_lose_their_colours() -> None:
    """As often as asked, each as a whole, to its luma."""
    images = pixels(400, 4, 2)
    changed = augment(images, only(grey_probability=0.25), seeded())
    grey = (changed == changed[..., :1]).all(dim=3).flatten(1).all(dim=1)
    assert torch.equal(changed[~grey], images[~grey])
    assert abs(int(grey.sum()) - 100) < 45
    luma = images[grey].float() @ torch.tensor([0.299, 0.587, 0.114])
    assert float((changed[grey][..., 0] - luma).abs().max()) <= 0.51


def test_some_images_are_blurred() -> None:
    """Untouched, or what a plain twin gives."""
    images = pixels(60, 9, 7)
    changed = augment(images, only(blur_probability=0.5), seeded())
    touched = (changed != images).flatten(1).any(dim=1)
    assert 15 < int(touched.sum()) < 45
    for image, result in zip(images[touched].numpy(), changed[touched].numpy(), strict=True):
        assert np.abs(blur(image) - result).max() <= 0.51


@given(alpha=st.floats(0.05, 5), count=st.integers(1, 9), seed=st.integers(0, 99))
def test_a_mixture_is_a_permutation_and_a_share(alpha: float, count: int, seed: int) -> None:
    """Decided by the generator; what is mixed lies between its two images."""
    mixture = draw_mixture(count, alpha, seeded(seed), torch.device("cpu"))
    again = draw_mixture(count, alpha, seeded(seed), torch.device("cpu"))
    assert mixture.share == again.share
    assert sorted(mixture.partner.tolist()) == list(range(count))
    assert 0 <= mixture.share <= 1
    images = pixels(count).permute(0, 3, 1, 2).float()
    for index, mixed in enumerate(mixture.mix(images)):
        other = images[int(mixture.partner[index])]
        expected = mixture.share * images[index].double() + (1 - mixture.share) * other.double()
        assert torch.allclose(mixed.double(), expected, atol=1e-3)


def test_shares_follow_the_beta_distribution() -> None:
    """Mean one half, variance 1 / (4 (2 alpha + 1))."""
    shares = [draw_mixture(2, 0.4, seeded(seed), torch.device("cpu")).share for seed in range(2000)]
    assert np.mean(shares) == pytest.approx(0.5, abs=0.04)
    assert np.var(shares) == pytest.approx(1 / (4 * 1.8), rel=0.1)


def test_a_share_of_one_changes_nothing() -> None:
    """Bit for bit."""
    images = torch.rand(3, 3, 4, 4)
    assert torch.equal(Mixture(torch.tensor([2, 0, 1]), 1.0).mix(images), images)
