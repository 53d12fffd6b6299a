"""Recordings as long as those of a real corpus, and nothing else of it."""

from __future__ import annotations

from pathlib import Path
from random import Random

from valle_core.registry.directory import service

FRAME_RATE = 50.0

LENGTHS = {
    "voice": (20, 36, 63, 75, 81, 85, 89, 93, 96, 99, 102, 105, 108, 111, 114, 117, 120, 123, 127, 131, 135, 139, 145,
              150, 156, 163, 172, 183, 198, 220, 254, 327, 598),
    "equal": (150, 150),
}  # fmt: skip
"""Frames of utterances: quantiles from the shortest to the longest, evenly spaced. `voice`: the corpus that the shipped
voice learns from, read sentences in English; `equal`: all of one length, so that nothing is padded."""

SYMBOLS_PER_FRAME, FEWEST_SYMBOLS = 0.345, 2
"""A line through the symbols of that corpus by their frames; it explains 97 % of their variance."""


def frames_of(lengths: str, count: int) -> list[int]:
    """So many utterances, evenly drawn from the quantiles, in a random order that is always the same."""
    points = LENGTHS[lengths]
    found = []
    for number in range(count):
        at = (number + 0.5) / count * (len(points) - 1)
        low = points[int(at)]
        found.append(round(low + (at - int(at)) * (points[min(int(at) + 1, len(points) - 1)] - low)))
    Random(0).shuffle(found)
    return found


def write_corpus(folder: Path, lengths: str, count: int) -> Path:
    """A dataset of random codes with these lengths, of 30 speakers."""
    made = service("made", "bench train writes a dataset of made recordings")
    frames = frames_of(lengths, count)
    made(folder, frames, [round(FEWEST_SYMBOLS + SYMBOLS_PER_FRAME * one) for one in frames])
    return folder
