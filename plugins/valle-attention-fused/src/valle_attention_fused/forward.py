"""The forward kernel: one block of queries of one head against the keys that it sees, with a running softmax.

The query at position p sees the keys [0, e(p)), e(p) = min(L, max(P, p + 1)), and e never decreases. For a block of
queries the key tiles that end before e of its first query need no mask, those up to e of its last query are masked,
the rest is skipped. So causal, full and prefix rows run through the same two loops, with bounds from L and P.
After "FlashAttention-2" (arXiv 2307.08691), algorithm 1. Scores are kept in powers of two: `scale` holds log₂ e.

Letters: M queries in a block, N keys in a tile, D the head width WIDTH rounded up to a power of two.
"""

from __future__ import annotations

# Kernels are Triton's language in Python's syntax.
# pyright: reportGeneralTypeIssues=false, reportOperatorIssue=false, reportArgumentType=false
import triton
import triton.language as tl

LOG2E = tl.constexpr(1.4426950408889634)
# `tl.max` and `tl.sum` are kernels of their own, and calling one costs the interpreter a millisecond.
MAXIMUM = tl.standard._elementwise_max
SUM = tl.standard._sum_combine

# What changes from batch to batch must not compile anew.
CHANGING = ["Tq", "Tk", "blocks", "window"]


