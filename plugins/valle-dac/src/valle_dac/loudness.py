"""Loudness of a sound in LUFS (ITU-R BS.1770-4), and a gain that brings it to another."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

SEGMENT_SECONDS, LEAD_SECONDS = 30, 1
BLOCK_SECONDS, STEP_SECONDS = 0.4, 0.1


def _response(frequencies: Float[Tensor, "K"], sample_rate: int) -> Tensor:
    """Magnitude response of the K-weighting: a high shelf (head) and a high-pass (RLB), as analogue prototypes
    bent to the sample rate; at 48 kHz they are the filters of the recommendation."""
    z = torch.polar(torch.ones_like(frequencies), -2 * math.pi * frequencies / sample_rate)

    def biquad(b: tuple[float, float, float], a: tuple[float, float, float]) -> Tensor:
        return (b[0] + b[1] * z + b[2] * z**2) / (a[0] + a[1] * z + a[2] * z**2)

    gain, k, q = 10 ** (3.999843853973347 / 20), math.tan(math.pi * 1681.974450955533 / sample_rate), 0.7071752369554196
    middle = gain**0.4996667741545416
    shelf = biquad(
        (gain + middle * k / q + k * k, 2 * (k * k - gain), gain - middle * k / q + k * k),
        (1 + k / q + k * k, 2 * (k * k - 1), 1 - k / q + k * k),
    )
    k, q = math.tan(math.pi * 38.13547087602444 / sample_rate), 0.5003270373238773
    high_pass = biquad((1.0, -2.0, 1.0), (1 + k / q + k * k, 2 * (k * k - 1), 1 - k / q + k * k))
    # The recommendation does not divide the high-pass's numerator, only its denominator.
    return shelf * high_pass * (1 + k / q + k * k)


def weighted(wav: Float[Tensor, "n"], sample_rate: int) -> Float[Tensor, "n"]:
    """K-weighted sound, segment by segment with a lead that the filters forget."""
    size, lead = SEGMENT_SECONDS * sample_rate, LEAD_SECONDS * sample_rate
    done = []
    for start in range(0, len(wav), size):
        first = max(start - lead, 0)
        part = wav[first : start + size].double()
        padded = len(part) + lead  # the tail that would wrap around
        response = _response(torch.fft.rfftfreq(padded, 1 / sample_rate, dtype=torch.float64), sample_rate)
        filtered = torch.fft.irfft(torch.fft.rfft(part, padded) * response.to(wav.device), padded)
        done.append(filtered[start - first : len(part)].float())
    return torch.cat(done)


def integrated_loudness(wav: Float[Tensor, "n"], sample_rate: int) -> float:
    """LUFS with both gates; −inf for silence. What is shorter than a block of 0.4 s is one block."""
    squares = weighted(wav, sample_rate).square()
    block, step = round(BLOCK_SECONDS * sample_rate), round(STEP_SECONDS * sample_rate)
    power = (squares.unfold(0, block, step).mean(-1) if len(wav) >= block else squares.mean()[None]).double()
    power = power[_lufs(power) > -70]
    if not len(power):
        return -math.inf
    return float(_lufs(power[_lufs(power) > _lufs(power.mean()) - 10].mean()))


def _lufs(power: Tensor) -> Tensor:
    return -0.691 + 10 * power.log10()


def brought_to(wav: Float[Tensor, "n"], target: float, sample_rate: int) -> Float[Tensor, "n"]:
    """The sound at `target` LUFS, or as near as its peak of 1 allows; silence stays."""
    loudness = integrated_loudness(wav, sample_rate)
    if not math.isfinite(loudness):
        return wav
    gain = 10 ** ((target - loudness) / 20)
    return wav * min(gain, 1 / max(float(wav.abs().max()), 1e-9))
