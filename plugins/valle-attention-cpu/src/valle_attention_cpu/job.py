"""The arguments of the compiled functions: one line of int64, and intrinsics to read through addresses."""
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

from __future__ import annotations

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from valle_attention_cpu.vectors import LANES, ROWS, line_fresh, line_more, product_fresh, product_more

# Slots of the job. Addresses of tensors are followed by their strides (in floats) for row, head and position.
(
    Q, Q_B, Q_H, Q_T, K, K_B, K_H, K_T, V, V_B, V_H, V_T, OUT, OUT_B, OUT_H, OUT_T,
    GRAD, GRAD_B, GRAD_H, GRAD_T, DQ, DK, DV, KEYS, LSE, LSE_B, LSE_H,
    RUNS, N_RUNS, KEY_HEADS, GROUP, DEPTH, WINDOW, SCALE, COUNTER, ITEMS, SCRATCH, PER_THREAD, RANK, THREADS, SLOTS,
) = range(41)  # fmt: skip
# Columns of a run: a row or segment. Positions count from its own start; FIRST_* say where that lies in the tensor.
ROW, FIRST_Q, FIRST_K, START, LENGTH, PREFIX, QUERIES, BEFORE, COLUMNS = range(9)

TILE = 256
"""Keys at a time."""


@intrinsic
def floats(typingctx, address):
    """The float32 at an address."""

    def codegen(context, builder, signature, args):
        return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.float32)(types.int64), codegen


@intrinsic
def integers(typingctx, address):
    """The int32 at an address."""

    def codegen(context, builder, signature, args):
        return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.int32)(types.int64), codegen


@intrinsic
def longs(typingctx, address):
    """The int64 at an address."""

    def codegen(context, builder, signature, args):
        return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.int64)(types.int64), codegen


@intrinsic
def call(typingctx, address):
    """Call the C function `int f(void)`."""

    def codegen(context, builder, signature, args):
        kind = ir.FunctionType(ir.IntType(32), [])
        return builder.call(builder.inttoptr(args[0], kind.as_pointer()), [])

    return types.int32(types.int64), codegen


@njit
def multiply(rows, a, a_row, a_col, b, b_row, c, c_row, depth, fresh):
    """C [rows, LANES] = A [rows, depth] · B [depth, LANES] for any number of rows; added to C unless fresh."""
    done = 0
    while done + ROWS <= rows:
        if fresh:
            product_fresh(a + 4 * done * a_row, a_row, a_col, b, b_row, c + 4 * done * c_row, c_row, depth)
        else:
            product_more(a + 4 * done * a_row, a_row, a_col, b, b_row, c + 4 * done * c_row, c_row, depth)
        done += ROWS
    while done < rows:
        if fresh:
            line_fresh(a + 4 * done * a_row, a_row, a_col, b, b_row, c + 4 * done * c_row, c_row, depth)
        else:
            line_more(a + 4 * done * a_row, a_row, a_col, b, b_row, c + 4 * done * c_row, c_row, depth)
        done += 1


@njit
def bounds(query, start, length, prefix, window):
    """(low, end) of the keys behind the prefix that a query sees."""
    p = start + query
    end = min(length, max(prefix, p + 1))
    low = max(prefix, p - window + 1) if window else 0
    return low, end


@njit
def gather(source, row, first, count, group, head_step, depth, scale, into):
    """into [depth, LANES] = scale · the queries `first` … of a group of heads, zeros past `count`."""
    to = floats(into)
    for lane in range(LANES):
        if lane < count:
            n = first + lane
            line = floats(source + 4 * ((n // group) * row + (n % group) * head_step))
            for d in range(depth):
                to[d * LANES + lane] = line[d] * scale
        else:
            for d in range(depth):
                to[d * LANES + lane] = 0.0
