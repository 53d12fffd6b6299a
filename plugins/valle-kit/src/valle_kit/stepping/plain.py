"""Norms and activations of a few states, in loops that become vector code."""
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

from __future__ import annotations

import math

import numpy as np
from numba import carray, njit

from valle_kit.addresses import floats, power_of_two
from valle_kit.stepping.layout import GELU, GELU_TANH, RMS, SILU

FAST = {"reassoc", "contract", "nsz", "arcp", "afn"}
"""Rounding may differ in order, but a NaN or an infinity stays one."""

ONE, HALF = np.float32(1.0), np.float32(0.5)


@njit(fastmath=FAST, inline="always")
def exponential(x):
    """e^x to 2 ulp in plain arithmetic, so that loops over it become vector code (libm's does not)."""
    x = min(max(x, np.float32(-87.0)), np.float32(88.0))
    n = math.floor(x * np.float32(1.4426950408889634) + HALF)
    r = (x - n * np.float32(0.693359375)) + n * np.float32(2.12194440e-4)  # ln 2 in two parts
    p = np.float32(1.9875691500e-4)
    p = p * r + np.float32(1.3981999507e-3)
    p = p * r + np.float32(8.3334519073e-3)
    p = p * r + np.float32(4.1665795894e-2)
    p = p * r + np.float32(1.6666665459e-1)
    p = p * r + np.float32(5.0000001201e-1)
    return (p * r * r + r + ONE) * power_of_two(np.int32(n))


@njit(fastmath=FAST)
def norm(kind, x, x_row, states, width, weight, bias, epsilon, y, y_row):
    """RMS norm, or layer norm with a bias, of each state; everything but sizes and epsilon is an address."""
    w = carray(floats(weight), (width,))
    for m in range(states):
        a = carray(floats(x + 4 * m * x_row), (width,))
        b = carray(floats(y + 4 * m * y_row), (width,))
        if kind == RMS:
            total = np.float32(0.0)
            for j in range(width):
                total += a[j] * a[j]
            scale = ONE / np.float32(math.sqrt(total / np.float32(width) + epsilon))
            for j in range(width):
                b[j] = a[j] * scale * w[j]
        else:
            c = carray(floats(bias), (width,))
            total = np.float32(0.0)
            for j in range(width):
                total += a[j]
            mean = total / np.float32(width)
            square = np.float32(0.0)
            for j in range(width):
                square += (a[j] - mean) * (a[j] - mean)
            scale = ONE / np.float32(math.sqrt(square / np.float32(width) + epsilon))
            for j in range(width):
                b[j] = (a[j] - mean) * scale * w[j] + c[j]


@njit(fastmath=FAST)
def gated_norm(x, z, x_row, z_row, states, groups, width, weight, epsilon, y, y_row):
    """RMS norm of x · SiLU(z) within each group of `width` channels."""
    w = carray(floats(weight), (groups * width,))
    for m in range(states):
        a = carray(floats(x + 4 * m * x_row), (groups * width,))
        g = carray(floats(z + 4 * m * z_row), (groups * width,))
        b = carray(floats(y + 4 * m * y_row), (groups * width,))
        for group in range(groups):
            total = np.float32(0.0)
            for j in range(group * width, (group + 1) * width):
                b[j] = a[j] * (g[j] / (ONE + exponential(-g[j])))
                total += b[j] * b[j]
            scale = ONE / np.float32(math.sqrt(total / np.float32(width) + epsilon))
            for j in range(group * width, (group + 1) * width):
                b[j] = b[j] * scale * w[j]


@njit(fastmath=FAST)
def gate(kind, a, a_row, b, b_row, states, first, last):
    """a = activation(a) · b in channels first … last − 1; without b (address 0) only the activation."""
    for m in range(states):
        x = carray(floats(a + 4 * m * a_row), (last,))
        if kind == SILU:
            for j in range(first, last):
                x[j] = x[j] / (ONE + exponential(-x[j]))
        elif kind == GELU_TANH:
            for j in range(first, last):
                inner = np.float32(1.5957691216057308) * (x[j] + np.float32(0.044715) * x[j] * x[j] * x[j])
                x[j] = x[j] / (ONE + exponential(-inner))
        elif kind == GELU:
            for j in range(first, last):
                x[j] = x[j] * HALF * (ONE + np.float32(math.erf(x[j] * np.float32(0.7071067811865476))))
        if b:
            y = carray(floats(b + 4 * m * b_row), (last,))
            for j in range(first, last):
                x[j] = x[j] * y[j]
