"""The compiled function: runs a program of operations over the states of one step, on a few threads.

Everything is float32 but the weights, and is read where torch keeps it: the function gets addresses, never copies. The
threads are OpenMP's own (those torch uses), so the barriers are those of one team.
"""
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from numba import carray, cfunc, njit, types
from numba.core.caching import FunctionCache

from valle_kit import addresses
from valle_kit.addresses import call, floats, longs
from valle_kit.stepping import layout as at
from valle_kit.stepping.attention import head
from valle_kit.stepping.plain import gate, gated_norm, norm
from valle_kit.stepping.products import product, share
from valle_kit.stepping.recurrent import convolve, retain, scan


@njit
def _number(address):
    return floats(address)[0]


@njit
def _held(tables, m, layer, which):
    """A number of a layer of the row's cache."""
    return longs(tables[m])[at.PER_LAYER * layer + which]


@njit
def _attend(job, a, tables, lengths, turns, rank, threads, mine):
    layer, qkv, row, heads, kv_heads, width, mixed, mixed_row, turned, by_heads = a[1:11]
    whole = job[at.ROWS] * kv_heads
    first, last = (0, whole) if by_heads else share(whole, 1, rank, threads)
    mine_first, mine_last = share(kv_heads, 1, rank, threads)
    for pair in range(first, last):
        m, kv = pair // kv_heads, pair % kv_heads
        if by_heads and not mine_first <= kv < mine_last:
            continue
        place = kv * _held(tables, m, layer, 2) * width * 4
        rotation = job[at.PLACES] + 4 * turns[m] * width if turned else 0
        keys, values = _held(tables, m, layer, 0) + place, _held(tables, m, layer, 1) + place
        head(
            qkv + 4 * m * row, heads, kv_heads, width, kv, keys, values, lengths[m], rotation, mine,
            mixed + 4 * m * mixed_row,
        )  # fmt: skip


@njit
def _retain(job, a, tables, turns, rank, threads, mine):
    layer, q, k, v, row, heads, key_width, width, gamma, epsilon, y, y_row = a[1:13]
    pairs = job[at.ROWS] * heads
    first, last = share(pairs, 1, rank, threads)
    per_place = 2 * key_width + heads
    for pair in range(first, last):
        m, h = pair // heads, pair % heads
        place = job[at.PLACES] + 4 * turns[m] * per_place
        mass = _number(place + 4 * (2 * key_width + h))
        state = _held(tables, m, layer, 0) + 4 * h * key_width * (width + 1)
        here = 4 * (m * row + h * key_width)
        retain(
            q + here, k + here, v + 4 * (m * row + h * width), key_width, width, place, _number(gamma + 4 * h), mass,
            _number(epsilon), state, mine, y + 4 * (m * y_row + h * width),
        )  # fmt: skip


@njit
def _convolve(job, a, tables, rank, threads):
    layer, x, row, taps, bias, size, channels, y, y_row = a[1:10]
    first, last = share(channels, 16, rank, threads)
    for m in range(job[at.ROWS]):
        before = _held(tables, m, layer, 0)
        convolve(x + 4 * m * row, taps, bias, before, size, channels, first, last, y + 4 * m * y_row)


@njit
def _scan(job, a, tables, rank, threads):
    layer, x, row, heads, width, groups, states, delta, delta_row, bias, decay, skip, limits, y, y_row = a[1:16]
    pairs = job[at.ROWS] * heads
    first, last = share(pairs, 1, rank, threads)
    per_group = heads // groups
    stride = per_group * width
    for pair in range(first, last):
        m, h = pair // heads, pair % heads
        group = h // per_group
        step = _number(delta + 4 * (m * delta_row + h)) + _number(bias + 4 * h)
        step = max(step, np.float32(0.0)) + np.float32(math.log1p(math.exp(-abs(step))))  # softplus
        step = min(max(step, _number(limits)), _number(limits + 4))
        b = x + 4 * (m * row + heads * width + group * states)
        state = _held(tables, m, layer, 1) + 4 * (group * states * stride + (h % per_group) * width)
        by = -np.float32(math.exp(_number(decay + 4 * h)))
        scan(
            x + 4 * (m * row + h * width), b, b + 4 * groups * states, step, by,
            _number(skip + 4 * h), width, states, state, stride, y + 4 * (m * y_row + h * width),
        )  # fmt: skip


