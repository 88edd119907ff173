"""Vectors for numba: the same whole numbers and floats as NumPy's."""

from typing import no_type_check

import numba
import numpy as np

from attrieve.gallery.exact import float_lanes, lanes


@numba.njit
@no_type_check
def products(codes, wanted, found):  # type: ignore[no-untyped-def]
    sums = lanes.add_products(lanes.no_sums(), lanes.load_bytes(codes, 3), lanes.load_pairs(wanted, 1))
    lanes.store_sums(sums, found, 2)


@numba.njit
@no_type_check
def weighed(codes, offset, weight, found):  # type: ignore[no-untyped-def]
    shown = lanes.weigh(
        lanes.spread(lanes.load_bytes(codes, 0), lanes.load_pairs(offset, 0)), lanes.load_pairs(weight, 0)
    )
    lanes.store_sums(lanes.add_products(lanes.no_sums(), shown, shown), found, 0)


@numba.njit
@no_type_check
def totals(sums, found):  # type: ignore[no-untyped-def]
    eight = lanes.totals_of_eight(
        lanes.load_sums(sums, 0),
        lanes.load_sums(sums, 8),
        lanes.load_sums(sums, 16),
        lanes.load_sums(sums, 24),
        lanes.load_sums(sums, 32),
        lanes.load_sums(sums, 40),
        lanes.load_sums(sums, 48),
        lanes.load_sums(sums, 56),
    )
    lanes.store_sums(lanes.add_whole(eight, lanes.repeat_whole(np.int32(7))), found, 0)


@numba.njit
@no_type_check
def halves(words, found):  # type: ignore[no-untyped-def]
    both = lanes.load_sums(words, 0)
    float_lanes.store_floats(float_lanes.lower_halves(both), found, 0)
    float_lanes.store_floats(float_lanes.upper_halves(both), found, 8)


@numba.njit
@no_type_check
def floats(one, other, whole, short, found):  # type: ignore[no-untyped-def]
    a, b = float_lanes.load_floats(one, 1), float_lanes.load_floats(other, 0)
    lanes.expect(one, 10**6)
    float_lanes.store_floats(float_lanes.smaller(a, b), found, 0)
    float_lanes.store_floats(float_lanes.larger(a, b), found, 8)
    float_lanes.store_floats(float_lanes.root(float_lanes.multiply(a, a)), found, 16)
    half = float_lanes.repeat_float(np.float32(0.5))
    float_lanes.store_floats(
        float_lanes.add(float_lanes.as_floats(lanes.load_sums(whole, 2)), half), found, 24
    )
    float_lanes.store_floats(float_lanes.load_short(short, 1), found, 32)
    float_lanes.store_floats(float_lanes.subtract(a, b), found, 40)
    return float_lanes.smallest(b), float_lanes.largest(b), float_lanes.total_float(b)


def test_products_of_pairs() -> None:
    """At any position, with the largest numbers there are."""
    codes = np.full(20, 255, np.uint8)
    wanted = np.full(20, -(2**15) + 1, np.int16)
    found = np.zeros(10, np.int32)
    products(codes, wanted, found)
    assert found.tolist() == [0, 0, *[2 * 255 * (1 - 2**15)] * 8]
    generator = np.random.default_rng(0)
    codes, wanted = (
        generator.integers(0, 256, 20, np.uint8),
        generator.integers(-(2**15), 2**15, 20, np.int16),
    )
    each = codes[3:19].astype(int) * wanted[1:17]
    products(codes, wanted, found)
    assert found[2:].tolist() == (each[::2] + each[1::2]).tolist()


def test_weighed_squares() -> None:
    """Differences from one end to the other, whole weights, rounded down."""
    generator = np.random.default_rng(2)
    found = np.zeros(8, np.int32)
    for _ in range(50):
        codes = generator.choice([0, 1, 254, 255, 77], 16).astype(np.uint8)
        offset = generator.integers(0, 8161, 16, np.int16)
        weight = generator.integers(0, 2**15, 16, np.int16)
        weighed(codes, offset, weight, found)
        shown = [
            (32 * int(c) - int(o)) * int(w) // 65536 for c, o, w in zip(codes, offset, weight, strict=True)
        ]
        assert found.tolist() == [shown[n] ** 2 + shown[n + 1] ** 2 for n in range(0, 16, 2)]


def test_totals_of_eight() -> None:
    """In the order of the arguments, wrapping at 32 bits."""
    sums = np.random.default_rng(3).integers(-(2**31), 2**31, (8, 8)).astype(np.int32)
    found = np.zeros(8, np.int32)
    totals(sums.reshape(-1), found)
    assert found.tolist() == (sums.astype(np.int64).sum(axis=1) + 7).astype(np.int32).tolist()


def test_two_numbers_in_a_word() -> None:
    """Each of 16 bits, the upper half of a float32."""
    values = np.float32(2.0) ** np.arange(-40, -24).astype(np.float32) * np.float32(1.5)
    lower, upper = (value.view(np.uint32) >> 16 for value in (values[:8], values[8:]))
    found = np.zeros(16, np.float32)
    halves((upper << 16 | lower).view(np.int32), found)
    assert found.tolist() == values.tolist()


