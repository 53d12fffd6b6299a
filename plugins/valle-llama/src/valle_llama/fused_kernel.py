"""One decoding step of all LLaMA layers as a single compiled function (numba), shared out among a few threads.

Everything is float32 and is read where torch keeps it: the function gets addresses, never copies. The threads are
OpenMP's own (those torch uses), so each phase ends in a barrier of the same team.
"""
# pyright: reportCallIssue=false, reportPrivateImportUsage=false
# (an intrinsic is called without its typing context)

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import numpy as np
from numba import carray, cfunc, njit, types
from numba.core.caching import FunctionCache

from valle_kit.addresses import call, fetch, floats, longs, power_of_two

# Slots of the job's int64 header, which the layers' addresses follow.
(
    BATCH, LAYERS, WIDTH, HEADS, KV_HEADS, HEAD_WIDTH, FFN, CAPACITY, THREADS, FINISH,
    X, H, LENGTHS, ROTATIONS, TURNS, KEYS, VALUES, SCRATCH, NORM, EPSILON, BARRIER, RANK, COUNT, HEADER,
) = range(24)  # fmt: skip
# Addresses of one layer, in this order.
NORM_1, QUERY, KEY, VALUE, OUT, NORM_2, GATE, UP, DOWN, PER_LAYER = range(10)

AHEAD = 32
"""Positions of keys or values to fetch ahead."""

FAST = {"reassoc", "contract", "nsz", "arcp", "afn"}
"""Rounding may differ in order, but a NaN or an infinity stays one."""


@njit(fastmath=FAST, inline="always")
def _exp(x):
    """e^x to 2 ulp in plain arithmetic, so that loops over it become vector code (libm's does not)."""
    x = min(max(x, np.float32(-87.0)), np.float32(88.0))
    n = math.floor(x * np.float32(1.4426950408889634) + np.float32(0.5))
    r = (x - n * np.float32(0.693359375)) + n * np.float32(2.12194440e-4)  # ln 2 in two parts
    p = np.float32(1.9875691500e-4)
    p = p * r + np.float32(1.3981999507e-3)
    p = p * r + np.float32(8.3334519073e-3)
    p = p * r + np.float32(4.1665795894e-2)
    p = p * r + np.float32(1.6666665459e-1)
    p = p * r + np.float32(5.0000001201e-1)
    return (p * r * r + r + np.float32(1.0)) * power_of_two(np.int32(n))


@njit(fastmath=FAST)
def _matvec(weight, x, batch, n_in, y, y_row, first, last):
    """y[b, first … last − 1] = weight[first … last − 1] · x[b]; y's rows lie y_row apart. Four rows at a time."""
    row = first
    while row + 4 <= last:
        a = weight[row * n_in : (row + 1) * n_in]
        b = weight[(row + 1) * n_in : (row + 2) * n_in]
        c = weight[(row + 2) * n_in : (row + 3) * n_in]
        d = weight[(row + 3) * n_in : (row + 4) * n_in]
        for i in range(batch):
            v = x[i * n_in : (i + 1) * n_in]
            s = np.float32(0.0)
            t = np.float32(0.0)
            u = np.float32(0.0)
            w = np.float32(0.0)
            for j in range(n_in):
                s += a[j] * v[j]
                t += b[j] * v[j]
                u += c[j] * v[j]
                w += d[j] * v[j]
            y[i * y_row + row] = s
            y[i * y_row + row + 1] = t
            y[i * y_row + row + 2] = u
            y[i * y_row + row + 3] = w
        row += 4
    while row < last:
        for i in range(batch):
            s = np.float32(0.0)
            for j in range(n_in):
                s += weight[row * n_in + j] * x[i * n_in + j]
            y[i * y_row + row] = s
        row += 1


@njit(fastmath=FAST)
def _rms_norm(x, weight, epsilon, batch, width, y):
    for i in range(batch):
        total = np.float32(0.0)
        for j in range(width):
            total += x[i * width + j] * x[i * width + j]
        scale = np.float32(1.0) / np.float32(math.sqrt(total / np.float32(width) + epsilon))
        for j in range(width):
            y[i * width + j] = x[i * width + j] * scale * weight[j]


@njit(fastmath=FAST)
def _rotate(x, rotation, half, y):
    """`rotation` holds the position's cosines, then its sines."""
    for j in range(half):
        cos, sin = rotation[j], rotation[half + j]
        a, b = x[j], x[half + j]
        y[j] = a * cos - b * sin
        y[half + j] = b * cos + a * sin


