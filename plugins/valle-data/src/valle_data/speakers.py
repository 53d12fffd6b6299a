"""A plain measure of how alike two voices are: the cosine of their mel-cepstral statistics.

It sees the average timbre and how much it moves, nothing of the rhythm or the pitch contour, and the recording
channel as much as the speaker. Use it to rank sounds of one kind of recording; it is no speaker verification.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from valle_core.audio.wav import resample
from valle_data.audio.spectrogram import log_mel

_RATE = 16_000
_COEFFICIENTS = 20
_BANDS = 40


def voice_statistics(wav: Float[np.ndarray, "N"], sample_rate: int) -> Float[np.ndarray, "S"]:
    """Means and standard deviations of mel-cepstra 1 … 19 over the frames within 40 dB of the loudest."""
    spectrum = log_mel(resample(np.asarray(wav, dtype=np.float32), sample_rate, _RATE), _RATE, bands=_BANDS)  # [M, T]
    energy = spectrum.mean(axis=0)
    spectrum = spectrum[:, energy >= energy.max() - 40]
    bands = np.arange(_BANDS) + 0.5
    basis = np.cos(np.pi / _BANDS * np.arange(1, _COEFFICIENTS)[:, None] * bands)  # DCT-II without the loudness
    cepstra = basis @ spectrum / _BANDS  # [C, T]
    return np.concatenate([cepstra.mean(axis=1), cepstra.std(axis=1)])


def voice_similarity(one: Float[np.ndarray, "N"], other: Float[np.ndarray, "M"], sample_rate: int) -> float:
    """Cosine of the two voices' statistics, −1 … 1; 1 for equal sounds. Only comparisons of it mean something."""
    a, b = voice_statistics(one, sample_rate), voice_statistics(other, sample_rate)
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))
