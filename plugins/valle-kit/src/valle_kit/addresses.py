"""For functions compiled by numba: reading through addresses, calling through them, what numba has no word for.

Whoever compiles with these keeps the result by its own source: what one of them means must not change.
"""
# pyright: reportPrivateImportUsage=false

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


def _pointer(kind):
    def codegen(context, builder, signature, args):
        return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

    return types.CPointer(kind)(types.int64), codegen


@intrinsic
def floats(typingctx, address):
    """The float32 at an address."""
    return _pointer(types.float32)


@intrinsic
def integers(typingctx, address):
    """The int32 at an address."""
    return _pointer(types.int32)


@intrinsic
def longs(typingctx, address):
    """The int64 at an address."""
    return _pointer(types.int64)


@intrinsic
def call(typingctx, address):
    """Call the C function `int f(void)` (for a void one the result means nothing)."""

    def codegen(context, builder, signature, args):
        kind = ir.FunctionType(ir.IntType(32), [])
        return builder.call(builder.inttoptr(args[0], kind.as_pointer()), [])

    return types.int32(types.int64), codegen


@intrinsic
def fetch(typingctx, address):
    """Ask for the line of memory at an address, which need not be valid."""

    def codegen(context, builder, signature, args):
        pointer, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [pointer, number, number, number])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(function, [builder.inttoptr(args[0], pointer), *(ir.Constant(number, x) for x in (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(types.int64), codegen


@intrinsic
def power_of_two(typingctx, exponent):
    """2^exponent by writing the bits of a float32."""

    def codegen(context, builder, signature, args):
        biased = builder.add(args[0], ir.Constant(ir.IntType(32), 127))
        return builder.bitcast(builder.shl(biased, ir.Constant(ir.IntType(32), 23)), ir.FloatType())

    return types.float32(types.int32), codegen
