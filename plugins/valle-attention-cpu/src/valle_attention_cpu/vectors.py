"""Vector code that numba does not write by itself: products of small matrices, maxima and exponentials of columns.

Everything works on addresses (int64) of float32. A *tile* has rows of LANES floats: two vectors, as wide as the CPU has
them. Queries lie in lanes, so that a softmax over keys runs down the rows and needs no sum within a vector.
"""
# pyright: reportCallIssue=false, reportAttributeAccessIssue=false, reportIndexIssue=false, reportPrivateImportUsage=false
# (intrinsics are called without their typing context)

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

FEATURES = binding.get_host_cpu_features()
WIDTH = 16 if FEATURES.get("avx512f") else 8 if FEATURES.get("avx2") else 4
"""Floats of a vector."""
LANES = 2 * WIDTH
ROWS = 8 if WIDTH != 8 else 4
"""Rows of a product whose sums stay in registers: 32 of them with AVX-512 and on ARM, 16 with AVX2."""
MIXED = 4 * WIDTH
"""Columns of a weighted sum of rows: as many sums as an FMA takes cycles."""

FLOAT, INT, LONG = ir.FloatType(), ir.IntType(32), ir.IntType(64)
VECTOR = ir.VectorType(FLOAT, WIDTH)
BITS = ir.VectorType(INT, WIDTH)
Value = Any
"""A value of LLVM's."""


def _splat(builder: ir.IRBuilder, value: Value) -> Value:
    """A vector of one value."""
    kind = ir.VectorType(value.type, WIDTH)
    first = builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(INT, 0))
    return builder.shuffle_vector(first, ir.Constant(kind, ir.Undefined), ir.Constant(BITS, None))


def _constant(value: float) -> ir.Constant:
    return ir.Constant(VECTOR, [value] * WIDTH)


def _at(builder: ir.IRBuilder, address: Value, floats: Value | int) -> Value:
    """The address so many floats behind another."""
    if isinstance(floats, int):
        return builder.add(address, ir.Constant(LONG, 4 * floats)) if floats else address
    return builder.add(address, builder.mul(floats, ir.Constant(LONG, 4)))


def _load(builder: ir.IRBuilder, address: Value, kind: ir.Type = VECTOR) -> Value:
    return builder.load(builder.inttoptr(address, kind.as_pointer()), align=4)


def _store(builder: ir.IRBuilder, value: Value, address: Value) -> None:
    builder.store(value, builder.inttoptr(address, value.type.as_pointer()), align=4)


def _fma(builder: ir.IRBuilder, a: Value, b: Value, c: Value) -> Value:
    kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{WIDTH}f32"), [a, b, c])


def _repeat(
    builder: ir.IRBuilder,
    count: Value,
    start: Sequence[Value],
    body: Callable[[Value, list[Value]], list[Value]],
) -> list[Value]:
    """`count` times `values = body(index, values)`, from `start`; gives the last ones."""
    before = builder.block
    loop, after = builder.append_basic_block("loop"), builder.append_basic_block("after")
    zero = ir.Constant(LONG, 0)
    builder.cbranch(builder.icmp_signed(">", count, zero), loop, after)
    builder.position_at_end(loop)
    index = builder.phi(LONG)
    index.add_incoming(zero, before)
    held = []
    for value in start:
        phi = builder.phi(value.type)
        phi.add_incoming(value, before)
        held.append(phi)
    found = body(index, list(held))
    end = builder.block
    following = builder.add(index, ir.Constant(LONG, 1))
    index.add_incoming(following, end)
    for phi, value in zip(held, found, strict=True):
        phi.add_incoming(value, end)
    builder.cbranch(builder.icmp_signed("<", following, count), loop, after)
    builder.position_at_end(after)
    last = []
    for first, value in zip(start, found, strict=True):
        phi = builder.phi(value.type)
        phi.add_incoming(first, before)
        phi.add_incoming(value, end)
        last.append(phi)
    return last


