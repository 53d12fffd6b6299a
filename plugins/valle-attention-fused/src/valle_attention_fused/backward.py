"""The backward kernels: gradients of the queries, then those of keys and values. Neither uses atomic operations.

After "FlashAttention-2" (arXiv 2307.08691), algorithm 2, in two passes, so that equal inputs give equal bits:
`query_gradient` goes through the keys that a block of queries sees, as the forward kernel does;
`key_gradient` goes through the queries that see a block of keys: all of them where the block begins inside the prefix,
else those at p ≥ j. Letters as in `forward`; in `key_gradient` M keys are a block, N queries a tile.
"""

from __future__ import annotations

# Kernels are Triton's language in Python's syntax.
# pyright: reportGeneralTypeIssues=false, reportOperatorIssue=false, reportArgumentType=false
import triton
import triton.language as tl

from valle_attention_fused.forward import CHANGING, LOG2E, SUM, locate


@triton.jit(do_not_specialize=CHANGING)
def query_gradient(
    q_at,
    k_at,
    v_at,
    out_at,
    lse_at,
    grad_at,
    dq_at,
    delta_at,
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
    grad_row,
    grad_head,
    grad_place,
    dq_row,
    dq_head,
    dq_place,
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
    dq_base = dq_at + batch * dq_row + head.to(tl.int64) * dq_head + (place + first) * dq_place
    dq_places = dq_base + m[:, None] * dq_place + d[None, :]
    if first >= used:
        if not PACKED:
            nothing = tl.full([M, D], 0.0, tl.float32).to(dq_at.dtype.element_ty)
            tl.store(dq_places, nothing, mask=(i < Tq)[:, None] & wide[None, :])
        return

    p = start + i
    alive = i < used
    within = alive[:, None] & wide[None, :]
    q_base = q_at + batch * q_row + head.to(tl.int64) * q_head + (place + first) * q_place
    q = tl.load(q_base + m[:, None] * q_place + d[None, :], mask=within, other=0.0)
    grad_base = grad_at + batch * grad_row + head.to(tl.int64) * grad_head + (place + first) * grad_place
    grad = tl.load(grad_base + m[:, None] * grad_place + d[None, :], mask=within, other=0.0)
    out_base = out_at + batch * out_row + head.to(tl.int64) * out_head + (place + first) * out_place
    out = tl.load(out_base + m[:, None] * out_place + d[None, :], mask=within, other=0.0)
    delta = tl.reduce(out.to(tl.float32) * grad.to(tl.float32), 1, SUM)
    scalars = (batch * H + head) * Tq + place + i
    tl.store(delta_at + scalars, delta, mask=alive)
    lse = tl.load(lse_at + scalars, mask=alive, other=0.0)
    if WIDEN:
        q = q.to(tl.float32)
        grad = grad.to(tl.float32)
    n = tl.arange(0, N)
    k_base = k_at + batch * k_row + (head // GROUP).to(tl.int64) * k_head + n[:, None] * k_place + d[None, :]
    v_base = v_at + batch * v_row + (head // GROUP).to(tl.int64) * v_head + n[None, :] * v_place + d[:, None]

    earliest = start + first
    latest = start + tl.minimum(first + M, used) - 1
    end = tl.minimum(limit, tl.maximum(prefix, latest + 1))
    if WINDOW:
        whole = tl.minimum(limit, prefix) // N * N
        sunk = (tl.minimum(limit, prefix) + N - 1) // N * N
        skipped = tl.maximum(tl.maximum(earliest - window + 1, 0) // N * N - sunk, 0)
    else:
        whole = tl.minimum(limit, tl.maximum(prefix, earliest + 1)) // N * N
        skipped = 0

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
                if WINDOW:
                    held = held & ((j < prefix) | (j > earliest - window))
                k = tl.load(k_places, mask=held[:, None] & wide[None, :], other=0.0)
                v = tl.load(v_places, mask=held[None, :] & wide[:, None], other=0.0)
            elif WIDTH == D:
                k = tl.load(k_places)
                v = tl.load(v_places)
            else:
                k = tl.load(k_places, mask=wide[None, :], other=0.0)
                v = tl.load(v_places, mask=wide[:, None], other=0.0)
            if WIDEN:
                k = k.to(tl.float32)
                v = v.to(tl.float32)
            s = tl.dot(q, tl.trans(k), input_precision=PRECISION)
            if SOFTCAP:
                bent = 1.0 - 2.0 / (1.0 + tl.exp2(s * (2.0 * scale / cap)))
                weights = tl.exp2(bent * (cap * LOG2E) - lse[:, None])
            else:
                weights = tl.exp2(s * scale - lse[:, None])
            ds = weights * (tl.dot(grad, v, input_precision=PRECISION) - delta[:, None])
            if SOFTCAP:
                ds = ds * (1.0 - bent * bent)
            if MASKED == 1:
                ordered = j[None, :] <= p[:, None]
                if WINDOW:
                    ordered = ordered & (p[:, None] - j[None, :] < window)
                seen = (j < limit)[None, :] & ((j < prefix)[None, :] | ordered)
                ds = tl.where(seen, ds, 0.0)
            acc = tl.dot(ds.to(k.dtype), k, acc, input_precision=PRECISION)

    acc = tl.where(alive[:, None], acc * (scale / LOG2E), 0.0)
    stored = alive if PACKED else i < Tq
    tl.store(dq_places, acc.to(dq_at.dtype.element_ty), mask=stored[:, None] & wide[None, :])


@triton.jit(do_not_specialize=CHANGING)
def key_gradient(
    q_at,
    k_at,
    v_at,
    lse_at,
    grad_at,
    delta_at,
    dk_at,
    dv_at,
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
    grad_row,
    grad_head,
    grad_place,
    dk_row,
    dk_head,
    dk_place,
    dv_row,
    dv_head,
    dv_place,
    Hk,
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
    # The first keys of a causal row have the most to do, and come first.
    key_head, block, batch, place, limit, prefix, start, used = locate(
        lengths_at, prefix_at, start_at, blocks_at, Hk, Tq, Tk, blocks, PACKED, LAST_FIRST=False
    )

    first = block * M
    m = tl.arange(0, M)
    j = first + m
    d = tl.arange(0, D)
    wide = d < WIDTH
    held = j < limit
    within = held[:, None] & wide[None, :]
    k_base = k_at + batch * k_row + key_head.to(tl.int64) * k_head + (place + first) * k_place
    k = tl.load(k_base + m[:, None] * k_place + d[None, :], mask=within, other=0.0)
    v_base = v_at + batch * v_row + key_head.to(tl.int64) * v_head + (place + first) * v_place
    v = tl.load(v_base + m[:, None] * v_place + d[None, :], mask=within, other=0.0)
    if WIDEN:
        k = k.to(tl.float32)
        v = v.to(tl.float32)

    # Queries by their index i, p = start + i: the first that sees one of these keys, and the first that sees them all.
    last = tl.minimum(first + M, limit)
    low = tl.where(first < prefix, 0, tl.maximum(first - start, 0))
    whole = tl.where(last <= prefix, low, tl.maximum(last - 1 - start, low))
    beyond = used
    if WINDOW:
        beyond = tl.where(first < prefix, used, tl.minimum(used, last - 1 + window - start))
        whole = beyond
    beyond = tl.where(first < limit, beyond, 0)
    masked_end = low + (tl.maximum(whole - low, 0) + N - 1) // N * N

    dk = tl.full([M, D], 0.0, tl.float32)
    dv = tl.full([M, D], 0.0, tl.float32)
    n = tl.arange(0, N)
    for member in tl.range(0, GROUP):
        head = key_head * GROUP + member
        q_base = q_at + batch * q_row + head.to(tl.int64) * q_head + n[None, :] * q_place + d[:, None]
        grad_base = grad_at + batch * grad_row + head.to(tl.int64) * grad_head + n[:, None] * grad_place + d[None, :]
        scalars = (batch * Hk * GROUP + head) * Tq + place
        for FREE in tl.static_range(2):
            if FREE == 0:
                begin = low
                finish = tl.minimum(masked_end, beyond)
            else:
                begin = masked_end
                finish = beyond
            for at in tl.range(begin, finish, N):
                i = at + n
                alive = i < beyond
                q = tl.load(q_base + (place + at) * q_place, mask=alive[None, :] & wide[:, None], other=0.0)
                grad = tl.load(grad_base + (place + at) * grad_place, mask=alive[:, None] & wide[None, :], other=0.0)
                lse = tl.load(lse_at + scalars + i, mask=alive, other=0.0)
                delta = tl.load(delta_at + scalars + i, mask=alive, other=0.0)
                if WIDEN:
                    q = q.to(tl.float32)
                    grad = grad.to(tl.float32)
                s = tl.dot(k, q, input_precision=PRECISION)
                if SOFTCAP:
                    bent = 1.0 - 2.0 / (1.0 + tl.exp2(s * (2.0 * scale / cap)))
                    weights = tl.exp2(bent * (cap * LOG2E) - lse[None, :])
                else:
                    weights = tl.exp2(s * scale - lse[None, :])
                if FREE == 0:
                    p = start + i
                    ordered = j[:, None] <= p[None, :]
                    if WINDOW:
                        ordered = ordered & (p[None, :] - j[:, None] < window)
                    seen = (j < prefix)[:, None] | ordered
                    weights = tl.where(seen, weights, 0.0)
                dv = tl.dot(weights.to(grad.dtype), grad, dv, input_precision=PRECISION)
                ds = weights * (tl.dot(v, tl.trans(grad), input_precision=PRECISION) - delta[None, :])
                if SOFTCAP:
                    ds = ds * (1.0 - bent * bent)
                if FREE == 0:
                    ds = tl.where(seen, ds, 0.0)
                dk = tl.dot(ds.to(q.dtype), tl.trans(q), dk, input_precision=PRECISION)

    dk = tl.where(held[:, None], dk * (scale / LOG2E), 0.0)
    dv = tl.where(held[:, None], dv, 0.0)
    stored = held if PACKED else j < Tk
    dk_base = dk_at + batch * dk_row + key_head.to(tl.int64) * dk_head + (place + first) * dk_place
    tl.store(
        dk_base + m[:, None] * dk_place + d[None, :],
        dk.to(dk_at.dtype.element_ty),
        mask=stored[:, None] & wide[None, :],
    )
    dv_base = dv_at + batch * dv_row + key_head.to(tl.int64) * dv_head + (place + first) * dv_place
    tl.store(
        dv_base + m[:, None] * dv_place + d[None, :],
        dv.to(dv_at.dtype.element_ty),
        mask=stored[:, None] & wide[None, :],
    )