@njit
def _place(job, a, turns, rank, threads):
    h, row, width, scale = a[1:5]
    first, last = share(width, 16, rank, threads)
    by = _number(scale)
    for m in range(job[at.ROWS]):
        to = carray(floats(h + 4 * m * row), (width,))
        table = carray(floats(job[at.PLACES] + 4 * turns[m] * width), (width,))
        for j in range(first, last):
            to[j] += by * table[j]


@njit
def run(header):
    """Every thread of the team calls it with the same job."""
    job = carray(longs(header), (at.SLOTS,))
    # OpenMP may give fewer threads than asked for (OMP_THREAD_LIMIT, a parallel region around this one).
    threads = call(job[at.COUNT]) if job[at.THREADS] > 1 else 1
    rank = call(job[at.RANK]) if threads > 1 else 0
    rows = job[at.ROWS]
    mine = job[at.MINE] + 4 * rank * job[at.PRIVATE]
    tables, lengths = carray(longs(job[at.CACHE]), (rows,)), carray(longs(job[at.LENGTHS]), (rows,))
    turns = carray(longs(job[at.TURNS]), (rows,))
    for index in range(job[at.FIRST], job[at.LAST]):
        a = carray(longs(job[at.PROGRAM] + 8 * at.OP * index), (at.OP,))
        code = a[0]
        if code == at.WAIT:
            if threads > 1:
                call(job[at.BARRIER])
        elif code == at.PRODUCT:
            kind, weight, step, scale, bias, x, x_row, private, depth, y, y_row, n, unit, add = a[1:15]
            first, last = share(n, unit, rank, threads)
            product(
                kind, weight, step, scale, bias, x + 4 * rank * private, x_row, depth, rows, y, y_row, first, last,
                add,
            )  # fmt: skip
        elif code == at.NORM:
            kind, x, x_row, width, weight, bias, epsilon, y, y_row, private = a[1:11]
            to = y + 4 * rank * private
            if private or rank == 0:
                norm(kind, x, x_row, rows, width, weight, bias, _number(epsilon), to, y_row)
        elif code == at.GATE:
            kind, x, x_row, y, y_row, n, unit = a[1:8]
            first, last = share(n, unit, rank, threads)
            gate(kind, x, x_row, y, y_row, rows, first, last)
        elif code == at.ATTEND:
            _attend(job, a, tables, lengths, turns, rank, threads, mine)
        elif code == at.RETAIN:
            _retain(job, a, tables, turns, rank, threads, mine)
        elif code == at.CONVOLVE:
            _convolve(job, a, tables, rank, threads)
        elif code == at.SCAN:
            _scan(job, a, tables, rank, threads)
        elif code == at.GATED_NORM:
            x, x_row, z, z_row, groups, width, weight, epsilon, y, y_row, private = a[1:12]
            to = y + 4 * rank * private
            gated_norm(x, z, x_row, z_row, rows, groups, width, weight, _number(epsilon), to, y_row)
        elif code == at.PLACE:
            _place(job, a, turns, rank, threads)


def _stamped(stamp: int) -> Callable:
    # What a function closes over is part of the name under which numba keeps it.
    def step(header):
        if stamp >= 0:
            run(header)

    return step


def _stamp() -> int:
    """A number of the source compiled: numba itself would notice changes of this file alone."""
    digest = hashlib.sha256()
    for path in (*sorted(Path(__file__).parent.glob("*.py")), Path(addresses.__file__)):
        digest.update(path.read_bytes())
    return int.from_bytes(digest.digest()[:4], "big")


def is_kept() -> bool:
    """Whether numba finds the compiled function of this source on the disk."""
    try:
        folder = Path(FunctionCache(_stamped(_stamp())).cache_path)
    except RuntimeError:  # nowhere to keep it
        return False
    return (folder / f"kernel-{_stamp()}.kept").exists()


def is_ready() -> bool:
    """Whether `compiled` compiles nothing any more."""
    return compiled.cache_info().currsize > 0 or is_kept()


@cache
def compiled():
    """The function as `void step(int64_t job)`. Numba keeps it on disk; without that it takes some ten seconds."""
    function = _stamped(_stamp())
    signature = types.void(types.int64)
    try:
        made = cfunc(signature, cache=True)(function)
    except RuntimeError:  # nowhere to keep it
        return cfunc(signature)(function)
    (Path(FunctionCache(function).cache_path) / f"kernel-{_stamp()}.kept").touch()
    return made
