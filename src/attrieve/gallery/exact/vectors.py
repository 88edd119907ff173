"""Arithmetic on eight or sixteen numbers at a time, for kernels compiled by numba.

What is loaded or repeated says how many there are: eight, or sixteen where it is called wide, which a
processor of registers half as large does in two steps. All else takes either.

Numba has no vectors of its own, and LLVM does not find two patterns in loops: sums of products of 16-bit
numbers, added in neighbouring pairs, which is one instruction on x86 (``pmaddwd``), and the smallest and
largest of floats. What is built here is plain vector arithmetic, so that every processor LLVM knows computes
the same, fast or not.

Positions count entries from the start of an array, whatever its shape; nothing checks them.
"""

# ruff: noqa: ARG001 - numba looks at the names of the arguments, and hands in more than each function needs

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.datamodel import models
from numba.extending import register_model

BYTE, SHORT, WORD, FLOAT = ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.FloatType()
EIGHT, SIXTEEN = 8, 16


def bytes_of(count: int) -> ir.VectorType:
    """Return the type of so many bytes."""
    return ir.VectorType(BYTE, count)


def shorts(count: int) -> ir.VectorType:
    """Return the type of so many int16."""
    return ir.VectorType(SHORT, count)


def words_of(count: int) -> ir.VectorType:
    """Return the type of so many int32."""
    return ir.VectorType(WORD, count)


def floats_of(count: int) -> ir.VectorType:
    """Return the type of so many float32."""
    return ir.VectorType(FLOAT, count)


class Vector(types.Type):
    """A vector as a numba type."""

    def __init__(self, name: str, vector: ir.VectorType) -> None:
        self.vector = vector
        super().__init__(name=name)


class _VectorModel(models.PrimitiveModel):
    """It is passed as LLVM's own vector."""

    def __init__(self, manager: Any, vector: Vector) -> None:
        super().__init__(manager, vector, vector.vector)  # type: ignore[no-untyped-call]


register_model(Vector)(_VectorModel)
PAIRS = {count: Vector(f"{count} pairs of int16", shorts(2 * count)) for count in (EIGHT, SIXTEEN)}
SUMS = {count: Vector(f"{count} int32", words_of(count)) for count in (EIGHT, SIXTEEN)}
FLOATS = {count: Vector(f"{count} float32", floats_of(count)) for count in (EIGHT, SIXTEEN)}


def pointer_to(context: Any, builder: Any, array_type: Any, array: Any, position: Any, item: ir.Type) -> Any:
    """Return where an array holds the entry at ``position``, as a pointer to ``item``."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [position]), item.as_pointer())


def load_from(builder: Any, pointer: Any, alignment: int) -> Any:
    """Return what a pointer points to, aligned to so many bytes at least."""
    found = builder.load(pointer)
    found.align = alignment
    return found


def repeat_value(builder: Any, value: Any, vector: ir.VectorType) -> Any:
    """Return a vector of one value."""
    undefined = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(WORD, 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(words_of(vector.count), [0] * vector.count))


def loading(vector: ir.VectorType, alignment: int) -> Any:
    """Return how a vector is loaded from an array and a position."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, position = arguments
        return load_from(
            builder, pointer_to(context, builder, signature.args[0], array, position, vector), alignment
        )

    return generate


def repeating(vector: ir.VectorType) -> Any:
    """Return how one value becomes a vector."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return repeat_value(builder, arguments[0], vector)

    return generate


def repeating_pair(count: int) -> Any:
    """Return how two int16 from an array and a position become so many pairs."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, position = arguments
        pair = load_from(builder, pointer_to(context, builder, signature.args[0], array, position, WORD), 2)
        return builder.bitcast(repeat_value(builder, pair, words_of(count)), shorts(2 * count))

    return generate


def storing(alignment: int) -> Any:
    """Return how a vector is put into an array from a position on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector, array, position = arguments
        pointer = pointer_to(context, builder, signature.args[1], array, position, signature.args[0].vector)
        builder.store(vector, pointer).align = alignment
        return context.get_dummy_value()

    return generate
