"""Waveforms as pocketsphinx takes them, and where in them somebody speaks."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pocketsphinx
from jaxtyping import Float

RATE = 16_000
FRAME = 0.03
"""Seconds that are judged at once: speech or not."""

_PEAK = 0.5
_SILENT = 1e-3
"""Loudest sample of a sound that is not listened to: −60 dB of full scale."""
_DITHER = 1e-3
"""Of full scale. Digital silence has no log energy, which cost synthetic voices up to 40 % of their words."""
_FAINT = 0.02
"""Loudest sample of a levelled stretch that is no speech: the detector takes the first frames of silence for some."""
_AROUND = 0.15
"""Seconds before and after speech that are transcribed too."""
_SHORTEST = 0.09
"""Seconds of speech that a stretch needs."""


def levelled(wav: Float[np.ndarray, "N"]) -> Float[np.ndarray, "N"]:
    """The same sound with its loudest sample at half of full scale; nothing where it is silent."""
    wav = np.nan_to_num(np.asarray(wav, dtype=np.float32))
    peak = float(np.abs(wav).max(initial=0.0))
    return wav[:0] if peak < _SILENT else wav * np.float32(_PEAK / peak)


def samples(wav: Float[np.ndarray, "N"]) -> bytes:
    """16-bit samples with a little noise, the same for the same sound."""
    noise = np.random.default_rng(0).normal(scale=_DITHER, size=len(wav))
    return (np.clip(wav + noise, -1, 1) * 32767).astype(np.int16).tobytes()


def stretches(wav: Float[np.ndarray, "N"], pause: float) -> list[tuple[int, int]]:
    """Samples from … to where somebody speaks, with `pause` seconds of something else between two of them."""
    detector = pocketsphinx.Vad(mode=pocketsphinx.Vad.MEDIUM_LOOSE, sample_rate=RATE, frame_length=FRAME)
    size = detector.frame_bytes // 2
    pcm = samples(wav)
    speech = [
        bool(detector.is_speech(pcm[2 * start : 2 * (start + size)])) for start in range(0, len(wav) - size + 1, size)
    ]
    runs: list[tuple[int, int]] = []
    frame = 0
    for on, run in groupby(speech):
        count = len(list(run))
        if on and runs and (frame - runs[-1][1]) * size < pause * RATE:
            runs[-1] = (runs[-1][0], frame + count)
        elif on:
            runs.append((frame, frame + count))
        frame += count
    around = min(round(_AROUND * RATE), int(pause * RATE) // 2)
    return [
        (max(start * size - around, 0), min(end * size + around, len(wav)))
        for start, end in runs
        if (end - start) * size >= _SHORTEST * RATE and np.abs(wav[start * size : end * size]).max() > _FAINT
    ]
