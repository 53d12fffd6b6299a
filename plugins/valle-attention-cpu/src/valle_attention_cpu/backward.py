"""Flash attention backward (Dao 2023, arXiv 2307.08691, algorithm 2), one thread for each row and key head.

With p = softmax and δ = Σ dO · O of a query: dV = pᵀ dO, dS = p (dO Vᵀ − δ), dQ = dS K, dK = dSᵀ Q.
"""
# pyright: reportCallIssue=false

from __future__ import annotations

import numpy as np
from numba import njit

from valle_attention_cpu import job as at
from valle_attention_cpu.job import bounds, gather, multiply
from valle_attention_cpu.vectors import LANES, hide, slopes, take
from valle_kit.addresses import call, floats, integers, longs

TILE = 128
"""Keys at a time: two tiles are in use at once."""


def padded(depth: int) -> int:
    """Width of the sums of gradients of keys and values: whole tiles."""
    return -(-depth // LANES) * LANES


def scratch(depth: int) -> int:
    """Floats a thread needs."""
    return LANES * (3 * depth + 2 * padded(depth) + 2 * TILE + 4)


@njit
def _copy(source, row, first, count, group, head_step, depth, width, scale, into):
    """into [LANES, width] = scale · the queries, zeros elsewhere."""
    to = floats(into)
    for i in range(LANES * width):
        to[i] = 0.0
    for lane in range(count):
        n = first + lane
        line = floats(source + 4 * ((n // group) * row + (n % group) * head_step))
        for d in range(depth):
            to[lane * width + d] = line[d] * scale


@njit
def differentiate(job, line, kv, block, mine):
    """What one block of queries adds to the gradients of keys and values, and the gradient of itself."""
    group, depth, window = job[at.GROUP], job[at.DEPTH], job[at.WINDOW]
    width = (depth + LANES - 1) // LANES * LANES
    scale, one = floats(job[at.SCALE])[0], np.float32(1.0)
    first = block * LANES
    count = min(LANES, line[at.QUERIES] * group - first)
    row, head, position = line[at.ROW], kv * group, line[at.FIRST_Q]
    queries = job[at.Q] + 4 * (row * job[at.Q_B] + head * job[at.Q_H] + position * job[at.Q_T])
    given = job[at.GRAD] + 4 * (row * job[at.GRAD_B] + head * job[at.GRAD_H] + position * job[at.GRAD_T])
    results = job[at.OUT] + 4 * (row * job[at.OUT_B] + head * job[at.OUT_H] + position * job[at.OUT_T])
    slope = job[at.DQ] + 4 * (row * job[at.OUT_B] + head * job[at.OUT_H] + position * job[at.OUT_T])  # laid out alike
    logs = job[at.LSE] + 4 * (row * job[at.LSE_B] + head * job[at.LSE_H] + position)
    keys = job[at.K] + 4 * (row * job[at.K_B] + kv * job[at.K_H] + line[at.FIRST_K] * job[at.K_T])
    values = job[at.V] + 4 * (row * job[at.V_B] + kv * job[at.V_H] + line[at.FIRST_K] * job[at.V_T])
    sums = 4 * ((row * job[at.KEY_HEADS] + kv) * job[at.KEYS] + line[at.FIRST_K]) * width
    q_down = mine  # [depth, LANES]
    g_down = q_down + 4 * LANES * depth
    dq_down = g_down + 4 * LANES * depth
    q_along = dq_down + 4 * LANES * depth  # [LANES, width]
    g_along = q_along + 4 * LANES * width
    weights = g_along + 4 * LANES * width  # [TILE, LANES]
    slopes_of = weights + 4 * LANES * TILE
    lse = slopes_of + 4 * LANES * TILE
    delta, low, end = lse + 4 * LANES, lse + 8 * LANES, lse + 12 * LANES
    gather(queries, job[at.Q_T], first, count, group, job[at.Q_H], depth, scale, q_down)
    gather(given, job[at.GRAD_T], first, count, group, job[at.GRAD_H], depth, one, g_down)
    _copy(queries, job[at.Q_T], first, count, group, job[at.Q_H], depth, width, scale, q_along)
    _copy(given, job[at.GRAD_T], first, count, group, job[at.GRAD_H], depth, width, one, g_along)
    for i in range(depth * LANES):
        floats(dq_down)[i] = 0.0
    for lane in range(LANES):
        n = first + min(lane, count - 1)
        result = floats(results + 4 * ((n // group) * job[at.OUT_T] + (n % group) * job[at.OUT_H]))
        total = np.float32(0.0)
        for d in range(depth):
            total += result[d] * floats(g_along)[lane * width + d]
        floats(delta)[lane] = total
        floats(lse)[lane] = floats(logs + 4 * ((n % group) * job[at.LSE_H] + n // group))[0]
        least, most = bounds(n // group, line[at.START], line[at.LENGTH], line[at.PREFIX], window)
        integers(low)[lane], integers(end)[lane] = least, most
    least_end, most_end = integers(end)[0], integers(end)[count - 1]
    for part in range(2 if window else 1):
        begin = integers(low)[0] if part else 0
        stop = line[at.PREFIX] if window and not part else most_end
        for j in range(begin, stop, TILE):
            rows = min(TILE, stop - j)
            some_keys, some_values = keys + 4 * j * job[at.K_T], values + 4 * j * job[at.V_T]
            multiply(rows, some_keys, job[at.K_T], 1, q_down, LANES, weights, LANES, depth, True)
            multiply(rows, some_values, job[at.V_T], 1, g_down, LANES, slopes_of, LANES, depth, True)
            if (part or not window) and (j + rows > least_end or (window and j < integers(low)[count - 1])):
                hide(weights, rows, j, low, end)
            slopes(weights, slopes_of, rows, lse, delta)
            for d in range(0, width, LANES):
                to = sums + 4 * (j * width + d)
                multiply(rows, weights, LANES, 1, g_along + 4 * d, width, job[at.DV] + to, width, count, False)
                multiply(rows, slopes_of, LANES, 1, q_along + 4 * d, width, job[at.DK] + to, width, count, False)
            multiply(depth, some_keys, 1, job[at.K_T], slopes_of, LANES, dq_down, LANES, rows, False)
    for lane in range(count):
        n = first + lane
        to = floats(slope + 4 * ((n // group) * job[at.OUT_T] + (n % group) * job[at.OUT_H]))
        for d in range(depth):
            to[d] = floats(dq_down)[d * LANES + lane] * scale


@njit
def backward(header):
    """What every thread runs: rows and key heads, until none is left."""
    job = longs(header)
    rank = call(job[at.RANK]) if job[at.THREADS] > 1 else 0
    mine = job[at.SCRATCH] + 4 * rank * job[at.PER_THREAD]
    while True:
        item = take(job[at.COUNTER])
        if item >= job[at.ITEMS]:
            break
        line = longs(job[at.RUNS] + 8 * (item // job[at.KEY_HEADS]) * at.COLUMNS)
        blocks = (line[at.QUERIES] * job[at.GROUP] + LANES - 1) // LANES
        for block in range(blocks):
            differentiate(job, line, item % job[at.KEY_HEADS], block, mine)
