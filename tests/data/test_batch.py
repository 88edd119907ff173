"""Batches, and the order in which epochs bring them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attrieve.data.batch import EpochBatches, PersonBatch, RepeatedBatches, category_positions
from attrieve.errors import InputError
from strategies import value_tables


def pixels(count: int, height: int = 16, width: int = 8) -> torch.Tensor:
    """No pixel black, no two images alike."""
    generator = torch.Generator().manual_seed(count)
    return torch.randint(1, 256, (count, height, width, 3), dtype=torch.uint8, generator=generator)


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


@given(times=st.integers(1, 4), epoch=st.integers(0, 3))
def test_batches_come_several_times_in_a_row(times: int, epoch: int) -> None:
    """In the order of the epoch they are asked for."""
    batches = EpochBatches(23, 4, 1)
    batches.set_epoch(epoch)
    repeated = RepeatedBatches(batches, times)
    assert list(repeated) == [batch for batch in batches for _ in range(times)]
    assert len(repeated) == len(list(repeated))


def test_rows_of_a_batch_keep_their_labels() -> None:
    """All three parts alike."""
    values = torch.arange(12, dtype=torch.int8).view(4, 3)
    batch = PersonBatch(pixels(4), values, torch.tensor([3, 1, 2, 0]))
    rows = batch.rows(slice(1, 3))
    assert torch.equal(rows.images, batch.images[1:3])
    assert (rows.values.tolist(), rows.category.tolist()) == ([[3, 4, 5], [6, 7, 8]], [1, 2])


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