def test_floats() -> None:
    """The smaller and larger, roots, sums, and numbers of other types; asking for memory does nothing."""
    generator = np.random.default_rng(1)
    one, other = generator.random((2, 12), dtype=np.float32) - np.float32(0.5)
    whole, short = generator.integers(-9, 9, 12).astype(np.int32), np.arange(-6, 6, dtype=np.int16)
    found = np.zeros(48, np.float32)
    least, most, total = floats(one, other, whole, short, found)
    assert (least, most) == (other[:8].min(), other[:8].max())
    np.testing.assert_allclose(total, other[:8].sum(), rtol=1e-5)
    expected = [
        np.minimum(one[1:9], other[:8]),
        np.maximum(one[1:9], other[:8]),
        np.abs(one[1:9]),
        whole[2:10] + 0.5,
        short[1:9],
        one[1:9] - other[:8],
    ]
    np.testing.assert_allclose(found.reshape(6, 8), np.stack(expected), rtol=1e-6)


@numba.njit
@no_type_check
def zeros_below(word):  # type: ignore[no-untyped-def]
    return lanes.trailing_zeros(word)


def test_zeros_below_the_lowest_bit() -> None:
    """Of every bit of a word, the one of the sign among them, whatever stands above it."""
    above = np.random.default_rng(4).integers(0, 2**63, 64, dtype=np.uint64)
    for bit in range(64):
        word = (int(above[bit]) >> bit << bit | 1 << bit) % 2**64
        assert zeros_below(np.uint64(word).view(np.int64)) == bit
    assert zeros_below(np.int64(0)) == 64


@numba.njit
@no_type_check
def sixteen(codes, wanted, one, other, words, sums, found):  # type: ignore[no-untyped-def]
    products = lanes.add_products(
        lanes.no_wide_sums(), lanes.repeat_wide_pair(codes, 1), lanes.load_wide_pairs(wanted, 3)
    )
    lanes.store_sums(products, sums, 1)
    lanes.store_sums(lanes.load_wide_sums(words, 2), sums, 20)
    a, b = float_lanes.load_wide_floats(one, 1), float_lanes.load_wide_floats(other, 0)
    float_lanes.store_floats(float_lanes.smaller(a, b), found, 0)
    float_lanes.store_floats(float_lanes.larger(a, b), found, 16)
    float_lanes.store_floats(float_lanes.root(float_lanes.multiply(a, a)), found, 32)
    half = float_lanes.repeat_wide_float(np.float32(0.5))
    float_lanes.store_floats(
        float_lanes.add(float_lanes.as_floats(lanes.load_wide_sums(words, 2)), half), found, 48
    )
    float_lanes.store_floats(float_lanes.subtract(a, b), found, 64)
    float_lanes.store_floats(float_lanes.lower_halves(lanes.repeat_wide_whole(words[0])), found, 80)
    float_lanes.store_floats(float_lanes.upper_halves(lanes.repeat_wide_whole(words[0])), found, 96)


def test_sixteen_at_a_time() -> None:
    """The same arithmetic over twice the width."""
    generator = np.random.default_rng(5)
    codes, wanted = generator.integers(-(2**15), 2**15, (2, 40), np.int16)
    one, other = generator.random((2, 20), dtype=np.float32) - np.float32(0.5)
    words = generator.integers(-(2**20), 2**20, 20).astype(np.int32)
    lower, upper = np.array([0.25, -1.5], np.float32).view(np.uint32)
    words[0] = (lower >> 16 | upper).view(np.int32)
    sums, found = np.zeros(40, np.int32), np.zeros(112, np.float32)
    sixteen(codes, wanted, one, other, words, sums, found)
    pairs = wanted[3:35].reshape(16, 2).astype(np.int64) * codes[1:3]
    assert sums[1:17].tolist() == pairs.sum(axis=1).astype(np.int32).tolist()
    assert sums[20:36].tolist() == words[2:18].tolist()
    expected = [
        np.minimum(one[1:17], other[:16]),
        np.maximum(one[1:17], other[:16]),
        np.abs(one[1:17]),
        words[2:18] + np.float32(0.5),
        one[1:17] - other[:16],
        [0.25] * 16,
        [-1.5] * 16,
    ]
    np.testing.assert_allclose(found.reshape(7, 16), np.stack(expected), rtol=1e-6)


@numba.njit
@no_type_check
def lessened(codes, value, found):  # type: ignore[no-untyped-def]
    lanes.store_pairs(lanes.lessen(lanes.load_bytes(codes, 2), value), found, 3)


def test_pairs_less_a_number() -> None:
    """Of the smallest and largest codes, at any position; what stands around stays."""
    codes = np.random.default_rng(6).integers(0, 256, 20, np.uint8)
    codes[2:4] = 0, 255
    found = np.full(22, 7, np.int16)
    lessened(codes, np.int16(128), found)
    assert found.tolist() == [7] * 3 + (codes[2:18].astype(int) - 128).tolist() + [7] * 3
