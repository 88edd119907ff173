"""The set of keys a writer knows."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from attrieve.gallery.database.known_keys import KnownKeys

NUMBERS = st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 20), max_size=30)


def numbers_of(given_numbers: list[int]) -> np.ndarray:
    return np.array(given_numbers, dtype=np.uint64)


@given(NUMBERS, st.lists(NUMBERS, max_size=8), NUMBERS)
def test_it_is_a_set(first: list[int], added: list[list[int]], asked: list[int]) -> None:
    """Python's own set says the same, whatever is added in however many pieces."""
    known, expected = KnownKeys(numbers_of(first)), set(first)
    for numbers in added:
        known.add(numbers_of(numbers))
        expected |= set(numbers)
    probes = [*asked, *sorted(expected)[:5]]
    assert known.numbers().tolist() == sorted(expected)
    assert known.contains(numbers_of(probes)).tolist() == [number in expected for number in probes]
    assert all((number in known) == (number in expected) for number in probes)


def test_adding_little_to_much_does_not_copy_it_all() -> None:
    """The parts shrink at least by half, so there are few of them however many times rows are added."""
    known = KnownKeys(np.arange(100_000, dtype=np.uint64))
    for number in range(500):
        known.add(numbers_of([200_000 + number]))
    assert len(known) == 100_500
    assert len(known._parts) <= 12
