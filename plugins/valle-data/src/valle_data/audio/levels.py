"""How loud two sounds are beside each other, and their sum at a ratio asked for."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

FRAME_SECONDS = 0.02
ACTIVE_DB = 40.0
PEAK = 0.99


def active_samples(wav: Float[Tensor, "N"], sample_rate: int) -> Bool[Tensor, "N"]:
    """Samples that count for the level of a sound: pauses between words must not make speech quieter.

    A sample is active where the root mean square of its frame of 20 ms (frames counted from the first sample, the
    last may be shorter) is above 0 and at most 40 dB below that of the loudest frame.
    """
    size = max(round(FRAME_SECONDS * sample_rate), 1)
    N = len(wav)
    if N == 0:
        return torch.zeros(0, dtype=torch.bool)
    power = wav.new_zeros(-(-N // size) * size, dtype=torch.float64)
    power[:N] = wav.double().square()
    sizes = torch.full((len(power) // size,), size, dtype=torch.float64)
    sizes[-1] = N - (len(sizes) - 1) * size
    power = power.view(-1, size).sum(1) / sizes  # [frames]
    active = (power > 0) & (power >= power.max() * 10 ** (-ACTIVE_DB / 10))
    return active.repeat_interleave(size)[:N]


def active_level(wav: Float[Tensor, "N"], sample_rate: int) -> float:
    """Root mean square over the active samples; 0 for silence and for no samples."""
    active = active_samples(wav, sample_rate)
    return math.sqrt(float(wav[active].double().square().mean())) if bool(active.any()) else 0.0


def mix_waves(a: Float[Tensor, "N"], b: Float[Tensor, "M"], db: float, sample_rate: int) -> Float[Tensor, "N"]:
    """a + g · b with 20 log₁₀(level(a) / level(g · b)) = db, where `level` is `active_level` and b, repeated from its
    start or cut, is as long as a.

    Where a peak would pass 0.99, the sum is scaled down to it, which leaves the ratio as it is. Silence has no level:
    if either is silent, or b has no samples, the result is a.
    """
    if len(a) == 0 or len(b) == 0:
        return a.clone()
    fitted = b.repeat(-(-len(a) // len(b)))[: len(a)].double()
    level_a, level_b = active_level(a, sample_rate), active_level(fitted, sample_rate)
    mixed = a.double()
    if level_a > 0 and level_b > 0:
        mixed = mixed + fitted * (level_a / level_b * 10 ** (-db / 20))
    peak = float(mixed.abs().max())
    return (mixed * min(1.0, PEAK / peak) if peak > PEAK else mixed).float()
