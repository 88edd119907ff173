"""Arithmetic on eight or sixteen float32 at a time, for kernels compiled by numba."""

# ruff: noqa: ARG001 - numba looks at the names of the arguments, and hands in more than each function needs

from typing import Any, no_type_check

from llvmlite import ir
from numba.core import types
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic

from attrieve.gallery.exact.vectors import (
    EIGHT,
    FLOAT,
    FLOATS,
    SIXTEEN,
    WORD,
    floats_of,
    load_from,
    loading,
    pointer_to,
    repeating,
    shorts,
    storing,
    words_of,
)


@intrinsic
@no_type_check
def as_floats(typing_context: Any, sums: Any) -> Any:
    """Return int32 as float32."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.sitofp(arguments[0], floats_of(arguments[0].type.count))

    return FLOATS[sums.vector.count](sums), generate


@intrinsic
@no_type_check
def lower_halves(typing_context: Any, sums: Any) -> Any:
    """Return float32 whose upper halves are the lower 16 bits of int32."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        words = arguments[0].type
        moved = builder.shl(arguments[0], ir.Constant(words, [16] * words.count))
        return builder.bitcast(moved, floats_of(words.count))

    return FLOATS[sums.vector.count](sums), generate


@intrinsic
@no_type_check
def upper_halves(typing_context: Any, sums: Any) -> Any:
    """Return float32 whose upper halves are the upper 16 bits of int32."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        words = arguments[0].type
        kept = builder.and_(arguments[0], ir.Constant(words, [-(2**16)] * words.count))
        return builder.bitcast(kept, floats_of(words.count))

    return FLOATS[sums.vector.count](sums), generate


@intrinsic
@no_type_check
def load_floats(typing_context: Any, array: Any, position: Any) -> Any:
    """Return eight float32 from ``position``."""
    return FLOATS[EIGHT](array, types.int64), loading(floats_of(EIGHT), 4)


@intrinsic
@no_type_check
def load_wide_floats(typing_context: Any, array: Any, position: Any) -> Any:
    """Return sixteen float32 from ``position``."""
    return FLOATS[SIXTEEN](array, types.int64), loading(floats_of(SIXTEEN), 4)


@intrinsic
@no_type_check
def load_short(typing_context: Any, array: Any, position: Any) -> Any:
    """Return eight int16 from ``position`` as float32."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = pointer_to(context, builder, signature.args[0], *arguments, shorts(EIGHT))
        return builder.sitofp(load_from(builder, pointer, 2), floats_of(EIGHT))

    return FLOATS[EIGHT](array, types.int64), generate


@intrinsic
@no_type_check
def store_floats(typing_context: Any, floats: Any, array: Any, position: Any) -> Any:
    """Put float32 into an array from ``position`` on."""
    return types.void(floats, array, types.int64), storing(4)


@intrinsic
@no_type_check
def repeat_float(typing_context: Any, value: Any) -> Any:
    """Return a float32 eight times."""
    return FLOATS[EIGHT](types.float32), repeating(floats_of(EIGHT))


@intrinsic
@no_type_check
def repeat_wide_float(typing_context: Any, value: Any) -> Any:
    """Return a float32 sixteen times."""
    return FLOATS[SIXTEEN](types.float32), repeating(floats_of(SIXTEEN))


@intrinsic
@no_type_check
def subtract(typing_context: Any, one: Any, other: Any) -> Any:
    """Return ``one - other``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fsub(*arguments, flags=("contract",))

    return one(one, other), generate


@intrinsic
@no_type_check
def multiply(typing_context: Any, one: Any, other: Any) -> Any:
    """Return ``one * other``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fmul(*arguments, flags=("contract",))

    return one(one, other), generate


@intrinsic
@no_type_check
def add(typing_context: Any, one: Any, other: Any) -> Any:
    """Return ``one + other``; a product before it need not be rounded by itself."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fadd(*arguments, flags=("contract",))

    return one(one, other), generate


@intrinsic
@no_type_check
def smaller(typing_context: Any, one: Any, other: Any) -> Any:
    """Return the smaller of each two; there is no NaN."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.select(builder.fcmp_ordered("<", *arguments), *arguments)

    return one(one, other), generate


@intrinsic
@no_type_check
def larger(typing_context: Any, one: Any, other: Any) -> Any:
    """Return the larger of each two; there is no NaN."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.select(builder.fcmp_ordered(">", *arguments), *arguments)

    return one(one, other), generate


def _across(builder: Any, floats: Any, comparison: str) -> Any:
    undefined = ir.Constant(floats_of(EIGHT), ir.Undefined)
    for distance in (4, 2, 1):
        mask = ir.Constant(words_of(EIGHT), [(lane + distance) % 8 for lane in range(8)])
        moved = builder.shuffle_vector(floats, undefined, mask)
        floats = builder.select(builder.fcmp_ordered(comparison, floats, moved), floats, moved)
    return builder.extract_element(floats, ir.Constant(WORD, 0))


@intrinsic
@no_type_check
def smallest(typing_context: Any, floats: Any) -> Any:
    """Return the smallest of the eight; there is no NaN."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _across(builder, arguments[0], "<")

    return types.float32(floats), generate


@intrinsic
@no_type_check
def largest(typing_context: Any, floats: Any) -> Any:
    """Return the largest of the eight; there is no NaN."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _across(builder, arguments[0], ">")

    return types.float32(floats), generate


@intrinsic
@no_type_check
def root(typing_context: Any, floats: Any) -> Any:
    """Return the square root of each."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector = arguments[0].type
        square_root = ir.FunctionType(vector, [vector])
        function = get_or_insert_function(builder.module, square_root, f"llvm.sqrt.v{vector.count}f32")
        return builder.call(function, arguments)

    return floats(floats), generate


@intrinsic
@no_type_check
def total_float(typing_context: Any, floats: Any) -> Any:
    """Return the eight numbers added up, in pairs."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number = FLOAT
        reduce = ir.FunctionType(number, [number, floats_of(EIGHT)])
        function = get_or_insert_function(builder.module, reduce, "llvm.vector.reduce.fadd.v8f32")
        return builder.call(function, [ir.Constant(number, 0.0), arguments[0]], fastmath=("reassoc",))

    return types.float32(floats), generate
