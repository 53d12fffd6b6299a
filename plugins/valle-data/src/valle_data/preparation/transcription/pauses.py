"""Where audio may be cut: long recordings become windows that begin and end in pauses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

_HOP = 0.01  # seconds between two levels
_SMOOTH = 0.1  # seconds over which a level is averaged
_PAUSE = 0.25  # seconds of quiet that make a pause
_OVERLAP = 1.0  # seconds shared by two windows where there is no pause to cut in
_LATEST_THIRD = 1 / 3  # of a window, in which its end is looked for


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """A stretch that is heard at once.

    Attributes:
        start, end: samples that are heard.
        keep_start, keep_end: samples whose words count; windows of a recording keep each sample once.
    """

    start: int
    end: int
    keep_start: int
    keep_end: int


def windows(wav: Float[np.ndarray, "N"], rate: int, longest: float | None) -> list[Window]:
    """The whole, or stretches of at most `longest` seconds.

    A window ends in the middle of the quietest pause of its last third. Where there is none it ends at the quietest
    place, and it and its neighbour hear a second of each other, so that a word on the border is whole in one of them.
    """
    most = len(wav) if longest is None else int(longest * rate)
    if len(wav) <= most:
        return [Window(start=0, end=len(wav), keep_start=0, keep_end=len(wav))]
    levels = loudness(wav, rate)
    hop = round(_HOP * rate)
    overlap = min(int(_OVERLAP * rate), most // 10)
    found: list[Window] = []
    start, keep = 0, 0
    while len(wav) - start > most:
        latest = start + most - overlap
        earliest = max(latest - int(most * _LATEST_THIRD), keep + 1)
        at, quiet = _cut(levels[earliest // hop : latest // hop])
        place = earliest // hop * hop + at * hop
        end = place if quiet else min(place + overlap, start + most)
        found.append(Window(start=start, end=end, keep_start=keep, keep_end=place))
        start, keep = (place, place) if quiet else (max(place - overlap, 0), place)
    return [*found, Window(start=start, end=len(wav), keep_start=keep, keep_end=len(wav))]


def loudness(wav: Float[np.ndarray, "N"], rate: int) -> Float[np.ndarray, "F"]:
    """Decibels of full scale every 10 ms, averaged over 0.1 s; −120 for digital silence."""
    hop = round(_HOP * rate)
    frames = max(len(wav) // hop, 1)
    power = np.square(np.resize(wav[: frames * hop], frames * hop).astype(np.float64)).reshape(frames, hop).mean(1)
    width = min(round(_SMOOTH / _HOP), frames)
    smooth = np.convolve(power, np.full(width, 1 / width), mode="same")
    return 10 * np.log10(smooth + 1e-12)


def _cut(levels: Float[np.ndarray, "F"]) -> tuple[int, bool]:
    """Frame to cut at, and whether it lies in a pause: a third of the way from quiet to loud, or below −60 dB."""
    low, high = np.percentile(levels, [10, 95])
    silent = levels < (max(low + (high - low) / 3, -60.0) if high - low > 10 else -60.0)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], silent, [False]]).astype(np.int8))).reshape(-1, 2)
    pauses = [(int(a), int(b)) for a, b in edges if (b - a) * _HOP >= _PAUSE]
    if not pauses:
        return int(levels.argmin()), False
    first, last = max(pauses, key=lambda pause: (pause[1] - pause[0], pause[1]))
    return (first + last) // 2, True
