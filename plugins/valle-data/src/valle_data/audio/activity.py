"""Which parts of a recording are louder than its silence, by energy alone."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

FRAMES_PER_SECOND = 100

_FLOOR_DB = -70.0  # of full scale: digital silence and the last bits of a 16-bit recording
_LOUD_FRAMES = 20
_SHORTEST = 3  # frames; a click of a few samples is no speech


def speech_frames(wav: Float[np.ndarray, "N"], rate: int, *, below: float = 40.0) -> Bool[np.ndarray, "F"]:
    """Whether each 10 ms hold sound: F = ⌈N · 100 / rate⌉.

    A frame does when its power is less than `below` dB under that of the loud parts (the mean of the loudest 200 ms)
    and above −70 dB of full scale, in a run of at least 30 ms. An offset is no sound. Steady noise louder than
    that is sound: this tells silence from sound, not noise from speech.
    """
    size = rate / FRAMES_PER_SECOND
    F = int(np.ceil(len(wav) / size)) if len(wav) else 0
    if F == 0:
        return np.zeros(0, bool)
    edges = np.minimum(np.round(np.arange(F + 1) * size), len(wav)).astype(np.int64)
    samples = np.maximum(np.diff(edges), 1)
    mean = np.add.reduceat(wav.astype(np.float64), edges[:-1]) / samples
    power = np.add.reduceat(np.square(wav - np.repeat(mean, np.diff(edges))), edges[:-1]) / samples
    loud = np.sort(power)[-_LOUD_FRAMES:].mean()
    return _long_enough(power > max(loud * 10 ** (-below / 10), 10 ** (_FLOOR_DB / 10)))


def speech_span(active: Bool[np.ndarray, "F"], samples: int, rate: int, *, keep: float) -> tuple[int, int]:
    """First and last sample (exclusive) of the sound, with `keep` seconds of what is around it; all if none is."""
    places = np.flatnonzero(active)
    if not len(places):
        return 0, samples
    size = rate / FRAMES_PER_SECOND
    first = round(places[0] * size - keep * rate)
    last = round((places[-1] + 1) * size + keep * rate)
    return max(first, 0), min(last, samples)


def _long_enough(active: Bool[np.ndarray, "F"]) -> Bool[np.ndarray, "F"]:
    """The same without runs that are shorter than `_SHORTEST`."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], active, [False]]).astype(np.int8)))
    kept = np.zeros_like(active)
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        kept[begin:end] = end - begin >= min(_SHORTEST, len(active))
    return kept