@njit(fastmath=FAST)
def _attend(q, keys, values, count, width, scores, out):
    """out = softmax(q · keysᵀ / √width) · values over the first `count` positions; four of them at a time.

    `keys` and `values` are addresses. What comes a while later is fetched ahead: the processor's own guess ends with
    each page of memory, and a long cache is nothing but pages.
    """
    scale = np.float32(1.0 / math.sqrt(width))
    largest = np.float32(-np.inf)
    p = 0
    while p + 4 <= count:
        a, b = carray(floats(keys + 4 * p * width), (width,)), carray(floats(keys + 4 * (p + 1) * width), (width,))
        c, d = (
            carray(floats(keys + 4 * (p + 2) * width), (width,)),
            carray(floats(keys + 4 * (p + 3) * width), (width,)),
        )
        for line in range(0, 16 * width, 64):
            fetch(keys + 4 * (p + AHEAD) * width + line)
        s = np.float32(0.0)
        t = np.float32(0.0)
        u = np.float32(0.0)
        w = np.float32(0.0)
        for j in range(width):
            s += q[j] * a[j]
            t += q[j] * b[j]
            u += q[j] * c[j]
            w += q[j] * d[j]
        scores[p], scores[p + 1], scores[p + 2], scores[p + 3] = s * scale, t * scale, u * scale, w * scale
        p += 4
    while p < count:
        a = carray(floats(keys + 4 * p * width), (width,))
        s = np.float32(0.0)
        for j in range(width):
            s += q[j] * a[j]
        scores[p] = s * scale
        p += 1
    for p in range(count):
        largest = max(largest, scores[p])
    total = np.float32(0.0)
    for p in range(count):
        scores[p] = _exp(scores[p] - largest)
        total += scores[p]
    for j in range(width):
        out[j] = np.float32(0.0)
    p = 0
    while p + 4 <= count:
        a = carray(floats(values + 4 * p * width), (4 * width,))
        for line in range(0, 16 * width, 64):
            fetch(values + 4 * (p + AHEAD) * width + line)
        s, t, u, w = scores[p], scores[p + 1], scores[p + 2], scores[p + 3]
        for j in range(width):
            out[j] += s * a[j] + t * a[width + j] + u * a[2 * width + j] + w * a[3 * width + j]
        p += 4
    while p < count:
        a = carray(floats(values + 4 * p * width), (width,))
        for j in range(width):
            out[j] += scores[p] * a[j]
        p += 1
    inverse = np.float32(1.0) / total
    for j in range(width):
        out[j] *= inverse


