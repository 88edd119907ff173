"""Arithmetic on eight or sixteen whole numbers at a time, for kernels compiled by numba."""

# ruff: noqa: ARG001 - numba looks at the names of the arguments, and hands in more than each function needs

from typing import Any, no_type_check

from llvmlite import ir
from numba.core import types
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic

from attrieve.gallery.exact.vectors import (
    BYTE,
    EIGHT,
    PAIRS,
    SIXTEEN,
    SUMS,
    WORD,
    bytes_of,
    load_from,
    loading,
    pointer_to,
    repeat_value,
    repeating,
    repeating_pair,
    shorts,
    storing,
    words_of,
)


@intrinsic
@no_type_check
def load_bytes(typing_context: Any, array: Any, position: Any) -> Any:
    """Return sixteen unsigned bytes from ``position`` as eight pairs."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = pointer_to(context, builder, signature.args[0], *arguments, bytes_of(16))
        return builder.zext(load_from(builder, pointer, 1), shorts(16))

    return PAIRS[EIGHT](array, types.int64), generate


@intrinsic
@no_type_check
def load_pairs(typing_context: Any, array: Any, position: Any) -> Any:
    """Return sixteen int16 from ``position`` as eight pairs."""
    return PAIRS[EIGHT](array, types.int64), loading(shorts(16), 2)


@intrinsic
@no_type_check
def load_wide_pairs(typing_context: Any, array: Any, position: Any) -> Any:
    """Return thirty-two int16 from ``position`` as sixteen pairs."""
    return PAIRS[SIXTEEN](array, types.int64), loading(shorts(32), 2)


@intrinsic
@no_type_check
def repeat_wide_pair(typing_context: Any, array: Any, position: Any) -> Any:
    """Return two int16 from ``position`` sixteen times."""
    return PAIRS[SIXTEEN](array, types.int64), repeating_pair(SIXTEEN)


@intrinsic
@no_type_check
def no_sums(typing_context: Any) -> Any:
    """Return eight times 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return ir.Constant(words_of(EIGHT), [0] * EIGHT)

    return SUMS[EIGHT](), generate


@intrinsic
@no_type_check
def no_wide_sums(typing_context: Any) -> Any:
    """Return sixteen times 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return ir.Constant(words_of(SIXTEEN), [0] * SIXTEEN)

    return SUMS[SIXTEEN](), generate


@intrinsic
@no_type_check
def add_products(typing_context: Any, sums: Any, one: Any, other: Any) -> Any:
    """Return ``sums[i] + one[i][0] * other[i][0] + one[i][1] * other[i][1]``, wrapping at 32 bits."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        sums, one, other = arguments
        count = sums.type.count
        product = builder.mul(
            builder.sext(one, words_of(2 * count)), builder.sext(other, words_of(2 * count))
        )
        undefined = ir.Constant(words_of(2 * count), ir.Undefined)
        even, odd = (
            builder.shuffle_vector(
                product, undefined, ir.Constant(words_of(count), list(range(first, 2 * count, 2)))
            )
            for first in (0, 1)
        )
        return builder.add(sums, builder.add(even, odd))

    return sums(sums, one, other), generate


@intrinsic
@no_type_check
def lessen(typing_context: Any, pairs: Any, value: Any) -> Any:
    """Return every int16 less an int16, wrapping at 16 bits."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pairs, value = arguments
        return builder.sub(pairs, repeat_value(builder, value, pairs.type))

    return pairs(pairs, types.int16), generate


@intrinsic
@no_type_check
def store_pairs(typing_context: Any, pairs: Any, array: Any, position: Any) -> Any:
    """Put pairs into an int16 array from ``position`` on."""
    return types.void(pairs, array, types.int64), storing(2)


@intrinsic
@no_type_check
def spread(typing_context: Any, pairs: Any, offsets: Any) -> Any:
    """Return ``32 * pairs - offsets`` for each int16, wrapping at 16 bits."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pairs, offsets = arguments
        return builder.sub(builder.shl(pairs, ir.Constant(pairs.type, [5] * pairs.type.count)), offsets)

    return pairs(pairs, offsets), generate


