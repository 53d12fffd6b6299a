"""The arguments of the compiled functions, one line of int64, and what they do alike."""
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

from __future__ import annotations

from numba import njit

from valle_attention_cpu.vectors import LANES, ROWS, line_fresh, line_more, product_fresh, product_more
from valle_kit.addresses import floats

# Slots of the job. Addresses of tensors are followed by their strides (in floats) for row, head and position; COUNTER
# is the address of COUNT, from which the threads take their items.
(
    Q, Q_B, Q_H, Q_T, K, K_B, K_H, K_T, V, V_B, V_H, V_T, OUT, OUT_B, OUT_H, OUT_T,
    GRAD, GRAD_B, GRAD_H, GRAD_T, DQ, DK, DV, KEYS, LSE, LSE_B, LSE_H,
    RUNS, N_RUNS, KEY_HEADS, GROUP, DEPTH, WINDOW, SCALE, COUNTER, ITEMS, SCRATCH, PER_THREAD, RANK, THREADS, COUNT,
    SLOTS,
) = range(42)  # fmt: skip
# Columns of a run: a row or segment. Positions count from its own start; FIRST_* say where that lies in the tensor.
ROW, FIRST_Q, FIRST_K, START, LENGTH, PREFIX, QUERIES, BEFORE, COLUMNS = range(9)

TILE = 256
"""Keys at a time."""


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
