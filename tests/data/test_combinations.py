"""Additional attribute combinations: plausible, new, repeatable, and honest when there are few."""

import logging
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import loadmat

from attrieve.data.combinations import CombinationGenerator, CombinationMethod
from attrieve.errors import InputError
from attrieve.schema.attributes import Attribute, AttributeSchema, Group, GroupKind, load_vocabulary

METHODS: tuple[CombinationMethod, ...] = ("crossover_edits", "crossover", "edits", "marginal")
SCHEMA = AttributeSchema(
    "seven",
    tuple(Attribute(name, name) for name in "abcdefg"),
    (
        Group("first", GroupKind.EXCLUSIVE, ("a", "b", "c")),
        Group("second", GroupKind.MULTI, ("d", "e")),
        Group("third", GroupKind.BINARY, ("f",)),
        Group("fourth", GroupKind.BINARY, ("g",)),
    ),
)
tables = st.lists(st.lists(st.sampled_from([0, 0, 1, -1]), min_size=7, max_size=7), min_size=1, max_size=12)


def training(seed: int, count: int = 300) -> npt.NDArray[np.int8]:
    """Vectors of the 35 PETA attributes with one pattern per exclusive group."""
    schema = load_vocabulary("peta35")
    random = np.random.default_rng(seed)
    values = np.zeros((count, len(schema)), dtype=np.int8)
    for group, members in zip(schema.groups, schema.group_indices, strict=True):
        if group.kind is GroupKind.BINARY:
            values[:, members[0]] = random.random(count) < 0.4
        else:
            values[np.arange(count), random.choice(members, size=count)] = 1
    return values


def pairs_of(row: npt.NDArray[np.int8]) -> set[tuple[int, int]]:
    held = np.flatnonzero(row == 1).tolist()
    return {(i, j) for i in held for j in held}


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=60, deadline=None)
@given(table=tables, seed=st.integers(0, 5))
def test_new_plausible_and_distinct(method: CombinationMethod, table: list[list[int]], seed: int) -> None:
    """No vector is a training vector, is repeated, or holds a pair (or attribute) never seen."""
    known = np.array([*table, [0] * 7], dtype=np.int8)
    drawn = CombinationGenerator(SCHEMA, known, seed, method).draw(20, epoch=1)
    rows = {tuple(row) for row in drawn.tolist()}
    seen = set().union(*(pairs_of(row) for row in known))
    assert drawn.dtype == np.int8
    assert drawn.shape == (len(rows), 7)
    assert len(rows) <= 20
    assert not rows & {tuple(row) for row in known.tolist()}
    assert all(set(row) <= {0, 1} and pairs_of(np.array(row)) <= seen for row in rows)


@pytest.mark.parametrize("method", METHODS)
def test_every_group_shows_a_pattern_of_training(method: CombinationMethod) -> None:
    """Inside each group the values are as some training person shows them."""
    values, schema = training(1), load_vocabulary("peta35")
    drawn = CombinationGenerator(schema, values, 3, method).draw(200, epoch=0)
    assert len(drawn) == 200
    for members in schema.group_indices:
        columns = list(members)
        known = {tuple(row) for row in values[:, columns].tolist()}
        assert {tuple(row) for row in drawn[:, columns].tolist()} <= known


@pytest.mark.parametrize("method", METHODS)
def test_same_seed_and_epoch_same_vectors(method: CombinationMethod) -> None:
    """Repeatable whatever was drawn before; another seed or epoch draws others."""
    values, schema = training(2), load_vocabulary("peta35")
    generator = CombinationGenerator(schema, values, 5, method)
    first = generator.draw(50, epoch=2)
    other_epoch = generator.draw(50, epoch=3)
    np.testing.assert_array_equal(generator.draw(50, epoch=2), first)
    np.testing.assert_array_equal(CombinationGenerator(schema, values, 5, method).draw(50, 2), first)
    assert not np.array_equal(first, other_epoch)
    assert not np.array_equal(CombinationGenerator(schema, values, 6, method).draw(50, 2), first)


