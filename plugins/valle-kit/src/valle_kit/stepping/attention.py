"""Attention of one new position of each row over its keys and values."""
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

from __future__ import annotations

import math

import numpy as np
from numba import carray, njit

from valle_kit.addresses import fetch, floats
from valle_kit.stepping.plain import FAST, exponential

AHEAD = 32
"""Positions of keys or values to fetch ahead."""


@njit(fastmath=FAST)
def rotate(x, rotation, half, y):
    """Both halves of a head turn together; `rotation` holds the position's cosines, then its sines."""
    for j in range(half):
        cos, sin = rotation[j], rotation[half + j]
        a, b = x[j], x[half + j]
        y[j] = a * cos - b * sin
        y[half + j] = b * cos + a * sin


@njit(fastmath=FAST)
def attend(q, keys, values, count, width, scores, out):
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
        scores[p] = exponential(scores[p] - largest)
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


@njit(fastmath=FAST)
def head(qkv, heads, kv_heads, width, kv, keys, values, length, rotation, mine, mixed):
    """One head of keys of one row: rotate and append what is new, then answer the queries of its group.

    `qkv` and `mixed` are the row's states, `keys` and `values` addresses of its cache, `rotation` an address or 0.
    """
    group = heads // kv_heads
    k, v = carray(floats(keys), ((length + 1) * width,)), carray(floats(values), ((length + 1) * width,))
    row = carray(floats(qkv), ((heads + 2 * kv_heads) * width,))
    fresh = (heads + kv) * width
    scratch = carray(floats(mine), (width + length + 1,))
    q, scores = scratch[:width], scratch[width:]
    turn = carray(floats(rotation), (width,))
    if rotation:
        rotate(row[fresh:], turn, width // 2, k[length * width :])
    else:
        for j in range(width):
            k[length * width + j] = row[fresh + j]
    fresh += kv_heads * width
    for j in range(width):
        v[length * width + j] = row[fresh + j]
    for at in range(kv * group, (kv + 1) * group):
        if rotation:
            rotate(row[at * width :], turn, width // 2, q)
        else:
            for j in range(width):
                q[j] = row[at * width + j]
        attend(q, keys, values, length + 1, width, scores, carray(floats(mixed + 4 * at * width), (width,)))
