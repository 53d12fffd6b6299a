"""Counter-based random numbers: pure functions of (seed, step, salt), equal on every device at every batch size.

The mixing function is the finaliser of SplitMix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number
generators"), computed in int64, whose products wrap around like unsigned ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor


def _signed(value: int) -> int:
    """The int64 with the bits of an unsigned 64-bit number."""
    return value - (1 << 64) if value >= 1 << 63 else value


_GOLDEN = _signed(0x9E3779B97F4A7C15)
_FIRST = _signed(0xBF58476D1CE4E5B9)
_SECOND = _signed(0x94D049BB133111EB)


def mix(x: Int[Tensor, "*S"]) -> Int[Tensor, "*S"]:
    """A bijection of int64 whose output bits each depend on all input bits."""
    x = (x ^ _shifted(x, 30)) * _FIRST
    x = (x ^ _shifted(x, 27)) * _SECOND
    return x ^ _shifted(x, 31)


def _shifted(x: Int[Tensor, "*S"], bits: int) -> Int[Tensor, "*S"]:
    """Logical right shift; the one of int64 tensors repeats the sign."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def row_seeds(seed: int, rows: Sequence[int] | Int[Tensor, "B"], *, device: torch.device | str) -> Int[Tensor, "B"]:
    """One seed per row from the user's seed and the row's id, so that a row keeps its numbers in every batch."""
    ids = torch.as_tensor(rows, dtype=torch.int64, device=device)
    return mix(mix(ids.new_tensor(_signed(seed % (1 << 64)))) + (ids + 1) * _GOLDEN)


def uniform(seeds: Int[Tensor, "*S"], steps: Int[Tensor, "*S"], salt: int = 0) -> Float[Tensor, "*S"]:
    """One float64 in (0, 1) per row with 52 random bits; both are broadcast."""
    bits = mix(seeds + steps * _GOLDEN + _signed(((salt + 1) * 0xD1342543DE82EF95) % (1 << 64)))
    return ((bits >> 12) & ((1 << 52) - 1)).double().add(0.5).mul(2.0**-52)
