"""The decoding kernels: a few queries against a long cache, split over the keys, merged by their log-sum-exp.

All queries of a key head, of the whole group, are the M rows of one tile: row r is query r mod Tq of head r div Tq.
Each of `splits` programs takes an equal share of the tiles that they see, so a row's share follows its own length.
Letters as in `forward`.
"""

from __future__ import annotations

# Kernels are Triton's language in Python's syntax.
# pyright: reportGeneralTypeIssues=false, reportOperatorIssue=false, reportArgumentType=false
import triton
import triton.language as tl

from valle_attention_fused.forward import CHANGING, LOG2E, MAXIMUM, SUM


@triton.jit(do_not_specialize=CHANGING)
def decode(
    q_at,
    k_at,
    v_at,
    out_at,
    lse_at,
    lengths_at,
    prefix_at,
    start_at,
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
    Hk,
    Tq,
    Tk,
    scale,
    cap,
    window,
    SPLITS: tl.constexpr,
    GROUP: tl.constexpr,
    WIDTH: tl.constexpr,
    D: tl.constexpr,
    M: tl.constexpr,
    N: tl.constexpr,
    WINDOW: tl.constexpr,
    SOFTCAP: tl.constexpr,
    PRECISION: tl.constexpr,
    WIDEN: tl.constexpr,
):
    program = tl.program_id(0)
    split = program % SPLITS
    key_head = (program // SPLITS) % Hk
    row = program // (SPLITS * Hk)
    length = tl.load(lengths_at + row).to(tl.int32)
    limit = tl.minimum(length, Tk)
    start = tl.load(start_at + row).to(tl.int32)
    prefix = tl.load(prefix_at + row).to(tl.int32)
    batch = row.to(tl.int64)

    r = tl.arange(0, M)
    i = r % Tq
    head = (key_head * GROUP + r // Tq).to(tl.int64)
    p = start + i
    there = r < GROUP * Tq
    alive = there & (p < length)
    d = tl.arange(0, D)
    wide = d < WIDTH
    within = alive[:, None] & wide[None, :]
    q_places = q_at + batch * q_row + (head * q_head)[:, None] + (i * q_place)[:, None] + d[None, :]
    q = tl.load(q_places, mask=within, other=0.0)
    if WIDEN:
        q = q.to(tl.float32)

    latest = tl.minimum(start + Tq, length) - 1
    end = tl.minimum(limit, tl.maximum(prefix, latest + 1))
    end = tl.where(start < length, end, 0)
    tiles = (end + N - 1) // N
    if WINDOW:  # tiles of the prefix, then those from the first query's window on
        sunk = (tl.minimum(prefix, end) + N - 1) // N
        skipped = tl.maximum(tl.maximum(start - window + 1, 0) // N - sunk, 0)
        tiles = tl.maximum(tiles - skipped, tl.minimum(sunk, tiles))
    share = (tiles + SPLITS - 1) // SPLITS

    n = tl.arange(0, N)
    k_base = k_at + batch * k_row + key_head.to(tl.int64) * k_head + n[None, :] * k_place + d[:, None]
    v_base = v_at + batch * v_row + key_head.to(tl.int64) * v_head + n[:, None] * v_place + d[None, :]
    top = tl.full([M], float("-inf"), tl.float32)
    total = tl.full([M], 0.0, tl.float32)
    acc = tl.full([M, D], 0.0, tl.float32)
    for tile in tl.range(split * share, tl.minimum(split * share + share, tiles)):
        at = batch * 0 + tile
        if WINDOW:
            at = tl.where(at < sunk, at, at + skipped)
        at = at * N
        j = (at + n).to(tl.int32)
        held = j < end
        if WINDOW:
            held = held & ((j < prefix) | (j > start - window))
        k = tl.load(k_base + at * k_place, mask=held[None, :] & wide[:, None], other=0.0)
        v = tl.load(v_base + at * v_place, mask=held[:, None] & wide[None, :], other=0.0)
        if WIDEN:
            k = k.to(tl.float32)
            v = v.to(tl.float32)
        s = tl.dot(q, k, input_precision=PRECISION) * scale
        if SOFTCAP:
            s = (1.0 - 2.0 / (1.0 + tl.exp2(s * (2.0 / cap)))) * (cap * LOG2E)
        ordered = j[None, :] <= p[:, None]
        if WINDOW:
            ordered = ordered & (p[:, None] - j[None, :] < window)
        seen = (j < limit)[None, :] & ((j < prefix)[None, :] | ordered)
        s = tl.where(seen, s, float("-inf"))
        new = tl.maximum(top, tl.reduce(s, 1, MAXIMUM))
        against = tl.where(new == float("-inf"), 0.0, new)
        weights = tl.exp2(s - against[:, None])
        shrink = tl.exp2(top - against)
        total = total * shrink + tl.reduce(weights, 1, SUM)
        acc = tl.dot(weights.to(v.dtype), v, acc * shrink[:, None], input_precision=PRECISION)
        top = new

    some = alive & (total > 0.0)
    # Not by `total > 0` alone: NaN of a key that is seen must show.
    out = tl.where((alive & (total != 0.0))[:, None], acc / total[:, None], 0.0)
    if SPLITS == 1:
        places = out_at + batch * out_row + (head * out_head)[:, None] + (i * out_place)[:, None] + d[None, :]
        tl.store(places, out.to(out_at.dtype.element_ty), mask=there[:, None] & wide[None, :])
    else:  # parts [B, H, Tq, SPLITS, Dh]
        part = ((batch * Hk * GROUP + head) * Tq + i) * SPLITS + split
        tl.store(out_at + (part * WIDTH)[:, None] + d[None, :], out, mask=there[:, None] & wide[None, :])
        tl.store(lse_at + part, tl.where(some, top + tl.log2(total), float("-inf")), mask=there)


@triton.jit
def merge(
    parts_at,
    lse_at,
    out_at,
    out_row,
    out_head,
    out_place,
    H,
    Tq,
    WIDTH: tl.constexpr,
    D: tl.constexpr,
    SPLITS: tl.constexpr,
    S: tl.constexpr,
    CHUNK: tl.constexpr,
):
    """One program for each query: parts weighed by their share of the sum. S is SPLITS, a power of two or above."""
    query = tl.program_id(0).to(tl.int64)
    s = tl.arange(0, S)
    lse = tl.load(lse_at + query * SPLITS + s, mask=s < SPLITS, other=float("-inf"))
    top = tl.reduce(lse, 0, MAXIMUM)
    top = tl.where(top == float("-inf"), 0.0, top)
    total = tl.reduce(tl.exp2(lse - top), 0, SUM)
    d = tl.arange(0, D)
    c = tl.arange(0, CHUNK)
    acc = tl.full([D], 0.0, tl.float32)
    for at in tl.range(0, SPLITS, CHUNK):
        held = at + c < SPLITS
        share = tl.load(lse_at + query * SPLITS + at + c, mask=held, other=float("-inf"))
        places = parts_at + (query * SPLITS + at + c)[:, None] * WIDTH + d[None, :]
        part = tl.load(places, mask=held[:, None] & (d < WIDTH)[None, :], other=0.0)
        acc += tl.reduce(part * tl.exp2(share - top)[:, None], 0, SUM)
    out = tl.where(total == 0.0, 0.0, acc / total)
    i = query % Tq
    head = (query // Tq) % H
    places = out_at + query // (Tq * H) * out_row + head * out_head + i * out_place + d
    tl.store(places, out.to(out_at.dtype.element_ty), mask=d < WIDTH)
