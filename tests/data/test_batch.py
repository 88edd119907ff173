"""Batches, their augmentation, and the order in which epochs bring them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attrieve.data.batch import AugmentationSettings, EpochBatches, PersonBatch, augment, category_positions
from attrieve.errors import InputError
from reference.augmentation import pad_crop_mirror
from strategies import value_tables


def pixels(count: int, height: int = 16, width: int = 8) -> torch.Tensor:
    """No pixel black, no two images alike."""
    generator = torch.Generator().manual_seed(count)
    return torch.randint(1, 256, (count, height, width, 3), dtype=torch.uint8, generator=generator)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_parts_of_a_batch_are_of_one_length() -> None:
    """Checked when it is made."""
    with pytest.raises(InputError, match="3 images, 2 values, 3 categories"):
        PersonBatch(pixels(3), torch.zeros(2, 4, dtype=torch.int8), torch.zeros(3, dtype=torch.int64))


def test_a_batch_moves_as_a_whole() -> None:
    """All three parts, none lost."""
    batch = PersonBatch(pixels(2), torch.ones(2, 4, dtype=torch.int8), torch.tensor([1, 0]))
    moved = batch.to(torch.device("meta"))
    assert {part.device.type for part in (moved.images, moved.values, moved.category)} == {"meta"}
    assert (len(moved), moved.images.shape) == (2, batch.images.shape)


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


@pytest.mark.parametrize("changes", [{}, {"erase_probability": 0.5}, {"colour_strength": 0.3}])
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


@given(
    batch=st.integers(1, 7),
    processes=st.integers(1, 3),
    extra=st.integers(0, 40),
    seed=st.integers(0, 5),
    epoch=st.integers(0, 5),
)
def test_an_epoch_shows_each_image_at_most_once(
    batch: int, processes: int, extra: int, seed: int, epoch: int
) -> None:
    """Full batches of distinct positions; several processes together see what one would see."""
    count = batch * processes + extra
    shares = []
    for process in range(processes):
        sampler = EpochBatches(count, batch, seed, process=process, processes=processes)
        sampler.set_epoch(epoch)
        shares.append(list(sampler))
        assert len(shares[-1]) == len(sampler)
    together = [share[step] for step in range(len(shares[0])) for share in shares]
    alone = EpochBatches(count, batch, seed)
    alone.set_epoch(epoch)
    assert together == list(alone)[: len(together)]
    positions = [position for found in together for position in found]
    assert len(set(positions)) == len(positions)
    assert set(positions) <= set(range(count))
    assert all(len(found) == batch for found in together)
    assert count - len(positions) < batch * processes


def test_epochs_and_seeds_differ_and_repeat() -> None:
    """The order is a function of (seed, epoch) and nothing else."""

    def order(seed: int, epoch: int) -> list[list[int]]:
        sampler = EpochBatches(64, 4, seed)
        sampler.set_epoch(epoch)
        return list(sampler)

    assert order(0, 1) == order(0, 1)
    assert order(0, 0) != order(0, 1) != order(1, 1)
    assert order(0, 1) != order(1, 0)


def test_too_few_images_are_refused() -> None:
    """Rather than an epoch without a step."""
    with pytest.raises(InputError, match=r"7 training images.*batch of 4 for 2"):
        EpochBatches(7, 4, 0, processes=2)


@given(values=value_tables(3, min_persons=1))
def test_categories_are_the_distinct_label_vectors(values: np.ndarray) -> None:
    """Each person's row of the categories is the person's own vector; counts add up."""
    table = torch.from_numpy(values)
    category, categories, counts = category_positions(table)
    assert torch.equal(categories[category], table)
    distinct = {tuple(row) for row in values.tolist()}
    assert sorted(map(tuple, categories.tolist())) == sorted(distinct)
    assert counts.tolist() == [(category == index).sum() for index in range(len(distinct))]