def test_edits_stay_within_two_groups_of_a_training_vector() -> None:
    """An edited vector is one or two groups away from someone."""
    values, schema = training(3, count=80), load_vocabulary("peta35")
    drawn = CombinationGenerator(schema, values, 1, "edits").draw(100, epoch=0)
    differing = np.stack(
        [(drawn[:, None, list(m)] != values[None, :, list(m)]).any(axis=2) for m in schema.group_indices]
    ).sum(axis=0)
    assert set(differing.min(axis=1).tolist()) == {1, 2}


def test_crossover_takes_each_group_from_one_of_two_parents() -> None:
    """With two training vectors, every child mixes exactly their groups."""
    first, second = [1, 0, 0, 1, 0, 0, 0], [0, 1, 0, 0, 1, 0, 0]
    everything_seen = [1, 1, 1, 1, 1, -1, -1]  # unknown: not a parent, but shows what goes together
    values = np.array([first, second, everything_seen], dtype=np.int8)
    drawn = CombinationGenerator(SCHEMA, values, 0, "crossover").draw(10, epoch=0)
    assert sorted(drawn.tolist()) == [[0, 1, 0, 1, 0, 0, 0], [1, 0, 0, 0, 1, 0, 0]]


def test_a_pair_never_seen_is_refused() -> None:
    """Without the third vector above, both children hold an unseen pair."""
    values = np.array([[1, 0, 0, 1, 0, 0, 0], [0, 1, 0, 0, 1, 0, 0]], dtype=np.int8)
    assert len(CombinationGenerator(SCHEMA, values, 0, "crossover").draw(10, epoch=0)) == 0


def test_marginal_follows_the_frequencies() -> None:
    """A pattern shown by 90 of 100 rows comes far more often than one shown by 10."""
    values = training(4, count=100)
    values[:90, 16] = 0
    values[90:, 16] = 1
    drawn = CombinationGenerator(load_vocabulary("peta35"), values, 0, "marginal").draw(1000, epoch=0)
    assert drawn[:, 16].mean() < 0.3


def test_too_few_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """One training vector leaves nothing to make: an empty result and a logged warning."""
    generator = CombinationGenerator(SCHEMA, np.zeros((1, 7), dtype=np.int8), 0)
    with caplog.at_level(logging.WARNING):
        assert generator.draw(5, epoch=0).shape == (0, 7)
    assert "asked for 5 additional attribute combinations, found 0" in caplog.text
    caplog.clear()
    assert generator.draw(0, epoch=0).shape == (0, 7)
    assert not caplog.text


def test_refusals() -> None:
    """Another width, another value, nobody fully known and negative counts are refused."""
    with pytest.raises(InputError, match=r"\(category, 7\)"):
        CombinationGenerator(SCHEMA, np.zeros((2, 6), dtype=np.int8), 0)
    with pytest.raises(InputError, match="1 yes, 0 no"):
        CombinationGenerator(SCHEMA, np.full((2, 7), 2, dtype=np.int8), 0)
    with pytest.raises(InputError, match="fully known"):
        CombinationGenerator(SCHEMA, np.full((2, 7), -1, dtype=np.int8), 0)
    with pytest.raises(InputError, match="0 or more"):
        CombinationGenerator(SCHEMA, np.zeros((2, 7), dtype=np.int8), 0).draw(-1, epoch=0)


@pytest.mark.parametrize("method", METHODS)
def test_peta_yields_as_many_as_it_has_categories(shared_data: Path, method: CombinationMethod) -> None:
    """On PETA's 35 attributes 1,890 come back, in well under a second."""
    data = loadmat(shared_data / "peta" / "PETA.mat", squeeze_me=True)["peta"]["data"].item()
    values = np.unique(data[:12000, 4:39].astype(np.int8), axis=0)
    generator = CombinationGenerator(load_vocabulary("peta35"), values, 0, method)
    start = time.perf_counter()
    drawn = generator.draw(1890, epoch=0)
    assert len(drawn) == 1890
    assert time.perf_counter() - start < 3  # about 0.05 s on a quiet machine
