"""Loudness of a recording."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True, kw_only=True, slots=True)
class Levels:
    """What can be told from the samples.

    Attributes:
        seconds: duration.
        peak: largest magnitude, in dB relative to full scale; silence counts as −120.
        rms: root mean square, the same way.
        clipped: share of samples at full scale.
    """

    seconds: float
    peak: float
    rms: float
    clipped: float


def measure(wav: Float[np.ndarray, "N"], sample_rate: int) -> Levels:
    """Of a sound that holds at least one sample."""
    magnitude = np.abs(wav.astype(np.float64))
    return Levels(
        seconds=len(wav) / sample_rate,
        peak=_decibels(float(magnitude.max())),
        rms=_decibels(float(np.sqrt(np.mean(magnitude**2)))),
        clipped=float(np.mean(magnitude >= 0.999)),
    )


def _decibels(magnitude: float) -> float:
    return 20 * math.log10(max(magnitude, 1e-6))
