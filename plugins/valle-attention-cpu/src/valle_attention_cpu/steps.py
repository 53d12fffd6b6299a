"""Attention of a few queries, as a decoding step has them: keys and values are read once."""
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

from __future__ import annotations

import numpy as np
from numba import carray, njit

from valle_attention_cpu import job as at
from valle_attention_cpu.job import bounds
from valle_attention_cpu.vectors import MIXED, WIDTH, dots, mix, take
from valle_kit.addresses import call, floats, longs, power_of_two

MOST = 8
"""Queries (times heads of a group) from which on tiles pay, which have them in lanes."""

TILE = 256
"""Keys at a time."""
FAST = {"reassoc", "contract", "nsz", "arcp", "afn"}
LOWEST = np.float32(-3e38)


def scratch(depth: int) -> int:
    """Floats a thread needs."""
    return MOST * (2 * depth + 2) + TILE


@njit(fastmath={"contract", "nsz", "afn"}, inline="always")
def _exp(x):
    """As `vectors._exp`, for loops that become vector code."""
    clipped = max(x, np.float32(-87.0))
    n = np.floor(clipped * np.float32(1.4426950408889634) + np.float32(0.5))
    r = (clipped - n * np.float32(0.693359375)) + n * np.float32(2.12194440e-4)
    p = np.float32(1.9875691500e-4)
    p = p * r + np.float32(1.3981999507e-3)
    p = p * r + np.float32(8.3334519073e-3)
    p = p * r + np.float32(4.1665795894e-2)
    p = p * r + np.float32(1.6666665459e-1)
    p = p * r + np.float32(5.0000001201e-1)
    p = (p * r * r + r + np.float32(1.0)) * power_of_two(np.int32(n))
    return p if x >= np.float32(-87.0) or x != x else np.float32(0.0)


@njit(fastmath=FAST)
def scores(q, keys, step, count, depth, to):
    """to[j] = q · key j; four keys at a time."""
    j = 0
    while j + 4 <= count:
        base = keys + 4 * j * step
        a, b = carray(floats(base), (depth,)), carray(floats(base + 4 * step), (depth,))
        c, d = carray(floats(base + 8 * step), (depth,)), carray(floats(base + 12 * step), (depth,))
        s = np.float32(0.0)
        t = np.float32(0.0)
        u = np.float32(0.0)
        w = np.float32(0.0)
        for i in range(depth):
            s += a[i] * q[i]
            t += b[i] * q[i]
            u += c[i] * q[i]
            w += d[i] * q[i]
        to[j], to[j + 1], to[j + 2], to[j + 3] = s, t, u, w
        j += 4
    while j < count:
        a = carray(floats(keys + 4 * j * step), (depth,))
        s = np.float32(0.0)
        for i in range(depth):
            s += a[i] * q[i]
        to[j] = s
        j += 1


@njit(fastmath={"contract", "nsz"})
def weigh(weights, values, step, count, depth, to):
    """to += weights · values, four values at a time."""
    j = 0
    while j + 4 <= count:
        base = values + 4 * j * step
        a, b = carray(floats(base), (depth,)), carray(floats(base + 4 * step), (depth,))
        c, d = carray(floats(base + 8 * step), (depth,)), carray(floats(base + 12 * step), (depth,))
        s, t, u, w = weights[j], weights[j + 1], weights[j + 2], weights[j + 3]
        for i in range(depth):
            to[i] += s * a[i] + t * b[i] + u * c[i] + w * d[i]
        j += 4
    while j < count:
        a = carray(floats(values + 4 * j * step), (depth,))
        for i in range(depth):
            to[i] += weights[j] * a[i]
        j += 1


@njit(fastmath={"contract", "nsz", "reassoc"})
def soften(x, count, top):
    """x = e^(x − largest), where the largest is at least `top`; (largest, sum of x)."""
    largest = top
    for j in range(count):
        largest = max(largest, x[j])
    total = np.float32(0.0)
    for j in range(count):
        x[j] = _exp(x[j] - largest)
        total += x[j]
    return largest, total