@intrinsic
@no_type_check
def weigh(typing_context: Any, pairs: Any, weights: Any) -> Any:
    """Return ``pairs * weights / 65536`` for each int16, rounded down (``pmulhw`` on x86)."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        count = arguments[0].type.count
        one, other = (builder.sext(argument, words_of(count)) for argument in arguments)
        shifted = builder.ashr(builder.mul(one, other), ir.Constant(words_of(count), [16] * count))
        return builder.trunc(shifted, shorts(count))

    return pairs(pairs, weights), generate


@intrinsic
@no_type_check
def totals_of_eight(
    typing_context: Any, a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any
) -> Any:
    """Return the totals of eight times eight sums, each total wrapping at 32 bits."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def both(one: Any, other: Any, width: int) -> Any:
            # what stands in the first half of each ``2 * width`` entries, and what stands in the second
            halves = [
                [place + half + vector * 8 for place in range(0, 8, 2 * width) for vector in (0, 1)]
                for half in (0, width)
            ]
            masks = [[first + n for first in half for n in range(width)] for half in halves]
            low, high = (builder.shuffle_vector(one, other, ir.Constant(words_of(8), mask)) for mask in masks)
            return builder.add(low, high)

        rows = list(arguments)
        for width in (1, 2, 4):
            rows = [both(rows[n], rows[n + 1], width) for n in range(0, len(rows), 2)]
        return rows[0]

    return SUMS[EIGHT](*[SUMS[EIGHT]] * 8), generate


@intrinsic
@no_type_check
def repeat_whole(typing_context: Any, value: Any) -> Any:
    """Return an int32 eight times."""
    return SUMS[EIGHT](types.int32), repeating(words_of(EIGHT))


@intrinsic
@no_type_check
def repeat_wide_whole(typing_context: Any, value: Any) -> Any:
    """Return an int32 sixteen times."""
    return SUMS[SIXTEEN](types.int32), repeating(words_of(SIXTEEN))


@intrinsic
@no_type_check
def add_whole(typing_context: Any, one: Any, other: Any) -> Any:
    """Return ``one + other``, wrapping at 32 bits."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.add(*arguments)

    return one(one, other), generate


@intrinsic
@no_type_check
def load_sums(typing_context: Any, array: Any, position: Any) -> Any:
    """Return eight int32 from ``position``."""
    return SUMS[EIGHT](array, types.int64), loading(words_of(EIGHT), 4)


@intrinsic
@no_type_check
def load_wide_sums(typing_context: Any, array: Any, position: Any) -> Any:
    """Return sixteen int32 from ``position``."""
    return SUMS[SIXTEEN](array, types.int64), loading(words_of(SIXTEEN), 4)


@intrinsic
@no_type_check
def store_sums(typing_context: Any, sums: Any, array: Any, position: Any) -> Any:
    """Put sums into an int32 array from ``position`` on."""
    return types.void(sums, array, types.int64), storing(4)


@intrinsic
@no_type_check
def expect(typing_context: Any, array: Any, position: Any) -> Any:
    """Ask for the memory at ``position`` to be brought near; wrong positions do no harm."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = pointer_to(context, builder, signature.args[0], *arguments, BYTE)
        prefetch = ir.FunctionType(ir.VoidType(), [pointer.type, WORD, WORD, WORD])
        function = get_or_insert_function(builder.module, prefetch, "llvm.prefetch.p0")
        builder.call(function, [pointer, *(ir.Constant(WORD, value) for value in (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(array, types.int64), generate


@intrinsic
@no_type_check
def trailing_zeros(typing_context: Any, word: Any) -> Any:
    """Return how many bits are 0 below the lowest that is not; of 0 itself, 64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.int64), generate
