"""Recurrent states moved on by one position: retention, the short convolution and the scan of Mamba-2."""
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

from __future__ import annotations

import math

import numpy as np
from numba import carray, njit

from valle_kit.addresses import floats
from valle_kit.stepping.plain import FAST, exponential


@njit(fastmath=FAST)
def retain(q, k, v, key_width, width, turn, gamma, mass, epsilon, state, mine, y):
    """One head of one row (Sun et al. 2023, arXiv 2307.08621, eq. 6), normed as torchscale does.

    `turn` holds cosines and sines of neighbouring pairs, of the query and then of the (scaled) key; the state is
    [key_width, width + 1], its last column the sum of the keys. All but sizes and scalars are addresses.
    """
    scratch = carray(floats(mine), (2 * key_width + width + 1,))
    a, b, out = scratch[:key_width], scratch[key_width : 2 * key_width], scratch[2 * key_width :]
    pairs = carray(floats(turn), (2 * key_width,))
    given_q, given_k = carray(floats(q), (key_width,)), carray(floats(k), (key_width,))
    values = carray(floats(v), (width,))
    for i in range(0, key_width, 2):
        cos, sin = pairs[i], pairs[i + 1]
        a[i] = given_q[i] * cos - given_q[i + 1] * sin
        a[i + 1] = given_q[i + 1] * cos + given_q[i] * sin
        cos, sin = pairs[key_width + i], pairs[key_width + i + 1]
        b[i] = given_k[i] * cos - given_k[i + 1] * sin
        b[i + 1] = given_k[i + 1] * cos + given_k[i] * sin
    for j in range(width + 1):
        out[j] = np.float32(0.0)
    for i in range(key_width):
        line = carray(floats(state + 4 * i * (width + 1)), (width + 1,))
        for j in range(width):
            line[j] = line[j] * gamma + b[i] * values[j]
            out[j] += a[i] * line[j]
        line[width] = line[width] * gamma + b[i]
        out[width] += a[i] * line[width]
    square = np.float32(0.0)
    for j in range(width):
        square += out[j] * out[j]
    floor = max(mass, out[width] * out[width])
    scale = np.float32(1.0) / np.float32(math.sqrt(square / np.float32(width) + epsilon * floor))
    found = carray(floats(y), (width,))
    for j in range(width):
        found[j] = out[j] * scale


@njit(fastmath=FAST)
def convolve(x, taps, bias, before, size, channels, first, last, y):
    """SiLU of a causal convolution of `size` taps at one position of channels first … last − 1.

    `taps` [channels, size]; `before` [size − 1, channels] are the last inputs, moved on in place. All addresses.
    """
    new, out = carray(floats(x), (last,)), carray(floats(y), (last,))
    weight = carray(floats(taps), (last * size,))
    for j in range(first, last):
        out[j] = new[j] * weight[j * size + size - 1]
    if bias:
        shift = carray(floats(bias), (last,))
        for j in range(first, last):
            out[j] += shift[j]
    for tap in range(size - 1):
        held = carray(floats(before + 4 * tap * channels), (last,))
        following = carray(floats(before + 4 * (tap + 1) * channels), (last,)) if tap + 2 < size else new
        for j in range(first, last):
            out[j] += held[j] * weight[j * size + tap]
            held[j] = following[j]
    for j in range(first, last):
        out[j] = out[j] / (np.float32(1.0) + exponential(-out[j]))


@njit(fastmath=FAST)
def scan(x, b, c, delta, decay, skip, width, states, state, stride, y):
    """One head of one row (Dao and Gu 2024, arXiv 2405.21060): h = e^(Δ A) h + Δ x bᵀ, y = h c + D x.

    The state's line n lies `stride` floats behind the line before. Vectors are addresses.
    """
    given, out = carray(floats(x), (width,)), carray(floats(y), (width,))
    keep = exponential(delta * decay)
    for j in range(width):
        out[j] = given[j] * skip
    for n in range(states):
        line = carray(floats(state + 4 * n * stride), (width,))
        grow, read = floats(b + 4 * n)[0] * delta, floats(c + 4 * n)[0]
        for j in range(width):
            line[j] = line[j] * keep + grow * given[j]
            out[j] += read * line[j]
