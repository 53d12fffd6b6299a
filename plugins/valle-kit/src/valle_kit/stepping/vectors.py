"""Vector code for products of a few matrix rows with a few states; every product is summed in one fixed order.

A *tile* is the products of R rows with M states. Whatever R and M are, each product is the same sequence of fused
multiply-adds over the depth and the same tree at the end, so a row of a batch gets the bits it gets alone.
"""
# pyright: reportCallIssue=false, reportAttributeAccessIssue=false, reportIndexIssue=false, reportPrivateImportUsage=false
# (intrinsics are called without their typing context)

from __future__ import annotations

from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

FEATURES = binding.get_host_cpu_features()
WIDTH = 16 if FEATURES.get("avx512f") else 8 if FEATURES.get("avx2") else 4
"""Floats of a vector."""
STATES = 6 if WIDTH != 8 else 3
"""States of the largest tile: with four rows 24 sums stay in registers (32 with AVX-512 and on ARM, else 16)."""
LINE = 64
"""Bytes of a line of memory."""

FLOAT, BYTE, INT, LONG = ir.FloatType(), ir.IntType(8), ir.IntType(32), ir.IntType(64)
VECTOR = ir.VectorType(FLOAT, WIDTH)
Value = Any
"""A value of LLVM's."""

SINGLE, WHOLE = range(2)
"""Weights as float32, as int8."""
BYTES = {SINGLE: 4, WHOLE: 1}


def _number(value: int) -> ir.Constant:
    return ir.Constant(LONG, value)


def _fma(builder: ir.IRBuilder, a: Value, b: Value, c: Value) -> Value:
    kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{WIDTH}f32"), [a, b, c])


def _read(builder: ir.IRBuilder, address: Value, kind: int) -> Value:
    """A vector of weights as float32."""
    number = {SINGLE: FLOAT, WHOLE: BYTE}[kind]
    found = builder.load(builder.inttoptr(address, ir.VectorType(number, WIDTH).as_pointer()), align=BYTES[kind])
    if kind == SINGLE:
        return found
    return builder.sitofp(builder.sext(found, ir.VectorType(INT, WIDTH)), VECTOR)


def _rest(builder: ir.IRBuilder, address: Value, mask: Value) -> Value:
    """The last float32s of a line, zeros behind them."""
    pointer, bits = VECTOR.as_pointer(), ir.VectorType(ir.IntType(1), WIDTH)
    kind = ir.FunctionType(VECTOR, [pointer, INT, bits, VECTOR])
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.masked.load.v{WIDTH}f32.p0")
    where = builder.inttoptr(address, pointer)
    return builder.call(function, [where, ir.Constant(INT, 4), mask, ir.Constant(VECTOR, [0.0] * WIDTH)])


def _line(builder: ir.IRBuilder, address: Value, kind: ir.Type) -> Value:
    return builder.load(builder.inttoptr(address, kind.as_pointer()), align=4)


def _mask(builder: ir.IRBuilder, count: Value) -> Value:
    """True in the first `count` lanes."""
    longs = ir.VectorType(LONG, WIDTH)
    first = builder.insert_element(ir.Constant(longs, ir.Undefined), count, ir.Constant(INT, 0))
    zeros = ir.Constant(ir.VectorType(INT, WIDTH), None)
    all_of = builder.shuffle_vector(first, ir.Constant(longs, ir.Undefined), zeros)
    return builder.icmp_signed("<", ir.Constant(longs, list(range(WIDTH))), all_of)


def _shuffled(builder: ir.IRBuilder, a: Value, b: Value, lanes: list[int]) -> Value:
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(INT, len(lanes)), lanes))


def _narrowed(builder: ir.IRBuilder, vector: Value, width: int) -> Value:
    """Halves added to halves, until so many lanes are left."""
    lanes = WIDTH
    while lanes > width:
        lanes //= 2
        halves = (_shuffled(builder, vector, vector, list(range(at, at + lanes))) for at in (0, lanes))
        vector = builder.fadd(*halves)
    return vector


def _totals(builder: ir.IRBuilder, vectors: list[Value]) -> Value:
    """The sums of one or four vectors, side by side; each by the same tree."""
    if len(vectors) == 1:
        return _narrowed(builder, vectors[0], 1)
    a, b, c, d = (_narrowed(builder, vector, 4) for vector in vectors)
    pairs = [
        builder.fadd(_shuffled(builder, one, other, [0, 1, 4, 5]), _shuffled(builder, one, other, [2, 3, 6, 7]))
        for one, other in ((a, b), (c, d))
    ]
    return builder.fadd(_shuffled(builder, *pairs, [0, 2, 4, 6]), _shuffled(builder, *pairs, [1, 3, 5, 7]))


def _fetch(builder: ir.IRBuilder, address: Value) -> None:
    pointer = BYTE.as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [pointer, INT, INT, INT])
    function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    builder.call(function, [builder.inttoptr(address, pointer), *(ir.Constant(INT, x) for x in (0, 2, 1))])