@triton.jit
def locate(
    lengths_at, prefix_at, start_at, blocks_at, H, Tq, Tk, blocks, PACKED: tl.constexpr, LAST_FIRST: tl.constexpr
):
    """What one program works on, and the numbers of its row or segment.

    Gives head, block, index in the batch, place of the row's first position there, keys that there are, prefix,
    position of the first query, queries before the length.
    """
    program = tl.program_id(0)
    block = program % blocks
    head = (program // blocks) % H
    row = program // (blocks * H)
    if PACKED:  # a block belongs to a segment, which lies in the only row of the batch
        row = tl.load(blocks_at + block)
        block = tl.load(blocks_at + blocks + block)
        base = tl.load(lengths_at + row).to(tl.int32)
        limit = tl.load(lengths_at + row + 1).to(tl.int32) - base
        start = base * 0
        used = limit
        batch = row.to(tl.int64) * 0
    else:
        if LAST_FIRST:  # the last queries of a causal row have the most to do
            block = blocks - 1 - block
        base = row * 0
        length = tl.load(lengths_at + row).to(tl.int32)
        limit = tl.minimum(length, Tk)
        start = tl.load(start_at + row).to(tl.int32)
        used = tl.minimum(Tq, length - start)
        batch = row.to(tl.int64)
    prefix = tl.load(prefix_at + row).to(tl.int32)
    # Places have 64 bits: the cache of a long row has more than 2³¹ entries.
    return head, block, batch, base.to(tl.int64), limit, prefix, start, used


@triton.jit(do_not_specialize=CHANGING)
def forward(
    q_at,
    k_at,
    v_at,
    out_at,
    lse_at,
    lengths_at,
    prefix_at,
    start_at,
    blocks_at,
    q_row,
    q_head,
    q_place,
    k_row,
    k_head,
    k_place,
    v_row,
    v_head,
    v_place,
    out_row,
    out_head,
    out_place,
    H,
    Tq,
    Tk,
    blocks,
    scale,
    cap,
    window,
    GROUP: tl.constexpr,
    WIDTH: tl.constexpr,
    D: tl.constexpr,
    M: tl.constexpr,
    N: tl.constexpr,
    PACKED: tl.constexpr,
    WINDOW: tl.constexpr,
    SOFTCAP: tl.constexpr,
    PRECISION: tl.constexpr,
    WIDEN: tl.constexpr,
):
    head, block, batch, place, limit, prefix, start, used = locate(
        lengths_at, prefix_at, start_at, blocks_at, H, Tq, Tk, blocks, PACKED, LAST_FIRST=True
    )

    first = block * M
    m = tl.arange(0, M)
    i = first + m
    d = tl.arange(0, D)
    wide = d < WIDTH
    out_base = out_at + batch * out_row + head.to(tl.int64) * out_head + (place + first) * out_place
    out_places = out_base + m[:, None] * out_place + d[None, :]
    if first >= used:
        if not PACKED:
            nothing = tl.full([M, D], 0.0, tl.float32).to(out_at.dtype.element_ty)
            tl.store(out_places, nothing, mask=(i < Tq)[:, None] & wide[None, :])
        return

    p = start + i
    q_base = q_at + batch * q_row + head.to(tl.int64) * q_head + (place + first) * q_place
    q = tl.load(q_base + m[:, None] * q_place + d[None, :], mask=(i < used)[:, None] & wide[None, :], other=0.0)
    if WIDEN:
        q = q.to(tl.float32)
    n = tl.arange(0, N)
    k_base = k_at + batch * k_row + (head // GROUP).to(tl.int64) * k_head + n[None, :] * k_place + d[:, None]
    v_base = v_at + batch * v_row + (head // GROUP).to(tl.int64) * v_head + n[:, None] * v_place + d[None, :]

    earliest = start + first
    latest = start + tl.minimum(first + M, used) - 1
    end = tl.minimum(limit, tl.maximum(prefix, latest + 1))  # e of the last query
    if WINDOW:
        whole = tl.minimum(limit, prefix) // N * N
        sunk = (tl.minimum(limit, prefix) + N - 1) // N * N  # between the prefix and the window lies what nobody sees
        skipped = tl.maximum(tl.maximum(earliest - window + 1, 0) // N * N - sunk, 0)
    else:
        whole = tl.minimum(limit, tl.maximum(prefix, earliest + 1)) // N * N  # e of the first query
        skipped = 0

    top = tl.full([M], float("-inf"), tl.float32)
    total = tl.full([M], 0.0, tl.float32)
    acc = tl.full([M, D], 0.0, tl.float32)
    for MASKED in tl.static_range(2):
        if MASKED == 1:
            low = whole
            high = end - skipped
        else:
            low = 0
            high = whole
        for tile in tl.range(low, high, N):
            at = tile
            if WINDOW and MASKED == 1:
                at = tl.where(tile < sunk, tile, tile + skipped)
            j = at + n
            k_places = k_base + (place + at) * k_place
            v_places = v_base + (place + at) * v_place
            if MASKED == 1:
                held = j < end
                if WINDOW:  # only what one of the queries sees
                    held = held & ((j < prefix) | (j > earliest - window))
                k = tl.load(k_places, mask=held[None, :] & wide[:, None], other=0.0)
                v = tl.load(v_places, mask=held[:, None] & wide[None, :], other=0.0)
            elif WIDTH == D:
                k = tl.load(k_places)
                v = tl.load(v_places)
            else:
                k = tl.load(k_places, mask=wide[:, None], other=0.0)
                v = tl.load(v_places, mask=wide[None, :], other=0.0)
            if WIDEN:
                k = k.to(tl.float32)
                v = v.to(tl.float32)
            s = tl.dot(q, k, input_precision=PRECISION)
            if SOFTCAP:
                s = (1.0 - 2.0 / (1.0 + tl.exp2(s * (2.0 * scale / cap)))) * (cap * LOG2E)
            if MASKED == 1:
                ordered = j[None, :] <= p[:, None]
                if WINDOW:
                    ordered = ordered & (p[:, None] - j[None, :] < window)
                seen = (j < limit)[None, :] & ((j < prefix)[None, :] | ordered)
                s = tl.where(seen, s, float("-inf"))
            highest = tl.reduce(s, 1, MAXIMUM)
            new = tl.maximum(top, highest if SOFTCAP else highest * scale)
            # A query may see nothing of the first tiles of its window.
            against = tl.where(new == float("-inf"), 0.0, new) if WINDOW else new
            weights = tl.exp2((s if SOFTCAP else s * scale) - against[:, None])
            shrink = tl.exp2(top - against)
            total = total * shrink + tl.reduce(weights, 1, SUM)
            acc = acc * shrink[:, None]
            acc = tl.dot(weights.to(v.dtype), v, acc, input_precision=PRECISION)
            top = new

    alive = i < used
    out = tl.where(alive[:, None], acc / total[:, None], 0.0)
    stored = alive if PACKED else i < Tq
    tl.store(out_places, out.to(out_at.dtype.element_ty), mask=stored[:, None] & wide[None, :])
    tl.store(lse_at + (batch * H + head) * Tq + place + i, top + tl.log2(total), mask=alive)
