"""Flash attention forward (Dao 2023, arXiv 2307.08691, algorithm 1) for one block of queries after the other."""
# pyright: reportCallIssue=false

from __future__ import annotations

import math

import numpy as np
from numba import njit

from valle_attention_cpu import job as at
from valle_attention_cpu.job import TILE, bounds, gather, multiply
from valle_attention_cpu.vectors import LANES, hide, scale_rows, soften, take
from valle_kit.addresses import call, floats, integers, longs

LOWEST = np.float32(-3e38)


def scratch(depth: int) -> int:
    """Floats a thread needs."""
    return LANES * (2 * depth + TILE + 5)


@njit
def find(job, item):
    """(run, key head, block) of a work item; the last blocks of a run, which see the most keys, come first."""
    table = longs(job[at.RUNS])
    run = 0
    while run + 1 < job[at.N_RUNS] and item >= table[(run + 1) * at.COLUMNS + at.BEFORE]:
        run += 1
    line = longs(job[at.RUNS] + 8 * run * at.COLUMNS)
    blocks = (line[at.QUERIES] * job[at.GROUP] + LANES - 1) // LANES
    inner = item - line[at.BEFORE]
    return line, inner % job[at.KEY_HEADS], blocks - 1 - inner // job[at.KEY_HEADS]


@njit
def attend(job, line, kv, block, mine):
    """Output and log-sum-exp of one block of queries."""
    group, depth, window = job[at.GROUP], job[at.DEPTH], job[at.WINDOW]
    first = block * LANES
    count = min(LANES, line[at.QUERIES] * group - first)
    queries = job[at.Q] + 4 * (line[at.ROW] * job[at.Q_B] + kv * group * job[at.Q_H] + line[at.FIRST_Q] * job[at.Q_T])
    keys = job[at.K] + 4 * (line[at.ROW] * job[at.K_B] + kv * job[at.K_H] + line[at.FIRST_K] * job[at.K_T])
    values = job[at.V] + 4 * (line[at.ROW] * job[at.V_B] + kv * job[at.V_H] + line[at.FIRST_K] * job[at.V_T])
    packed = mine
    sums = packed + 4 * LANES * depth
    tile = sums + 4 * LANES * depth
    top = tile + 4 * LANES * TILE
    total, fade, low, end = top + 4 * LANES, top + 8 * LANES, top + 12 * LANES, top + 16 * LANES
    gather(queries, job[at.Q_T], first, count, group, job[at.Q_H], depth, floats(job[at.SCALE])[0], packed)
    for i in range(depth * LANES):
        floats(sums)[i] = 0.0
    for lane in range(LANES):
        floats(top)[lane], floats(total)[lane] = LOWEST, 0.0
        query = (first + min(lane, count - 1)) // group
        least, most = bounds(query, line[at.START], line[at.LENGTH], line[at.PREFIX], window)
        integers(low)[lane], integers(end)[lane] = least, most
    least_end, most_end = integers(end)[0], integers(end)[count - 1]
    for part in range(2 if window else 1):
        # With a window: the prefix, which every query sees, then what lies in one of the windows.
        begin = integers(low)[0] if part else 0
        stop = line[at.PREFIX] if window and not part else most_end
        for j in range(begin, stop, TILE):
            rows = min(TILE, stop - j)
            multiply(rows, keys + 4 * j * job[at.K_T], job[at.K_T], 1, packed, LANES, tile, LANES, depth, True)
            if (part or not window) and (j + rows > least_end or (window and j < integers(low)[count - 1])):
                hide(tile, rows, j, low, end)
            soften(tile, rows, top, total, fade)
            scale_rows(sums, depth, fade)
            multiply(depth, values + 4 * j * job[at.V_T], 1, job[at.V_T], tile, LANES, sums, LANES, rows, False)
    out = job[at.OUT] + 4 * (
        line[at.ROW] * job[at.OUT_B] + kv * group * job[at.OUT_H] + line[at.FIRST_Q] * job[at.OUT_T]
    )
    lse = job[at.LSE] + 4 * (line[at.ROW] * job[at.LSE_B] + kv * group * job[at.LSE_H] + line[at.FIRST_Q])
    for lane in range(LANES):
        floats(fade)[lane] = np.float32(1.0) / floats(total)[lane] if lane < count else np.float32(0.0)
    scale_rows(sums, depth, fade)
    for lane in range(count):
        n = first + lane
        to = floats(out + 4 * ((n // group) * job[at.OUT_T] + (n % group) * job[at.OUT_H]))
        for d in range(depth):
            to[d] = floats(sums)[d * LANES + lane]
        floats(lse + 4 * ((n % group) * job[at.LSE_H] + n // group))[0] = floats(top)[lane] + np.float32(
            math.log(floats(total)[lane])
        )


@njit
def forward(header):
    """What every thread runs: blocks, until none is left."""
    job = longs(header)
    rank = call(job[at.RANK]) if job[at.THREADS] > 1 else 0
    mine = job[at.SCRATCH] + 4 * rank * job[at.PER_THREAD]
    while True:
        item = take(job[at.COUNTER])
        if item >= job[at.ITEMS]:
            break
        line, kv, block = find(job, item)
        attend(job, line, kv, block, mine)
