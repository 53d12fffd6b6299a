"""Where a job and its program keep what the compiled function reads: numbers of int64, addresses among them."""

from __future__ import annotations

# Slots of a job.
(
    ROWS, THREADS, BARRIER, RANK, COUNT, PROGRAM, FIRST, LAST, MINE, PRIVATE, LINES, LENGTHS, CACHE, PLACES, TURNS,
    SLOTS,
) = range(16)  # fmt: skip
# Operations FIRST … LAST − 1 are run for ROWS states. State m belongs to line LINES[m] of the cache, which holds
# LENGTHS[m] positions. CACHE has PER_LAYER numbers for each layer. PLACES[TURNS[m]] is what depends on the position.

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