def _exp(builder: ir.IRBuilder, x: Value) -> Value:
    """e^x for x ≤ 88 to 2 ulp, and exactly 0 below −87: polynomial of degree 5 on ln 2 / 2, powers of two by bits."""
    small = builder.fcmp_ordered("<", x, _constant(-87.0))
    floor = cgutils.get_or_insert_function(builder.module, ir.FunctionType(VECTOR, [VECTOR]), f"llvm.floor.v{WIDTH}f32")
    n = builder.call(floor, [_fma(builder, x, _constant(1.4426950408889634), _constant(0.5))])
    r = _fma(builder, n, _constant(-0.693359375), x)  # ln 2 in two parts
    r = _fma(builder, n, _constant(2.12194440e-4), r)
    p = _constant(1.9875691500e-4)
    for c in (1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1):
        p = _fma(builder, p, r, _constant(c))
    p = _fma(builder, p, builder.fmul(r, r), builder.fadd(r, _constant(1.0)))
    whole = builder.fptosi(n, BITS)
    power = builder.shl(builder.add(whole, ir.Constant(BITS, [127] * WIDTH)), ir.Constant(BITS, [23] * WIDTH))
    p = builder.fmul(p, builder.bitcast(power, VECTOR))
    return builder.select(small, _constant(0.0), p)


def _product(rows: int, *, fresh: bool):
    @intrinsic
    def product(typingctx, a, a_row, a_col, b, b_row, c, c_row, depth):
        """C [rows, LANES] = A [rows, depth] · B [depth, LANES], added to C unless fresh; strides in floats."""

        def codegen(context, builder, signature, args):
            a, a_row, a_col, b, b_row, c, c_row, depth = args
            lines = [_at(builder, a, builder.mul(a_row, ir.Constant(LONG, row))) for row in range(rows)]
            places = [
                _at(builder, _at(builder, c, builder.mul(c_row, ir.Constant(LONG, row))), half * WIDTH)
                for row in range(rows)
                for half in range(2)
            ]
            start = [_constant(0.0) if fresh else _load(builder, place) for place in places]

            def body(k, sums):
                line = _at(builder, b, builder.mul(k, b_row))
                halves = [_load(builder, _at(builder, line, half * WIDTH)) for half in range(2)]
                column = builder.mul(k, a_col)
                each = [_splat(builder, _load(builder, _at(builder, row, column), FLOAT)) for row in lines]
                return [_fma(builder, each[i // 2], halves[i % 2], total) for i, total in enumerate(sums)]

            for total, place in zip(_repeat(builder, depth, start, body), places, strict=True):
                _store(builder, total, place)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 8), codegen

    return product


product_fresh, product_more = _product(ROWS, fresh=True), _product(ROWS, fresh=False)
line_fresh, line_more = _product(1, fresh=True), _product(1, fresh=False)


@intrinsic
def hide(typingctx, tile, rows, first, low, end):
    """−∞ in row j, lane l of the tile unless low[l] ≤ first + j < end[l] (int32 vectors)."""

    def codegen(context, builder, signature, args):
        tile, rows, first, low, end = args
        bounds = [
            (
                _load(builder, _at(builder, low, half * WIDTH), BITS),
                _load(builder, _at(builder, end, half * WIDTH), BITS),
            )
            for half in range(2)
        ]

        def body(j, nothing):
            key = _splat(builder, builder.trunc(builder.add(first, j), INT))
            for half, (least, most) in enumerate(bounds):
                place = _at(builder, _at(builder, tile, builder.mul(j, ir.Constant(LONG, LANES))), half * WIDTH)
                seen = builder.and_(builder.icmp_signed(">=", key, least), builder.icmp_signed("<", key, most))
                _store(builder, builder.select(seen, _load(builder, place), _constant(float("-inf"))), place)
            return []

        _repeat(builder, rows, [], body)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 5), codegen


@intrinsic
def soften(typingctx, tile, rows, top, total, fade):
    """One step of a running softmax over the rows: top = max(top, tile), tile = e^(tile − top).

    fade = e^(old top − top); total = total · fade + the tile's sum. Each of them has LANES floats.
    """

    def codegen(context, builder, signature, args):
        tile, rows, top, total, fade = args
        for half in range(2):
            here, place = _at(builder, tile, half * WIDTH), _at(builder, top, half * WIDTH)
            old = _load(builder, place)

            def line(j, here=here):
                return _at(builder, here, builder.mul(j, ir.Constant(LONG, LANES)))

            def larger(j, held, line=line):
                x = _load(builder, line(j))
                return [builder.select(builder.fcmp_unordered(">", x, held[0]), x, held[0])]

            (new,) = _repeat(builder, rows, [old], larger)

            def weigh(j, held, line=line, new=new):
                p = _exp(builder, builder.fsub(_load(builder, line(j)), new))
                _store(builder, p, line(j))
                return [builder.fadd(held[0], p)]

            (added,) = _repeat(builder, rows, [_constant(0.0)], weigh)
            faded = _exp(builder, builder.fsub(old, new))
            sum_place = _at(builder, total, half * WIDTH)
            _store(builder, _fma(builder, _load(builder, sum_place), faded, added), sum_place)
            _store(builder, new, place)
            _store(builder, faded, _at(builder, fade, half * WIDTH))
        return context.get_dummy_value()

    return types.void(*[types.int64] * 5), codegen


@intrinsic
def scale_rows(typingctx, tile, rows, by):
    """Every row of the tile times the LANES floats at `by`."""

    def codegen(context, builder, signature, args):
        tile, rows, by = args
        factors = [_load(builder, _at(builder, by, half * WIDTH)) for half in range(2)]

        def body(j, nothing):
            for half, factor in enumerate(factors):
                place = _at(builder, _at(builder, tile, builder.mul(j, ir.Constant(LONG, LANES))), half * WIDTH)
                _store(builder, builder.fmul(_load(builder, place), factor), place)
            return []

        _repeat(builder, rows, [], body)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 3), codegen


