"""The least a kernel must do in a cell: pairs of query and key, floating-point operations, bytes."""

from __future__ import annotations

import numpy as np

from valle_bench.attention.settings import Cell

BACKWARD = 2.5
"""Operations of the backward pass over those of the forward pass: five products of matrices instead of two."""

SIZES = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2}


def area(length: int, prefix: int, *, queries: int | None = None, window: int | None = None) -> int:
    """Pairs of query and key that one row computes.

    The query at position p sees e(p) = min(L, max(P, p + 1)) keys, with a window less. For all queries of a row and no
    window that is P² + (L(L + 1) − P(P + 1)) / 2.

    Args:
        length: L of the row.
        prefix: P of the row.
        queries: the last ones of the row; all where None.
        window: width of a sliding window.
    """
    start = 0 if queries is None else max(0, length - queries)
    p = np.arange(start, length, dtype=np.int64)
    begin = np.zeros_like(p) if window is None else np.maximum(prefix, p - window + 1)
    behind = np.maximum(0, p + 1 - np.maximum(begin, prefix))
    return int((prefix + behind).sum())


def pairs(cell: Cell) -> int:
    """Pairs of query and key of all rows, for one head."""
    queries = cell.queries if cell.direction == "decode" else None
    rows = zip(cell.lengths, cell.prefix, strict=True)
    return sum(area(length, prefix, queries=queries, window=cell.window) for length, prefix in rows)


def flops(cell: Cell) -> float:
    """Forward 4 · H · Dh · area; backward 2.5 times that."""
    forward = 4.0 * cell.heads * cell.head_width * pairs(cell)
    return BACKWARD * forward if cell.direction == "backward" else forward


def nbytes(cell: Cell) -> int:
    """Bytes of the inputs and results that are used, each moved once; padding is not counted."""
    keys = sum(cell.lengths)
    queries = sum(min(cell.queries, length) for length in cell.lengths) if cell.direction == "decode" else keys
    numbers = 2 * queries * cell.heads + 2 * keys * cell.kv_heads  # q and out; k and v
    if cell.direction == "backward":
        numbers *= 2  # their gradients
    return numbers * cell.head_width * SIZES[cell.dtype]