@njit
def _share(n, rank, threads):
    """This thread's half-open range of n rows, cut at multiples of four."""
    blocks = (n + 3) // 4
    return min(n, blocks * rank // threads * 4), min(n, blocks * (rank + 1) // threads * 4)


@njit
def _wait(job, threads):
    if threads > 1:
        call(job[BARRIER])


@njit(fastmath=FAST)
def _attention_heads(job, layer, qkv, mixed, mine, rank, threads):
    """Rotate, append to the cache and attend, for this thread's share of (row, head)."""
    heads, kv_heads, width, capacity = job[HEADS], job[KV_HEADS], job[HEAD_WIDTH], job[CAPACITY]
    group = heads // kv_heads
    lengths = carray(longs(job[LENGTHS]), (job[BATCH],))
    turns = carray(longs(job[TURNS]), (job[BATCH],))
    row = (heads + 2 * kv_heads) * width
    q = mine[:width]
    scores = mine[width:]
    pairs = job[BATCH] * kv_heads
    for pair in range(pairs * rank // threads, pairs * (rank + 1) // threads):
        b, kv = pair // kv_heads, pair % kv_heads
        place = ((layer * job[BATCH] + b) * kv_heads + kv) * capacity * width * 4
        length = lengths[b]
        keys = carray(floats(job[KEYS] + place), ((length + 1) * width,))
        values = carray(floats(job[VALUES] + place), ((length + 1) * width,))
        rotation = carray(floats(job[ROTATIONS] + turns[b] * width * 4), (width,))
        _rotate(qkv[b * row + (heads + kv) * width :], rotation, width // 2, keys[length * width :])
        fresh = b * row + (heads + kv_heads + kv) * width
        for j in range(width):
            values[length * width + j] = qkv[fresh + j]
        for head in range(kv * group, (kv + 1) * group):
            _rotate(qkv[b * row + head * width :], rotation, width // 2, q)
            out = mixed[(b * heads + head) * width :]
            _attend(q, job[KEYS] + place, job[VALUES] + place, length + 1, width, scores, out)


def _step(header):
    job = carray(header, (HEADER,))
    batch, width, ffn = job[BATCH], job[WIDTH], job[FFN]
    layers = carray(header, (HEADER + job[LAYERS] * PER_LAYER,))[HEADER:]
    # OpenMP may give fewer threads than asked for (OMP_THREAD_LIMIT, a parallel region around this one).
    threads = call(job[COUNT]) if job[THREADS] > 1 else 1
    rank = call(job[RANK]) if threads > 1 else 0
    queries, keys = job[HEADS] * job[HEAD_WIDTH], job[KV_HEADS] * job[HEAD_WIDTH]
    row = queries + 2 * keys
    epsilon = carray(floats(job[EPSILON]), (1,))[0]

    # Scratch shared by the team, then one private part per thread.
    shared = batch * (row + queries + width + 2 * ffn)
    private = batch * max(width, ffn) + job[HEAD_WIDTH] + job[CAPACITY]
    scratch = carray(floats(job[SCRATCH]), (shared + threads * private,))
    qkv = scratch[: batch * row]
    mixed = scratch[batch * row : batch * (row + queries)]
    added = scratch[batch * (row + queries) : batch * (row + queries + width)]
    gate = scratch[batch * (row + queries + width) : batch * (row + queries + width + ffn)]
    up = scratch[batch * (row + queries + width + ffn) : shared]
    mine = scratch[shared + rank * private : shared + (rank + 1) * private]
    normed = mine[: batch * max(width, ffn)]
    heads_scratch = mine[batch * max(width, ffn) :]
    x = carray(floats(job[X]), (batch * width,))
    h = carray(floats(job[H]), (batch * width,))

    w0, w1 = _share(width, rank, threads)
    q0, q1 = _share(queries, rank, threads)
    k0, k1 = _share(keys, rank, threads)
    f0, f1 = _share(ffn, rank, threads)
    for i in range(batch):
        for j in range(w0, w1):
            h[i * width + j] = x[i * width + j]
    _wait(job, threads)
    for layer in range(job[LAYERS]):
        at = layers[layer * PER_LAYER : (layer + 1) * PER_LAYER]
        _rms_norm(h, carray(floats(at[NORM_1]), (width,)), epsilon, batch, width, normed)
        _matvec(carray(floats(at[QUERY]), (queries * width,)), normed, batch, width, qkv, row, q0, q1)
        _matvec(carray(floats(at[KEY]), (keys * width,)), normed, batch, width, qkv[queries:], row, k0, k1)
        _matvec(carray(floats(at[VALUE]), (keys * width,)), normed, batch, width, qkv[queries + keys :], row, k0, k1)
        _wait(job, threads)
        _attention_heads(job, layer, qkv, mixed, heads_scratch, rank, threads)
        _wait(job, threads)
        _matvec(carray(floats(at[OUT]), (width * queries,)), mixed, batch, queries, added, width, w0, w1)
        for i in range(batch):
            for j in range(w0, w1):
                h[i * width + j] += added[i * width + j]
        _wait(job, threads)
        _rms_norm(h, carray(floats(at[NORM_2]), (width,)), epsilon, batch, width, normed)
        _matvec(carray(floats(at[GATE]), (ffn * width,)), normed, batch, width, gate, ffn, f0, f1)
        _matvec(carray(floats(at[UP]), (ffn * width,)), normed, batch, width, up, ffn, f0, f1)
        for i in range(batch):
            for j in range(f0, f1):
                g = gate[i * ffn + j]
                gate[i * ffn + j] = g / (np.float32(1.0) + _exp(-g)) * up[i * ffn + j]
        _wait(job, threads)
        _matvec(carray(floats(at[DOWN]), (width * ffn,)), gate, batch, ffn, added, width, w0, w1)
        for i in range(batch):
            for j in range(w0, w1):
                h[i * width + j] += added[i * width + j]
        _wait(job, threads)
    if job[FINISH] and rank == 0:
        _rms_norm(h, carray(floats(job[NORM]), (width,)), epsilon, batch, width, h)


def is_kept() -> bool:
    """Whether numba finds the compiled step of this source on the disk."""
    try:
        folder = Path(FunctionCache(_step).cache_path)
    except RuntimeError:  # nowhere to keep it
        return False
    written = Path(__file__).stat().st_mtime
    return any(kept.stat().st_mtime >= written for kept in folder.glob(f"*.{_step.__name__}-*.nbc"))


@cache
def compiled():
    """The step as a C function `void step(int64_t *header)`; every thread of the team calls it with the same job.

    The first call on a machine compiles for some seconds; numba keeps the result on disk.
    """
    signature = types.void(types.CPointer(types.int64))
    try:
        return cfunc(signature, cache=True)(_step)
    except RuntimeError:  # nowhere to keep it
        return cfunc(signature)(_step)