def tile(rows: int, states: int, kind: int) -> Any:
    """The products of so many rows, with so many states."""
    # A block of the depth is one line of memory of each row.
    block = LINE // BYTES[kind] if kind != SINGLE else WIDTH
    parts = range(0, block, WIDTH)

    @intrinsic
    def products(typingctx, weight, step, x, x_step, depth, ahead, scale, bias, y, y_step, add):
        """y[m, r] = scale[r] · (weight[r] · x[m]) + bias[r], plus what was there where `add`; float32 has no scale.

        `step` are bytes between rows, `x_step` and `y_step` floats between states; `ahead` bytes behind its own each
        row fetches. But for float32 the depth is a multiple of a line.
        """

        def codegen(context, builder, signature, args):
            weight, step, x, x_step, depth, ahead, scale, bias, y, y_step, add = args
            lines = [builder.add(weight, builder.mul(step, _number(row))) for row in range(rows)]
            xs = [builder.add(x, builder.mul(x_step, _number(4 * state))) for state in range(states)]
            zero = ir.Constant(VECTOR, [0.0] * WIDTH)
            before = builder.block
            loop, after = builder.append_basic_block("loop"), builder.append_basic_block("after")
            count = builder.sdiv(depth, _number(block))
            builder.cbranch(builder.icmp_signed(">", count, _number(0)), loop, after)
            builder.position_at_end(loop)
            index = builder.phi(LONG)
            index.add_incoming(_number(0), before)
            held = [builder.phi(VECTOR) for _ in range(rows * states)]
            for phi in held:
                phi.add_incoming(zero, before)
            sums = list(held)
            here = builder.mul(index, _number(block))
            bytes_here = builder.mul(here, _number(BYTES[kind]))
            for row in lines:
                _fetch(builder, builder.add(builder.add(row, bytes_here), ahead))
            for part in parts:
                place = builder.mul(builder.add(here, _number(part)), _number(4))
                read = [_read(builder, builder.add(one, place), SINGLE) for one in xs]
                for r, row in enumerate(lines):
                    found = _read(builder, builder.add(row, builder.add(bytes_here, _number(part * BYTES[kind]))), kind)
                    for m in range(states):
                        sums[m * rows + r] = _fma(builder, found, read[m], sums[m * rows + r])
            following = builder.add(index, _number(1))
            index.add_incoming(following, loop)
            for phi, value in zip(held, sums, strict=True):
                phi.add_incoming(value, loop)
            builder.cbranch(builder.icmp_signed("<", following, count), loop, after)
            builder.position_at_end(after)
            ends = [builder.phi(VECTOR) for _ in held]
            for end, value in zip(ends, sums, strict=True):
                end.add_incoming(zero, before)
                end.add_incoming(value, loop)
            if kind == SINGLE:
                ends = _with_rest(builder, ends, lines, xs, depth, count)
            at_once = 4 if rows % 4 == 0 else 1
            wide = ir.VectorType(FLOAT, at_once)
            adds = builder.icmp_signed("!=", add, _number(0))
            for m in range(states):
                for r in range(0, rows, at_once):
                    found = _totals(builder, ends[m * rows + r : m * rows + r + at_once])
                    skip = _number(4 * r)
                    if kind == WHOLE:
                        found = builder.fmul(found, _line(builder, builder.add(scale, skip), wide))
                    found = builder.fadd(found, _line(builder, builder.add(bias, skip), wide))
                    place = builder.add(builder.add(y, builder.mul(y_step, _number(4 * m))), skip)
                    old = builder.select(adds, _line(builder, place, wide), ir.Constant(wide, [0.0] * at_once))
                    builder.store(builder.fadd(found, old), builder.inttoptr(place, wide.as_pointer()), align=4)
            return context.get_dummy_value()

        def _with_rest(builder, ends, lines, xs, depth, count):
            done = builder.mul(count, _number(block))
            rest = builder.sub(depth, done)
            start = builder.block
            some, finished = builder.append_basic_block("rest"), builder.append_basic_block("finished")
            builder.cbranch(builder.icmp_signed(">", rest, _number(0)), some, finished)
            builder.position_at_end(some)
            mask, place = _mask(builder, rest), builder.mul(done, _number(4))
            read = [_rest(builder, builder.add(one, place), mask) for one in xs]
            found = [_rest(builder, builder.add(row, place), mask) for row in lines]
            added = [_fma(builder, found[at % rows], read[at // rows], total) for at, total in enumerate(ends)]
            builder.branch(finished)
            builder.position_at_end(finished)
            merged = []
            for total, more in zip(ends, added, strict=True):
                phi = builder.phi(VECTOR)
                phi.add_incoming(total, start)
                phi.add_incoming(more, some)
                merged.append(phi)
            return merged

        return types.void(*[types.int64] * 11), codegen

    return products
