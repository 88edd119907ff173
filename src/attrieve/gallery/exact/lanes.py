"""Arithmetic on eight or sixteen numbers at a time, for kernels compiled by numba.

Numba has no vectors of its own, and LLVM does not find two patterns in loops: sums of products of 16-bit
numbers, added in neighbouring pairs, which is one instruction on x86 (``pmaddwd``), and the smallest and
largest of floats. What is built here is plain vector arithmetic, so that every processor LLVM knows computes
the same, fast or not.

Positions count entries from the start of an array, whatever its shape; nothing checks them.
"""

# ruff: noqa: ARG001 - numba looks at the names of the arguments, and hands in more than each function needs

from typing import Any, no_type_check

from llvmlite import ir
from numba.core import types
from numba.core.cgutils import get_or_insert_function
from numba.core.datamodel import models
from numba.extending import intrinsic, register_model

_BYTE, _SHORT, _WORD = ir.IntType(8), ir.IntType(16), ir.IntType(32)
_BYTES16 = ir.VectorType(_BYTE, 16)
_SHORTS16, _SHORTS8 = ir.VectorType(_SHORT, 16), ir.VectorType(_SHORT, 8)
_WORDS16, _WORDS8 = ir.VectorType(_WORD, 16), ir.VectorType(_WORD, 8)
_FLOATS8 = ir.VectorType(ir.FloatType(), 8)


class _Vector(types.Type):
    """A vector as a numba type."""

    def __init__(self, name: str, vector: ir.VectorType) -> None:
        self.vector = vector
        super().__init__(name=name)


class _VectorModel(models.PrimitiveModel):
    """It is passed as LLVM's own vector."""

    def __init__(self, manager: Any, vector: _Vector) -> None:
        super().__init__(manager, vector, vector.vector)  # type: ignore[no-untyped-call]


register_model(_Vector)(_VectorModel)
_PAIRS = _Vector("eight pairs of int16", _SHORTS16)
_SUMS = _Vector("eight int32", _WORDS8)
_FLOATS = _Vector("eight float32", _FLOATS8)


def _pointer(context: Any, builder: Any, array_type: Any, array: Any, position: Any, item: ir.Type) -> Any:
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [position]), item.as_pointer())


def _load(builder: Any, pointer: Any, alignment: int) -> Any:
    found = builder.load(pointer)
    found.align = alignment
    return found


def _repeat(builder: Any, value: Any, vector: ir.VectorType) -> Any:
    undefined = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(_WORD, 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(_WORDS8, [0] * 8))


@intrinsic
@no_type_check
def load_bytes(typing_context: Any, array: Any, position: Any) -> Any:
    """Return sixteen unsigned bytes from ``position`` as eight pairs."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _pointer(context, builder, signature.args[0], *arguments, _BYTES16)
        return builder.zext(_load(builder, pointer, 1), _SHORTS16)

    return _PAIRS(array, types.int64), generate


@intrinsic
@no_type_check
def load_pairs(typing_context: Any, array: Any, position: Any) -> Any:
    """Return sixteen int16 from ``position`` as eight pairs."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _load(builder, _pointer(context, builder, signature.args[0], *arguments, _SHORTS16), 2)

    return _PAIRS(array, types.int64), generate


@intrinsic
@no_type_check
def repeat_pair(typing_context: Any, array: Any, position: Any) -> Any:
    """Return two int16 from ``position`` eight times."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pair = _load(builder, _pointer(context, builder, signature.args[0], *arguments, _WORD), 2)
        return builder.bitcast(_repeat(builder, pair, _WORDS8), _SHORTS16)

    return _PAIRS(array, types.int64), generate


@intrinsic
@no_type_check
def no_sums(typing_context: Any) -> Any:
    """Return eight times 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return ir.Constant(_WORDS8, [0] * 8)

    return _SUMS(), generate


@intrinsic
@no_type_check
def add_products(typing_context: Any, sums: Any, one: Any, other: Any) -> Any:
    """Return ``sums[i] + one[i][0] * other[i][0] + one[i][1] * other[i][1]``, wrapping at 32 bits."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        sums, one, other = arguments
        product = builder.mul(builder.sext(one, _WORDS16), builder.sext(other, _WORDS16))
        undefined = ir.Constant(_WORDS16, ir.Undefined)
        even, odd = (
            builder.shuffle_vector(product, undefined, ir.Constant(_WORDS8, list(range(first, 16, 2))))
            for first in (0, 1)
        )
        return builder.add(sums, builder.add(even, odd))

    return _SUMS(_SUMS, _PAIRS, _PAIRS), generate


@intrinsic
@no_type_check
def spread(typing_context: Any, pairs: Any, offsets: Any) -> Any:
    """Return ``32 * pairs - offsets`` for each int16, wrapping at 16 bits."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pairs, offsets = arguments
        return builder.sub(builder.shl(pairs, ir.Constant(_SHORTS16, [5] * 16)), offsets)

    return _PAIRS(_PAIRS, _PAIRS), generate