@njit
def answer(job, line, kv, mine):
    """Outputs of one row's queries for one key head."""
    group, depth, window = job[at.GROUP], job[at.DEPTH], job[at.WINDOW]
    count = line[at.QUERIES] * group
    queries = job[at.Q] + 4 * (line[at.ROW] * job[at.Q_B] + kv * group * job[at.Q_H] + line[at.FIRST_Q] * job[at.Q_T])
    keys = job[at.K] + 4 * (line[at.ROW] * job[at.K_B] + kv * job[at.K_H] + line[at.FIRST_K] * job[at.K_T])
    values = job[at.V] + 4 * (line[at.ROW] * job[at.V_B] + kv * job[at.V_H] + line[at.FIRST_K] * job[at.V_T])
    out = job[at.OUT] + 4 * (
        line[at.ROW] * job[at.OUT_B] + kv * group * job[at.OUT_H] + line[at.FIRST_Q] * job[at.OUT_T]
    )
    q = carray(floats(mine), (MOST * depth,))
    sums = carray(floats(mine + 4 * MOST * depth), (MOST * depth,))
    tops = carray(floats(mine + 8 * MOST * depth), (MOST,))
    totals = carray(floats(mine + 8 * MOST * depth + 4 * MOST), (MOST,))
    tile = mine + 8 * MOST * depth + 8 * MOST
    weights = carray(floats(tile), (TILE,))
    wide = depth // MIXED * MIXED
    scale = floats(job[at.SCALE])[0]
    for n in range(count):
        source = floats(queries + 4 * ((n // group) * job[at.Q_T] + (n % group) * job[at.Q_H]))
        for d in range(depth):
            q[n * depth + d] = source[d] * scale
            sums[n * depth + d] = np.float32(0.0)
        tops[n], totals[n] = LOWEST, np.float32(0.0)
    lowest, _ = bounds(0, line[at.START], line[at.LENGTH], line[at.PREFIX], window)
    _, highest = bounds(line[at.QUERIES] - 1, line[at.START], line[at.LENGTH], line[at.PREFIX], window)
    for part in range(2 if window else 1):
        begin = lowest if part else 0
        stop = line[at.PREFIX] if window and not part else highest
        for j in range(begin, stop, TILE):
            for n in range(count):
                low, end = bounds(n // group, line[at.START], line[at.LENGTH], line[at.PREFIX], window)
                start = max(j, low) if part else j
                rows = min(min(j + TILE, stop), end) - start
                if rows <= 0:
                    continue
                mine_q, mine_sum = q[n * depth : (n + 1) * depth], sums[n * depth : (n + 1) * depth]
                some_keys, some_values = keys + 4 * start * job[at.K_T], values + 4 * start * job[at.V_T]
                done = 0
                if depth % WIDTH == 0:
                    done = rows // WIDTH * WIDTH
                    dots(mine + 4 * n * depth, some_keys, job[at.K_T], rows // WIDTH, depth // WIDTH, tile)
                scores(mine_q, some_keys + 4 * done * job[at.K_T], job[at.K_T], rows - done, depth, weights[done:])
                top, total = soften(weights, rows, tops[n])
                fade = _exp(tops[n] - top)
                if fade != np.float32(1.0):
                    for d in range(depth):
                        mine_sum[d] *= fade
                tops[n], totals[n] = top, totals[n] * fade + total
                for d in range(0, wide, MIXED):
                    mix(tile, some_values + 4 * d, job[at.V_T], rows, mine + 4 * ((MOST + n) * depth + d))
                if wide < depth:
                    weigh(weights, some_values + 4 * wide, job[at.V_T], rows, depth - wide, mine_sum[wide:])
    for n in range(count):
        to = floats(out + 4 * ((n // group) * job[at.OUT_T] + (n % group) * job[at.OUT_H]))
        share = np.float32(1.0) / totals[n]
        for d in range(depth):
            to[d] = sums[n * depth + d] * share


@njit
def step(header):
    """What every thread runs: rows and key heads, until none is left."""
    job = longs(header)
    rank = call(job[at.RANK]) if job[at.THREADS] > 1 else 0
    mine = job[at.SCRATCH] + 4 * rank * job[at.PER_THREAD]
    while True:
        item = take(job[at.COUNTER])
        if item >= job[at.ITEMS]:
            break
        answer(job, longs(job[at.RUNS] + 8 * (item // job[at.KEY_HEADS]) * at.COLUMNS), item % job[at.KEY_HEADS], mine)
