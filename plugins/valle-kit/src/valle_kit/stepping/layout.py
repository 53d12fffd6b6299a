"""Where a job and its program keep what the compiled function reads: numbers of int64, addresses among them."""

from __future__ import annotations

# Slots of a job.
(
    ROWS, THREADS, BARRIER, RANK, COUNT, PROGRAM, FIRST, LAST, MINE, PRIVATE, LENGTHS, CACHE, PLACES, TURNS, SLOTS,
) = range(15)  # fmt: skip
# Operations FIRST … LAST − 1 are run for ROWS states. State m goes on from LENGTHS[m] positions; CACHE[m] is the
# address of PER_LAYER numbers for each layer of its row's cache; PLACES[TURNS[m]] is what depends on the position.

PER_LAYER = 3

OP = 20
"""Numbers of an operation: its code, then its arguments."""

(
    WAIT, NORM, PRODUCT, GATE, ATTEND, RETAIN, CONVOLVE, SCAN, GATED_NORM, PLACE,
) = range(10)  # fmt: skip

RMS, LAYER = range(2)
"""Kinds of norm."""
SILU, GELU, GELU_TANH = range(3)
"""Activations."""