@intrinsic
@no_type_check
def weigh(typing_context: Any, pairs: Any, weights: Any) -> Any:
    """Return ``pairs * weights / 65536`` for each int16, rounded down (``pmulhw`` on x86)."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        one, other = (builder.sext(argument, _WORDS16) for argument in arguments)
        shifted = builder.ashr(builder.mul(one, other), ir.Constant(_WORDS16, [16] * 16))
        return builder.trunc(shifted, _SHORTS16)

    return _PAIRS(_PAIRS, _PAIRS), generate


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
            low, high = (builder.shuffle_vector(one, other, ir.Constant(_WORDS8, mask)) for mask in masks)
            return builder.add(low, high)

        rows = list(arguments)
        for width in (1, 2, 4):
            rows = [both(rows[n], rows[n + 1], width) for n in range(0, len(rows), 2)]
        return rows[0]

    return _SUMS(*[_SUMS] * 8), generate


@intrinsic
@no_type_check
def as_floats(typing_context: Any, sums: Any) -> Any:
    """Return eight int32 as float32."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.sitofp(arguments[0], _FLOATS8)

    return _FLOATS(_SUMS), generate


@intrinsic
@no_type_check
def lower_halves(typing_context: Any, sums: Any) -> Any:
    """Return eight float32 whose upper halves are the lower 16 bits of eight int32."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        moved = builder.shl(arguments[0], ir.Constant(_WORDS8, [16] * 8))
        return builder.bitcast(moved, _FLOATS8)

    return _FLOATS(_SUMS), generate


@intrinsic
@no_type_check
def upper_halves(typing_context: Any, sums: Any) -> Any:
    """Return eight float32 whose upper halves are the upper 16 bits of eight int32."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kept = builder.and_(arguments[0], ir.Constant(_WORDS8, [-(2**16)] * 8))
        return builder.bitcast(kept, _FLOATS8)

    return _FLOATS(_SUMS), generate


@intrinsic
@no_type_check
def repeat_whole(typing_context: Any, value: Any) -> Any:
    """Return an int32 eight times."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _repeat(builder, arguments[0], _WORDS8)

    return _SUMS(types.int32), generate


@intrinsic
@no_type_check
def add_whole(typing_context: Any, one: Any, other: Any) -> Any:
    """Return ``one + other``, wrapping at 32 bits."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.add(*arguments)

    return _SUMS(_SUMS, _SUMS), generate


@intrinsic
@no_type_check
def load_sums(typing_context: Any, array: Any, position: Any) -> Any:
    """Return eight int32 from ``position``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _load(builder, _pointer(context, builder, signature.args[0], *arguments, _WORDS8), 4)

    return _SUMS(array, types.int64), generate


@intrinsic
@no_type_check
def store_sums(typing_context: Any, sums: Any, array: Any, position: Any) -> Any:
    """Put eight sums into an int32 array from ``position`` on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        sums, array, position = arguments
        pointer = _pointer(context, builder, signature.args[1], array, position, _WORDS8)
        builder.store(sums, pointer).align = 4
        return context.get_dummy_value()

    return types.void(_SUMS, array, types.int64), generate


@intrinsic
@no_type_check
def expect(typing_context: Any, array: Any, position: Any) -> Any:
    """Ask for the memory at ``position`` to be brought near; wrong positions do no harm."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _pointer(context, builder, signature.args[0], *arguments, _BYTE)
        prefetch = ir.FunctionType(ir.VoidType(), [pointer.type, _WORD, _WORD, _WORD])
        function = get_or_insert_function(builder.module, prefetch, "llvm.prefetch.p0")
        builder.call(function, [pointer, *(ir.Constant(_WORD, value) for value in (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(array, types.int64), generate


@intrinsic
@no_type_check
def load_floats(typing_context: Any, array: Any, position: Any) -> Any:
    """Return eight float32 from ``position``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _load(builder, _pointer(context, builder, signature.args[0], *arguments, _FLOATS8), 4)

    return _FLOATS(array, types.int64), generate