@intrinsic
def slopes(typingctx, scores, weights, rows, lse, delta):
    """scores = p = e^(scores − lse), weights = p · (weights − delta): both gradients' factors of a tile."""

    def codegen(context, builder, signature, args):
        scores, weights, rows, lse, delta = args
        given = [[_load(builder, _at(builder, address, half * WIDTH)) for half in range(2)] for address in (lse, delta)]

        def body(j, nothing):
            down = builder.mul(j, ir.Constant(LONG, LANES))
            for half in range(2):
                s, w = (_at(builder, _at(builder, x, down), half * WIDTH) for x in (scores, weights))
                p = _exp(builder, builder.fsub(_load(builder, s), given[0][half]))
                _store(builder, p, s)
                _store(builder, builder.fmul(p, builder.fsub(_load(builder, w), given[1][half])), w)
            return []

        _repeat(builder, rows, [], body)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 5), codegen


@intrinsic
def dots(typingctx, q, keys, step, groups, chunks, to):
    """to [groups · WIDTH] = the products of q with as many keys; of `chunks` · WIDTH entries each, `step` floats apart.

    A group of keys is read before their sums are added up, all at once: so little code for so many bytes that the
    processor reads the next page of memory meanwhile (asking for it in advance made it slower).
    """

    def codegen(context, builder, signature, args):
        q, keys, step, groups, chunks, to = args
        pairs = range(0, 2 * WIDTH, 2)
        even, odd = (ir.Constant(BITS, [pair + second for pair in pairs]) for second in range(2))

        def group(index, nothing):
            first = builder.mul(index, ir.Constant(LONG, WIDTH))
            lines = [
                _at(builder, keys, builder.mul(builder.add(first, ir.Constant(LONG, row)), step))
                for row in range(WIDTH)
            ]

            def chunk(c, sums):
                d = builder.mul(c, ir.Constant(LONG, WIDTH))
                part = _load(builder, _at(builder, q, d))
                return [
                    _fma(builder, _load(builder, _at(builder, line, d)), part, total)
                    for line, total in zip(lines, sums, strict=True)
                ]

            sums = _repeat(builder, chunks, [_constant(0.0)] * WIDTH, chunk)
            while len(sums) > 1:
                sums = [
                    builder.fadd(builder.shuffle_vector(a, b, even), builder.shuffle_vector(a, b, odd))
                    for a, b in zip(sums[::2], sums[1::2], strict=True)
                ]
            _store(builder, sums[0], _at(builder, to, first))
            return []

        _repeat(builder, groups, [], group)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 6), codegen


@intrinsic
def mix(typingctx, weights, values, step, count, to):
    """to [MIXED] += the sum of `count` values, `step` floats apart, each times its weight."""

    def codegen(context, builder, signature, args):
        weights, values, step, count, to = args
        places = [_at(builder, to, part * WIDTH) for part in range(MIXED // WIDTH)]

        def body(j, sums):
            line = _at(builder, values, builder.mul(j, step))
            weight = _splat(builder, _load(builder, _at(builder, weights, j), FLOAT))
            return [
                _fma(builder, weight, _load(builder, _at(builder, line, part * WIDTH)), total)
                for part, total in enumerate(sums)
            ]

        start = [_load(builder, place) for place in places]
        for total, place in zip(_repeat(builder, count, start, body), places, strict=True):
            _store(builder, total, place)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 5), codegen


@intrinsic
def take(typingctx, counter):
    """The next number of a counter that all threads share."""

    def codegen(context, builder, signature, args):
        pointer = builder.inttoptr(args[0], LONG.as_pointer())
        return builder.atomic_rmw("add", pointer, ir.Constant(LONG, 1), "seq_cst")

    return types.int64(types.int64), codegen
