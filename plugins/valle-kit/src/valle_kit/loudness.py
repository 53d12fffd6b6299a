"""Integrated loudness of mono audio after ITU-R BS.1770-4, and the gain that brings it to a target."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from jaxtyping import Complex, Float

GATE = -70.0
"""LUFS below which a block counts for nothing (BS.1770-4, annex 1)."""

_BLOCK, _STEP = 0.4, 0.1  # seconds: blocks overlap by 75 %
_RELATIVE = -10.0  # LU below the loudness of the blocks above the absolute gate
_OFFSET = -0.691

_TABLES_RATE = 48_000
_SHELF = (
    (1.53512485958697, -2.69169618940638, 1.19839281085285),
    (1.0, -1.69065929318241, 0.73248077421585),
)
"""Table 1, the head as a sphere: numerator and denominator at 48 kHz."""

_HIGH_PASS = ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621))
"""Table 2, the revised low-frequency B curve."""

SEGMENT_SECONDS = 30
"""What is filtered at once: memory does not grow with the length of a recording."""

_DECAY = 0.5  # seconds after which the filters' answer to an impulse is below 1e-15


def integrated_loudness(wav: Float[np.ndarray, "N"], rate: int) -> float:
    """LUFS of mono samples in [−1, 1]; −∞ where nothing is above the gate. A full-scale sine of 997 Hz has −3.01.

    Audio shorter than a block of 400 ms is one block, which the recommendation leaves open.
    """
    if not len(wav):
        return -math.inf
    size, step = min(round(_BLOCK * rate), len(wav)), round(_STEP * rate)
    summed = np.concatenate([[0.0], np.cumsum(np.square(k_weighted(wav, rate)))])
    begins = np.arange(0, len(wav) - size + 1, step)
    power = (summed[begins + size] - summed[begins]) / size
    power = power[power > 10 ** ((GATE - _OFFSET) / 10)]
    if not len(power):
        return -math.inf
    power = power[power > power.mean() * 10 ** (_RELATIVE / 10)]
    return _OFFSET + 10 * math.log10(power.mean())


def loudness_gain(wav: Float[np.ndarray, "N"], rate: int, *, target: float) -> tuple[float, bool] | None:
    """Decibels that bring audio to `target` LUFS, and whether they are fewer than that so that no sample passes ±1.

    None where the audio is below the gate: silence has no loudness to change.
    """
    loudness = integrated_loudness(wav, rate)
    if loudness == -math.inf:
        return None
    wanted = target - loudness
    room = -20 * math.log10(float(np.abs(wav).max()))
    return min(wanted, room), wanted > room


def at_loudness(wav: Float[np.ndarray, "N"], rate: int, *, target: float) -> Float[np.ndarray, "N"]:
    """The sound at `target` LUFS, or as near as a peak of 1 allows; silence stays as it is."""
    found = loudness_gain(wav, rate, target=target)
    return wav if found is None else wav * wav.dtype.type(10 ** (found[0] / 20))


def k_weighted(wav: Float[np.ndarray, "N"], rate: int) -> Float[np.ndarray, "N"]:
    """The samples as the recommendation's two filters leave them, in float64.

    The filters are given at 48 kHz; at another rate each frequency is changed as it is there, by way of the spectrum.
    Long audio is filtered in segments that reach over each other by more than the filters remember.
    """
    segment, lead = round(SEGMENT_SECONDS * rate), round(_DECAY * rate)
    done = np.empty(len(wav))
    for start in range(0, len(wav), segment):
        first = max(start - lead, 0)
        part = wav[first : start + segment + lead].astype(np.float64)
        size = 1 << (len(part) + lead - 1).bit_length()
        filtered = np.fft.irfft(np.fft.rfft(part, size) * _response(size, rate), size)
        done[start : start + segment] = filtered[start - first : start - first + segment][: len(wav) - start]
    return done


@lru_cache(maxsize=8)  # sizes are powers of two, so recordings of a corpus share a few; computing one takes 15 ms
def _response(size: int, rate: int) -> Complex[np.ndarray, "n"]:
    """What the filters do to each frequency of a spectrum of `size` samples."""
    hertz = np.minimum(np.fft.rfftfreq(size, 1 / rate), _TABLES_RATE / 2)
    turn = np.exp(-2j * np.pi * hertz / _TABLES_RATE)
    response = np.ones(len(turn), np.complex128)
    for numerator, denominator in (_SHELF, _HIGH_PASS):
        response *= np.polyval(numerator[::-1], turn) / np.polyval(denominator[::-1], turn)
    return response
