"""Vectors for numba: the same whole numbers and floats as NumPy's."""

from typing import no_type_check

import numba
import numpy as np

from attrieve.gallery.exact import lanes


@numba.njit
@no_type_check
def products(codes, wanted, found):  # type: ignore[no-untyped-def]
    sums = lanes.add_products(lanes.no_sums(), lanes.load_bytes(codes, 3), lanes.load_pairs(wanted, 1))
    lanes.store_sums(sums, found, 2)
    return lanes.total(sums)


@numba.njit
@no_type_check
def repeated(entries, wanted, found):  # type: ignore[no-untyped-def]
    pair = lanes.repeat_pair(entries, 1)
    lanes.store_sums(lanes.add_products(lanes.no_sums(), pair, lanes.load_pairs(wanted, 0)), found, 0)


@numba.njit
@no_type_check
def floats(one, other, whole, short, found):  # type: ignore[no-untyped-def]
    a, b = lanes.load_floats(one, 1), lanes.load_floats(other, 0)
    lanes.expect(one, 10**6)
    lanes.store_floats(lanes.smaller(a, b), found, 0)
    lanes.store_floats(lanes.larger(a, b), found, 8)
    lanes.store_floats(lanes.root(lanes.multiply(a, a)), found, 16)
    lanes.store_floats(lanes.add(lanes.load_whole(whole, 2), lanes.repeat_float(np.float32(0.5))), found, 24)
    lanes.store_floats(lanes.load_short(short, 1), found, 32)
    return lanes.total_float(b)


def test_products_of_pairs() -> None:
    """At any position, with the largest numbers there are."""
    codes = np.full(20, 255, np.uint8)
    wanted = np.full(20, -(2**15) + 1, np.int16)
    found = np.zeros(10, np.int32)
    assert products(codes, wanted, found) == 16 * 255 * (1 - 2**15)
    assert found.tolist() == [0, 0, *[2 * 255 * (1 - 2**15)] * 8]
    generator = np.random.default_rng(0)
    codes, wanted = (
        generator.integers(0, 256, 20, np.uint8),
        generator.integers(-(2**15), 2**15, 20, np.int16),
    )
    each = codes[3:19].astype(int) * wanted[1:17]
    assert products(codes, wanted, found) == each.sum()
    assert found[2:].tolist() == (each[::2] + each[1::2]).tolist()
    entries = generator.integers(-300, 300, 4, np.int16)
    repeated(entries, wanted, found)
    pairs = wanted[:16].reshape(8, 2).astype(int) * entries[1:3]
    assert found[:8].tolist() == pairs.sum(axis=1).tolist()


def test_floats() -> None:
    """The smaller, the larger, roots, sums, and numbers of other types; asking for memory does nothing."""
    generator = np.random.default_rng(1)
    one, other = generator.random((2, 12), dtype=np.float32) - np.float32(0.5)
    whole, short = generator.integers(-9, 9, 12).astype(np.int32), np.arange(-6, 6, dtype=np.int16)
    found = np.zeros(40, np.float32)
    np.testing.assert_allclose(floats(one, other, whole, short, found), other[:8].sum(), rtol=1e-5)
    expected = [
        np.minimum(one[1:9], other[:8]),
        np.maximum(one[1:9], other[:8]),
        np.abs(one[1:9]),
        whole[2:10] + 0.5,
        short[1:9],
    ]
    np.testing.assert_allclose(found.reshape(5, 8), np.stack(expected), rtol=1e-6)
