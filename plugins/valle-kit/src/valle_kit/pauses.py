"""Where speech pauses: levels over time, and the quietest place to cut at."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from valle_core.types import PromptRange

HOP = 0.01
"""Seconds between two levels."""

_SMOOTH = 0.1  # seconds over which a level is averaged
_PAUSE = 0.25  # seconds of quiet that make a pause
_EARLIEST = 0.6  # part of the longest trained prompt after which a pause to cut at is looked for


def levels(wav: Float[np.ndarray, "N"], rate: int) -> Float[np.ndarray, "F"]:
    """Decibels of full scale every 10 ms, averaged over 0.1 s; −120 for digital silence."""
    hop = round(HOP * rate)
    frames = max(len(wav) // hop, 1)
    power = np.square(np.resize(wav[: frames * hop], frames * hop).astype(np.float64)).reshape(frames, hop).mean(1)
    width = min(round(_SMOOTH / HOP), frames)
    smooth = np.convolve(power, np.full(width, 1 / width), mode="same")
    return 10 * np.log10(smooth + 1e-12)


def place_to_cut(levels: Float[np.ndarray, "F"]) -> tuple[int, bool]:
    """Frame to cut at, and whether it lies in a pause: a third of the way from quiet to loud, or below −60 dB.

    Of several pauses the longest counts, of equal ones the last; without any it is the quietest frame.
    """
    low, high = np.percentile(levels, [10, 95])
    silent = levels < (max(low + (high - low) / 3, -60.0) if high - low > 10 else -60.0)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], silent, [False]]).astype(np.int8))).reshape(-1, 2)
    pauses = [(int(a), int(b)) for a, b in edges if (b - a) * HOP >= _PAUSE]
    if not pauses:
        return int(levels.argmin()), False
    first, last = max(pauses, key=lambda pause: (pause[1] - pause[0], pause[1]))
    return (first + last) // 2, True


def cut_at_pause(wav: Float[np.ndarray, "N"], rate: int, trained: PromptRange) -> tuple[Float[np.ndarray, "M"], str]:
    """The beginning up to a pause near the longest trained length, and "in a pause" or "at a quiet place"."""
    last = int(trained.longest * rate)
    first = int(max(trained.shortest, _EARLIEST * trained.longest) * rate)
    first = min(first, last - int(2 * HOP * rate))
    at, quiet = place_to_cut(levels(wav[first:last], rate))
    return wav[: first + round(at * HOP * rate)], "in a pause" if quiet else "at a quiet place"