@intrinsic
@no_type_check
def load_short(typing_context: Any, array: Any, position: Any) -> Any:
    """Return eight int16 from ``position`` as float32."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _pointer(context, builder, signature.args[0], *arguments, _SHORTS8)
        return builder.sitofp(_load(builder, pointer, 2), _FLOATS8)

    return _FLOATS(array, types.int64), generate


@intrinsic
@no_type_check
def store_floats(typing_context: Any, floats: Any, array: Any, position: Any) -> Any:
    """Put eight float32 into an array from ``position`` on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        floats, array, position = arguments
        pointer = _pointer(context, builder, signature.args[1], array, position, _FLOATS8)
        builder.store(floats, pointer).align = 4
        return context.get_dummy_value()

    return types.void(_FLOATS, array, types.int64), generate


@intrinsic
@no_type_check
def repeat_float(typing_context: Any, value: Any) -> Any:
    """Return a float32 eight times."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _repeat(builder, arguments[0], _FLOATS8)

    return _FLOATS(types.float32), generate


@intrinsic
@no_type_check
def subtract(typing_context: Any, one: Any, other: Any) -> Any:
    """Return ``one - other``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fsub(*arguments, flags=("contract",))

    return _FLOATS(_FLOATS, _FLOATS), generate


@intrinsic
@no_type_check
def multiply(typing_context: Any, one: Any, other: Any) -> Any:
    """Return ``one * other``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fmul(*arguments, flags=("contract",))

    return _FLOATS(_FLOATS, _FLOATS), generate


@intrinsic
@no_type_check
def add(typing_context: Any, one: Any, other: Any) -> Any:
    """Return ``one + other``; a product before it need not be rounded by itself."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fadd(*arguments, flags=("contract",))

    return _FLOATS(_FLOATS, _FLOATS), generate


@intrinsic
@no_type_check
def smaller(typing_context: Any, one: Any, other: Any) -> Any:
    """Return the smaller of each two; there is no NaN."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.select(builder.fcmp_ordered("<", *arguments), *arguments)

    return _FLOATS(_FLOATS, _FLOATS), generate


@intrinsic
@no_type_check
def larger(typing_context: Any, one: Any, other: Any) -> Any:
    """Return the larger of each two; there is no NaN."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.select(builder.fcmp_ordered(">", *arguments), *arguments)

    return _FLOATS(_FLOATS, _FLOATS), generate


def _across(builder: Any, floats: Any, comparison: str) -> Any:
    undefined = ir.Constant(_FLOATS8, ir.Undefined)
    for distance in (4, 2, 1):
        mask = ir.Constant(_WORDS8, [(lane + distance) % 8 for lane in range(8)])
        moved = builder.shuffle_vector(floats, undefined, mask)
        floats = builder.select(builder.fcmp_ordered(comparison, floats, moved), floats, moved)
    return builder.extract_element(floats, ir.Constant(_WORD, 0))


@intrinsic
@no_type_check
def smallest(typing_context: Any, floats: Any) -> Any:
    """Return the smallest of the eight; there is no NaN."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _across(builder, arguments[0], "<")

    return types.float32(_FLOATS), generate


@intrinsic
@no_type_check
def largest(typing_context: Any, floats: Any) -> Any:
    """Return the largest of the eight; there is no NaN."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _across(builder, arguments[0], ">")

    return types.float32(_FLOATS), generate


@intrinsic
@no_type_check
def root(typing_context: Any, floats: Any) -> Any:
    """Return the square root of each."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        square_root = ir.FunctionType(_FLOATS8, [_FLOATS8])
        function = get_or_insert_function(builder.module, square_root, "llvm.sqrt.v8f32")
        return builder.call(function, arguments)

    return _FLOATS(_FLOATS), generate


@intrinsic
@no_type_check
def total_float(typing_context: Any, floats: Any) -> Any:
    """Return the eight numbers added up, in pairs."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number = ir.FloatType()
        reduce = ir.FunctionType(number, [number, _FLOATS8])
        function = get_or_insert_function(builder.module, reduce, "llvm.vector.reduce.fadd.v8f32")
        return builder.call(function, [ir.Constant(number, 0.0), arguments[0]], fastmath=("reassoc",))

    return types.float32(_FLOATS), generate


@intrinsic
@no_type_check
def trailing_zeros(typing_context: Any, word: Any) -> Any:
    """Return how many bits are 0 below the lowest that is not; of 0 itself, 64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.int64), generate
