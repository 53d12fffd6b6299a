"""Matrices times the states of a step, shared out among threads by rows of the matrix."""
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

from __future__ import annotations

from numba import njit

from valle_kit.stepping.vectors import SINGLE, STATES, WHOLE, tile


def _product(kind: int):
    eight, four, one = tile(8, 1, kind), tile(4, 1, kind), tile(1, 1, kind)
    two, three, most = tile(4, 2, kind), tile(4, 3, kind), tile(4, STATES, kind)

    @njit
    def product(weight, step, scale, bias, x, x_row, depth, states, y, y_row, first, last, add):
        """y[m, first … last − 1] = weight[first … last − 1] · x[m] (or is added to y)."""
        row = first
        if states == 1:
            while row + 8 <= last:
                at = 4 * row
                eight(weight + row * step, step, x, 0, depth, 8 * step, scale + at, bias + at, y + at, 0, add)
                row += 8
        while row + 4 <= last:
            w, s, b, m, ahead = weight + row * step, scale + 4 * row, bias + 4 * row, 0, 4 * step
            while m < states:
                here, to = x + 4 * m * x_row, y + 4 * (m * y_row + row)
                left = states - m
                if left >= STATES:
                    most(w, step, here, x_row, depth, ahead, s, b, to, y_row, add)
                    m += STATES
                elif left >= 3:
                    three(w, step, here, x_row, depth, ahead, s, b, to, y_row, add)
                    m += 3
                elif left == 2:
                    two(w, step, here, x_row, depth, ahead, s, b, to, y_row, add)
                    m += 2
                else:
                    four(w, step, here, x_row, depth, ahead, s, b, to, y_row, add)
                    m += 1
            row += 4
        while row < last:
            w, s, b = weight + row * step, scale + 4 * row, bias + 4 * row
            for m in range(states):
                one(w, step, x + 4 * m * x_row, 0, depth, step, s, b, y + 4 * (m * y_row + row), 0, add)
            row += 1

    return product


single, whole = _product(SINGLE), _product(WHOLE)


@njit
def product(kind, weight, step, scale, bias, x, x_row, depth, states, y, y_row, first, last, add):
    """By the kind of the weights; see `_product`."""
    if kind == SINGLE:
        single(weight, step, scale, bias, x, x_row, depth, states, y, y_row, first, last, add)
    else:
        whole(weight, step, scale, bias, x, x_row, depth, states, y, y_row, first, last, add)


@njit
def share(n, unit, rank, threads):
    """This thread's half-open range of n, cut at multiples of `unit`."""
    blocks = (n + unit - 1) // unit
    return min(n, blocks * rank // threads * unit), min(n, blocks * (rank + 1) // threads * unit)
